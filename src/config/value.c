#include "config/value.h"

#include "base/utf8.h"
#include "config/listen.h"
#include "config/number.h"
#include "os/file.h"

#include <math.h>
#include <stdio.h>

struct parse {
    const struct setting *row;
    const char *name;
    const struct value_context *context;
    struct reason *why;
};

/* Text of unknown origin, cut and fit for a terminal. */
static const char *shown(struct str text, char out[96])
{
    const size_t len = text.len > 80 ? utf8_floor(text.ptr, 80) : text.len;
    for (size_t i = 0; i < len; i++) {
        const unsigned char c = (unsigned char)text.ptr[i];
        out[i] = c < 0x20 || c == 0x7F ? '?' : (char)c;
    }
    snprintf(out + len, 96 - len, "%s", len < text.len ? "…" : "");
    return out;
}

/* What was expected: "a whole number or auto", "json or combined". In Chinese a blank stands before
 * Latin letters. */
static void expected_text(const struct setting *row, enum lang lang, char out[256])
{
    const char *glue = lang == LANG_ZH ? " 或 " : " or ";
    const char *kind = setting_kind(row->type)->expected[lang];
    size_t len = (size_t)snprintf(out, 256, "%s", kind);
    for (size_t i = 0; row->words && row->words[i] && len < 256; i++) {
        const char *first = lang == LANG_ZH ? " " : "";
        const char *before = len == 0 ? first : kind[0] || !row->words[i + 1] ? glue : ", ";
        len += (size_t)snprintf(out + len, 256 - len, "%s%s", before, row->words[i]);
    }
}

/* "X must be a whole number or auto, not "abc"." The unused language is printed with width 0. */
static enum status unexpected(const struct parse *p, struct str text)
{
    char quoted[96], expected[LANG_COUNT][256];
    for (int lang = 0; lang < LANG_COUNT; lang++)
        expected_text(p->row, (enum lang)lang, expected[lang]);
    reason_set(p->why, "config_invalid_value", "%s must be %s%.0s, not \"%s\".",
               "%s 应为%.0s%s，而不是“%s”。", p->name, expected[LANG_EN], expected[LANG_ZH],
               shown(text, quoted));
    return STATUS_INVALID;
}

static enum status out_of_range(const struct parse *p, struct str text)
{
    char quoted[96], range[LANG_COUNT][96];
    for (int lang = 0; lang < LANG_COUNT; lang++) {
        struct buf buf;
        buf_init(&buf, sizeof range[lang] - 1);
        value_range_text(p->row, (enum lang)lang, &buf);
        snprintf(range[lang], sizeof range[lang], "%.*s", STR_ARG(buf_str(&buf)));
        buf_release(&buf);
    }
    reason_set(p->why, "config_invalid_value", "%s must be %s%.0s, not %s.",
               "%s 应%.0s%s，而不是 %s。", p->name, range[LANG_EN], range[LANG_ZH],
               shown(text, quoted));
    return STATUS_INVALID;
}

static bool is_word(const struct setting *row, struct str text)
{
    for (size_t i = 0; row->words && row->words[i]; i++)
        if (str_is(text, row->words[i]))
            return true;
    return false;
}

static bool bool_parse(struct str text, bool *out)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (!str_ieq(text, str_from(words[i])))
            continue;
        *out = i % 2 == 1;
        return true;
    }
    return false;
}

static enum status set_switch(const struct parse *p, struct str text, void *field)
{
    bool value;
    if (!bool_parse(text, &value))
        return unexpected(p, text);
    if (p->row->type == SETTING_BOOL)
        *(bool *)field = value;
    else
        *(enum tristate *)field = value ? TRISTATE_YES : TRISTATE_NO;
    return STATUS_OK;
}

static enum status set_integer(const struct parse *p, struct str text, int64_t *field)
{
    int64_t value;
    if (is_word(p->row, text)) {
        *field = 0;
        return STATUS_OK;
    }
    if (!number_parse(p->row->type, text, &value))
        return unexpected(p, text);
    if ((double)value < p->row->min || (double)value > p->row->max)
        return out_of_range(p, text);
    *field = value;
    return STATUS_OK;
}

static enum status set_real(const struct parse *p, struct str text, double *field)
{
    double value;
    if (!number_parse_real(p->row->type, text, &value))
        return unexpected(p, text);
    if (value < p->row->min || value > p->row->max)
        return out_of_range(p, text);
    *field = value;
    return STATUS_OK;
}

static enum status set_choice(const struct parse *p, struct str text, void *field)
{
    for (unsigned i = 0; p->row->words[i]; i++) {
        if (str_is(text, p->row->words[i])) {
            memcpy(field, &i, sizeof i);
            return STATUS_OK;
        }
    }
    const enum status status = unexpected(p, text);
    const char *nearest = str_nearest(text, p->row->words);
    if (nearest)
        reason_hint(p->why, "Did you mean %s?", "是否想写 %s？", nearest);
    return status;
}

