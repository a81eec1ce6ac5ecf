/* The way back: typed field → YAML text. */
#include "base/json_text.h"
#include "config/listen.h"
#include "config/number.h"
#include "config/value.h"

#include <ctype.h>
#include <math.h>

static bool is_plain(struct str text)
{
    static const char *const reserved[] = {"null", "true", "false"};
    if (text.len == 0 || (!isalnum((unsigned char)text.ptr[0]) && text.ptr[0] != '/'))
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (!isalnum((unsigned char)text.ptr[i]) && !strchr("._/-:", text.ptr[i]))
            return false;
    for (size_t i = 0; i < ARRAY_LEN(reserved); i++)
        if (str_ieq(text, str_from(reserved[i])))
            return false;
    return text.ptr[text.len - 1] != ':' && memchr(text.ptr, '\0', text.len) == NULL;
}

/* Plain where nothing could be misread, else in double quotes; "${" written so that it stays. */
static void write_text(const char *text, struct buf *out)
{
    if (is_plain(str_from(text))) {
        buf_puts(out, text);
        return;
    }
    struct buf escaped;
    buf_init(&escaped, out->max);
    for (const char *c = text; *c; c++) {
        if (c[0] == '$' && c[1] == '{')
            buf_putc(&escaped, '$');
        buf_putc(&escaped, *c);
    }
    json_text_string(out, buf_str(&escaped));
    out->failed |= escaped.failed;
    buf_release(&escaped);
}

static void write_integer(const struct setting *row, int64_t value, struct buf *out)
{
    char text[NUMBER_TEXT_MAX];
    if (value < 0 && row->min >= 0)
        return;
    if (value == 0 && row->words) {
        buf_puts(out, row->words[0]);
        return;
    }
    number_format(row->type, value, text);
    buf_puts(out, text);
}

static void write_real(const struct setting *row, double value, struct buf *out)
{
    char text[NUMBER_TEXT_MAX];
    if (isnan(value))
        return;
    number_format_real(row->type, value, text);
    buf_puts(out, text);
}

static void write_choice(const struct setting *row, const void *field, struct buf *out)
{
    unsigned index;
    memcpy(&index, field, sizeof index);
    buf_puts(out, row->words[index]);
}

static void write_strings(const struct text_list *list, struct buf *out)
{
    buf_putc(out, '[');
    for (size_t i = 0; i < list->count; i++) {
        buf_puts(out, i ? ", " : "");
        write_text(list->items[i], out);
    }
    buf_putc(out, ']');
}

static void write_listeners(const struct listener_list *list, struct buf *out)
{
    buf_putc(out, '[');
    for (size_t i = 0; i < list->count; i++) {
        buf_puts(out, i ? ", " : "");
        write_text(list->items[i].text, out);
    }
    buf_putc(out, ']');
}

static void write_ranges(const struct range_list *list, struct buf *out)
{
    char text[ADDRESS_RANGE_TEXT_MAX];
    buf_putc(out, '[');
    for (size_t i = 0; i < list->count; i++) {
        buf_puts(out, i ? ", " : "");
        write_text(address_range_write(&list->items[i], text), out);
    }
    buf_putc(out, ']');
}

/* {name: a, weight: 1}: unset fields are left out. */
static void write_record(const struct setting_table *table, const char *values, struct buf *out)
{
    buf_putc(out, '{');
    bool first = true;
    for (size_t i = 0; i < table->count; i++) {
        struct buf value;
        buf_init(&value, out->max);
        value_write(&table->rows[i], values + table->rows[i].offset, &value);
        if (value.len > 0) {
            buf_printf(out, "%s%s: ", first ? "" : ", ", table->rows[i].path);
            buf_add_str(out, buf_str(&value));
            first = false;
        }
        out->failed |= value.failed;
        buf_release(&value);
    }
    buf_putc(out, '}');
}

static void write_records(const struct setting *row, const struct record_list *list,
                          struct buf *out)
{
    buf_putc(out, '[');
    for (size_t i = 0; i < list->count; i++) {
        buf_puts(out, i ? ", " : "");
        write_record(row->table, (const char *)list->items + i * row->table->size, out);
    }
    buf_putc(out, ']');
}

void value_write(const struct setting *row, const void *field, struct buf *out)
{
    switch (row->type) {
    case SETTING_BOOL: buf_puts(out, *(const bool *)field ? "true" : "false"); break;
    case SETTING_TRISTATE:
        if (*(const enum tristate *)field != TRISTATE_UNSET)
            buf_puts(out, *(const enum tristate *)field == TRISTATE_YES ? "true" : "false");
        break;
    case SETTING_INTEGER:
    case SETTING_COUNT:
    case SETTING_BYTES:
    case SETTING_RATE:
    case SETTING_DURATION: write_integer(row, *(const int64_t *)field, out); break;
    case SETTING_NUMBER:
    case SETTING_PERCENT: write_real(row, *(const double *)field, out); break;
    case SETTING_STRING:
    case SETTING_PATH:
        if (**(const char *const *)field || row->fallback)
            write_text(*(const char *const *)field, out);
        break;
    case SETTING_SECRET:
        if (**(const char *const *)field)
            buf_puts(out, "\"***\"");
        break;
    case SETTING_CHOICE: write_choice(row, field, out); break;
    case SETTING_STRINGS: write_strings(field, out); break;
    case SETTING_LISTENERS: write_listeners(field, out); break;
    case SETTING_RANGES: write_ranges(field, out); break;
    case SETTING_RECORDS: write_records(row, field, out); break;
    }
}

static bool same_records(const struct setting_table *table, const struct record_list *a,
                         const struct record_list *b)
{
    bool same = a->count == b->count;
    for (size_t i = 0; i < a->count && same; i++) {
        const char *one = (const char *)a->items + i * table->size;
        const char *other = (const char *)b->items + i * table->size;
        for (size_t k = 0; k < table->count && same; k++)
            same = value_same(&table->rows[k], one + table->rows[k].offset,
                              other + table->rows[k].offset);
    }
    return same;
}

bool value_same(const struct setting *row, const void *a, const void *b)
{
    if (row->type == SETTING_SECRET)
        return strcmp(*(const char *const *)a, *(const char *const *)b) == 0;
    if (row->type == SETTING_RECORDS)
        return same_records(row->table, a, b);
    struct buf one, other;
    buf_init(&one, (size_t)1 << 20);
    buf_init(&other, (size_t)1 << 20);
    value_write(row, a, &one);
    value_write(row, b, &other);
    const bool same = !one.failed && !other.failed && str_eq(buf_str(&one), buf_str(&other));
    buf_release(&one);
    buf_release(&other);
    return same;
}

static bool has_range(enum setting_type type)
{
    return (type >= SETTING_INTEGER && type <= SETTING_PERCENT);
}

void value_range_text(const struct setting *row, enum lang lang, struct buf *out)
{
    char min[NUMBER_TEXT_MAX], max[NUMBER_TEXT_MAX];
    if (row->type == SETTING_CHOICE) {
        for (size_t i = 0; row->words[i]; i++)
            buf_printf(out, "%s%s", i ? ", " : "", row->words[i]);
        return;
    }
    if (!has_range(row->type))
        return;
    if (row->type == SETTING_NUMBER || row->type == SETTING_PERCENT) {
        number_format_real(row->type, row->min, min);
        number_format_real(row->type, row->max, max);
    } else {
        number_format(row->type, (int64_t)row->min, min);
        number_format(row->type, (int64_t)row->max, max);
    }
    buf_printf(out, lang == LANG_ZH ? "在 %s 到 %s 之间" : "from %s to %s", min, max);
}