static enum status set_text(const struct parse *p, struct str text, const char **field)
{
    *field = arena_strdup(p->context->arena, text);
    return *field ? STATUS_OK : reason_no_memory(p->why, text.len);
}

static enum status set_path(const struct parse *p, struct str text, const char **field)
{
    const bool relative = text.len > 0 && text.ptr[0] != '/' && !is_word(p->row, text);
    *field = arena_printf(p->context->arena, "%s%.*s", relative ? p->context->directory : "",
                          STR_ARG(text));
    return *field ? STATUS_OK : reason_no_memory(p->why, text.len);
}

static enum status empty_secret(const struct parse *p, const char *path)
{
    reason_set(p->why, "config_invalid_value", "The secret %s is empty or no text in the file %s.",
               "机密 %s 为空或不是文本，文件为 %s。", p->name, path);
    return STATUS_INVALID;
}

/* "file:PATH" → the file's text without its last line end. */
static enum status set_secret(const struct parse *p, struct str text, const char **field)
{
    if (!str_starts(text, "file:"))
        return set_text(p, text, field);
    const char *path;
    enum status status = set_path(p, str_slice(text, strlen("file:"), text.len), &path);
    if (status)
        return status;
    struct buf content;
    buf_init(&content, SECRET_BYTES_MAX);
    status = file_read(path, &content, p->why);
    if (status) {
        reason_context(p->why, "%s", "%s", p->name);
    } else {
        struct str secret = buf_str(&content);
        if (str_ends(secret, "\n"))
            secret.len--;
        if (str_ends(secret, "\r"))
            secret.len--;
        const bool text_only = utf8_valid_prefix(secret.ptr, secret.len) == secret.len &&
                               (secret.len == 0 || !memchr(secret.ptr, '\0', secret.len));
        status = secret.len > 0 && text_only ? set_text(p, secret, field) : empty_secret(p, path);
    }
    buf_release(&content);
    return status;
}

void *value_list_grow(struct arena *arena, void **items, size_t *count, size_t size)
{
    const size_t n = *count;
    if ((n & (n - 1)) == 0) { /* 0 or a power of two: full */
        void *larger = arena_array(arena, n ? 2 * n : 1, size);
        if (!larger)
            return NULL;
        if (n > 0)
            memcpy(larger, *items, n * size);
        *items = larger;
    }
    (*count)++;
    return (char *)*items + n * size;
}

static enum status add_listener(const struct parse *p, struct str text, struct listener_list *list)
{
    struct listener listener;
    const enum status status = listener_parse(text, p->context->arena, &listener, p->why);
    if (status) {
        reason_context(p->why, "%s", "%s", p->name);
        return status;
    }
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].text, listener.text) == 0 && listener.port != 0) {
            reason_set(p->why, "config_invalid_value", "%s names %s twice.", "%s 两次列出 %s。",
                       p->name, listener.text);
            return STATUS_INVALID;
        }
    }
    void *items = list->items;
    struct listener *slot = value_list_grow(p->context->arena, &items, &list->count, sizeof *slot);
    if (!slot)
        return reason_no_memory(p->why, sizeof *slot);
    list->items = items;
    *slot = listener;
    return STATUS_OK;
}

static enum status add_string(const struct parse *p, struct str text, struct text_list *list)
{
    void *items = list->items;
    const char **slot = value_list_grow(p->context->arena, &items, &list->count, sizeof *slot);
    if (!slot)
        return reason_no_memory(p->why, sizeof *slot);
    list->items = items;
    return set_text(p, text, slot);
}

static enum status add_range(const struct parse *p, struct str text, struct range_list *list)
{
    struct address_range range;
    const enum status status = address_range_parse(text, &range, p->why);
    if (status) {
        reason_context(p->why, "%s", "%s", p->name);
        return status;
    }
    void *items = list->items;
    struct address_range *slot =
        value_list_grow(p->context->arena, &items, &list->count, sizeof *slot);
    if (!slot)
        return reason_no_memory(p->why, sizeof *slot);
    list->items = items;
    *slot = range;
    return STATUS_OK;
}

static enum status require_text(const struct parse *p, struct str text)
{
    if (utf8_valid_prefix(text.ptr, text.len) == text.len &&
        (text.len == 0 || !memchr(text.ptr, '\0', text.len)))
        return STATUS_OK;
    reason_set(p->why, "config_invalid_value", "%s must be UTF-8 text without NUL.",
               "%s 应为不含 NUL 的 UTF-8 文本。", p->name);
    return STATUS_INVALID;
}

static size_t list_count(const struct setting *row, const void *field)
{
    switch (row->type) {
    case SETTING_LISTENERS: return ((const struct listener_list *)field)->count;
    case SETTING_RANGES: return ((const struct range_list *)field)->count;
    default: return ((const struct text_list *)field)->count;
    }
}

static enum status add_item(const struct parse *p, struct str text, void *field)
{
    if (list_count(p->row, field) >= LIST_ITEMS_MAX) {
        reason_set(p->why, "config_invalid_value", "%s has more than %d items.", "%s 超过 %d 项。",
                   p->name, LIST_ITEMS_MAX);
        return STATUS_INVALID;
    }
    if (text.len == 0) {
        reason_set(p->why, "config_invalid_value", "%s has an empty item.", "%s 含有空项。",
                   p->name);
        return STATUS_INVALID;
    }
    switch (p->row->type) {
    case SETTING_LISTENERS: return add_listener(p, text, field);
    case SETTING_RANGES: return add_range(p, text, field);
    default: return add_string(p, text, field);
    }
}

enum status value_add_item(const struct setting *row, const char *name, struct str text,
                           const struct value_context *context, void *field, struct reason *why)
{
    const struct parse p = {row, name, context, why};
    const enum status status = require_text(&p, text);
    return status ? status : add_item(&p, text, field);
}

static void list_clear(const struct setting *row, void *field)
{
    switch (row->type) {
    case SETTING_LISTENERS: *(struct listener_list *)field = (struct listener_list){0}; break;
    case SETTING_RANGES: *(struct range_list *)field = (struct range_list){0}; break;
    default: *(struct text_list *)field = (struct text_list){0}; break;
    }
}

static enum status append(const struct parse *p, struct str text, void *field)
{
    while (text.len > 0) {
        const char *comma = memchr(text.ptr, ',', text.len);
        const size_t len = comma ? (size_t)(comma - text.ptr) : text.len;
        const enum status status = add_item(p, str_trim(str_slice(text, 0, len)), field);
        if (status)
            return status;
        if (comma && len + 1 == text.len)
            return add_item(p, STR(""), field);
        text = str_slice(text, comma ? len + 1 : len, text.len);
    }
    return STATUS_OK;
}

enum status value_append(const struct setting *row, const char *name, struct str text,
                         const struct value_context *context, void *field, struct reason *why)
{
    const struct parse p = {row, name, context, why};
    const enum status status = require_text(&p, text);
    return status ? status : append(&p, text, field);
}

static enum status set_list(const struct parse *p, struct str text, void *field)
{
    list_clear(p->row, field);
    return append(p, text, field);
}

static enum status set_by_type(const struct parse *p, struct str text, void *field)
{
    switch (p->row->type) {
    case SETTING_BOOL:
    case SETTING_TRISTATE: return set_switch(p, text, field);
    case SETTING_INTEGER:
    case SETTING_COUNT:
    case SETTING_BYTES:
    case SETTING_RATE:
    case SETTING_DURATION: return set_integer(p, text, field);
    case SETTING_NUMBER:
    case SETTING_PERCENT: return set_real(p, text, field);
    case SETTING_STRING: return set_text(p, text, field);
    case SETTING_PATH: return set_path(p, text, field);
    case SETTING_SECRET: return set_secret(p, text, field);
    case SETTING_CHOICE: return set_choice(p, text, field);
    case SETTING_STRINGS:
    case SETTING_LISTENERS:
    case SETTING_RANGES: return set_list(p, text, field);
    case SETTING_RECORDS: break;
    }
    return unexpected(p, text);
}

enum status value_parse(const struct setting *row, const char *name, struct str text,
                        const struct value_context *context, void *field, struct reason *why)
{
    const struct parse p = {row, name, context, why};
    const enum status status = require_text(&p, text);
    return status ? status : set_by_type(&p, text, field);
}

static void set_unset(const struct setting *row, void *field)
{
    switch (row->type) {
    case SETTING_BOOL: *(bool *)field = false; break;
    case SETTING_TRISTATE: *(enum tristate *)field = TRISTATE_UNSET; break;
    case SETTING_INTEGER:
    case SETTING_COUNT:
    case SETTING_BYTES:
    case SETTING_RATE:
    case SETTING_DURATION: *(int64_t *)field = -1; break;
    case SETTING_NUMBER:
    case SETTING_PERCENT: *(double *)field = NAN; break;
    case SETTING_STRING:
    case SETTING_PATH:
    case SETTING_SECRET: *(const char **)field = ""; break;
    case SETTING_CHOICE: memset(field, 0, sizeof(unsigned)); break;
    case SETTING_STRINGS:
    case SETTING_LISTENERS:
    case SETTING_RANGES: list_clear(row, field); break;
    case SETTING_RECORDS: *(struct record_list *)field = (struct record_list){0}; break;
    }
}

enum status value_set_default(const struct setting *row, const struct value_context *context,
                              void *field, struct reason *why)
{
    set_unset(row, field);
    if (!row->fallback)
        return STATUS_OK;
    /* Paths among the defaults are not relative to anybody's file. */
    const struct value_context plain = {context->arena, ""};
    return value_parse(row, row->path, str_from(row->fallback), &plain, field, why);
}

enum status value_set_defaults(const struct setting_table *table,
                               const struct value_context *context, void *values,
                               struct reason *why)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct setting *row = &table->rows[i];
        const enum status status =
            value_set_default(row, context, (char *)values + row->offset, why);
        if (status)
            return status;
    }
    return STATUS_OK;
}
