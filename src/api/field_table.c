#include "api/field_table.h"

#include <stdio.h>

/* Type and value of a NEUTRAL field, the value as it is written. */
static const struct neutral_row {
    enum json_type type;
    const char *shown;
} neutrals[] = {
    [ONLY_ABSENT] = {JSON_NULL, "null"},     [ONLY_FALSE] = {JSON_BOOL, "false"},
    [ONLY_TRUE] = {JSON_BOOL, "true"},       [ONLY_ONE] = {JSON_NUMBER, "1"},
    [ONLY_EMPTY_ARRAY] = {JSON_ARRAY, "[]"}, [ONLY_EMPTY_OBJECT] = {JSON_OBJECT, "{}"},
};

static bool is_neutral(const struct json *v, enum field_neutral neutral)
{
    int64_t number;
    switch (neutral) {
    case ONLY_FALSE: return !v->truth;
    case ONLY_TRUE: return v->truth;
    case ONLY_ONE: return json_int64(v, &number) && number == 1;
    case ONLY_EMPTY_ARRAY:
    case ONLY_EMPTY_OBJECT: return v->count == 0;
    case ONLY_ABSENT: break;
    }
    return false;
}

static enum status check_neutral(const struct field *field, enum field_neutral neutral,
                                 struct reason *why)
{
    const struct neutral_row *row = &neutrals[neutral];
    if (neutral != ONLY_ABSENT && field->json->type != row->type)
        return field_is(field, row->type, why);
    if (is_neutral(field->json, neutral))
        return STATUS_OK;
    reason_set(why, "invalid_value", "%s asks for something that is not supported.",
               "%s 要求的功能不受支持。", field_path(field).text);
    reason_hint(why, "Leave it out, or give %s.", "请去掉它，或写成 %s。", row->shown);
    return field_blame(field, why);
}

/* `"auto", "low" or "high"`; with the words of each language between them. */
static void list_words(const char *const *words, const char *comma, const char *last, char *out,
                       size_t size)
{
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; words[i] && len < size; i++) {
        const char *before = i == 0 ? "" : words[i + 1] ? comma : last;
        len += (size_t)snprintf(out + len, size - len, "%s\"%s\"", before, words[i]);
    }
}

static enum status parse_word(const struct field *field, const char *const *words, int *out,
                              struct reason *why)
{
    const enum status status = field_is(field, JSON_STRING, why);
    if (status)
        return status;
    for (int i = 0; words[i]; i++) {
        if (!str_is(field->json->text, words[i]))
            continue;
        if (out)
            *out = i;
        return STATUS_OK;
    }
    char en[160], zh[160];
    list_words(words, ", ", " or ", en, sizeof en);
    list_words(words, "、", " 或 ", zh, sizeof zh);
    reason_set(why, "invalid_value", "%s must be %s%.0s, not \"%s\".",
               "%s 只能是%.0s %s，收到的是 \"%s\"。", field_path(field).text, en, zh,
               field_quote(field->json->text).text);
    return field_blame(field, why);
}

static enum status parse_json(const struct field *field, enum json_type type,
                              const struct json **out, struct reason *why)
{
    const enum status status = field_is(field, type, why);
    if (!status && out)
        *out = field->json;
    return status;
}

/* Only members of the table. */
static enum status check_closed(const struct field *object, const struct field_row *rows,
                                struct reason *why)
{
    JSON_EACH(item, object->json) {
        const struct field_quote name = field_quote(item->key);
        const struct field member = {.json = item, .parent = object, .name = name.text};
        if (item->type == JSON_NULL || field_table_find(rows, item->key))
            continue;
        reason_set(why, "invalid_value", "%s is not supported.", "不支持 %s。",
                   field_path(&member).text);
        return field_blame(&member, why);
    }
    return STATUS_OK;
}

static enum status parse_members(const struct field *object, const struct field_row *row,
                                 struct arena *arena, void *out, struct reason *why)
{
    const enum status status = field_table_parse(object, row->members, arena, out, why);
    return status || !row->closed ? status : check_closed(object, row->members, why);
}

static enum status parse_string(const struct field *field, struct str *out, struct reason *why)
{
    const enum status status = field_is(field, JSON_STRING, why);
    if (!status && out)
        *out = field->json->text;
    return status;
}

static enum status parse_text(const struct field *field, struct str *out, struct reason *why)
{
    struct str text;
    const enum status status = field_text(field, &text, why);
    if (!status && out)
        *out = text;
    return status;
}

static enum status parse_integer(const struct field *field, const struct field_row *row,
                                 int64_t *out, struct reason *why)
{
    int64_t value;
    return field_integer(field, row->min, row->max, out ? out : &value, why);
}

static enum status parse_number(const struct field *field, const struct field_row *row, double *out,
                                struct reason *why)
{
    double value;
    return field_number(field, row->range, out ? out : &value, why);
}

static enum status parse_bool(const struct field *field, bool *out, struct reason *why)
{
    bool value;
    return field_bool(field, out ? out : &value, why);
}

/* What must be there, and is not. */
static enum status refuse_absent(const struct field *field, const struct field_row *row,
                                 struct reason *why)
{
    switch (row->kind) {
    case FIELD_PARSED: return field_missing(field, row->en, row->zh, why);
    case FIELD_JSON: return field_is(field, row->type, why);
    case FIELD_OBJECT: return field_is(field, JSON_OBJECT, why);
    case FIELD_INTEGER:
    case FIELD_NUMBER: return field_is(field, JSON_NUMBER, why);
    case FIELD_BOOL: return field_is(field, JSON_BOOL, why);
    default: return field_is(field, JSON_STRING, why);
    }
}

static enum status parse_row(const struct field *field, const struct field_row *row,
                             struct arena *arena, void *out, struct reason *why)
{
    void *at = row->offset == FIELD_NOWHERE ? NULL : (char *)out + row->offset;
    if (!field->json)
        return row->required ? refuse_absent(field, row, why) : STATUS_OK;
    switch (row->kind) {
    case FIELD_BOOL: return parse_bool(field, at, why);
    case FIELD_INTEGER: return parse_integer(field, row, at, why);
    case FIELD_NUMBER: return parse_number(field, row, at, why);
    case FIELD_STRING: return parse_string(field, at, why);
    case FIELD_TEXT: return parse_text(field, at, why);
    case FIELD_WORD: return parse_word(field, row->words, at, why);
    case FIELD_JSON: return parse_json(field, row->type, at, why);
    case FIELD_OBJECT: return parse_members(field, row, arena, out, why);
    case FIELD_PARSED:
        if (!(row->types & 1u << field->json->type))
            return field_wrong_type(field, row->en, row->zh, why);
        return row->parse(field, arena, out, why);
    case FIELD_NEUTRAL: return check_neutral(field, row->neutral, why);
    case FIELD_UNUSED: break;
    }
    return STATUS_OK;
}

enum status field_table_parse(const struct field *object, const struct field_row *rows,
                              struct arena *arena, void *out, struct reason *why)
{
    enum status status = field_is(object, JSON_OBJECT, why);
    for (const struct field_row *row = rows; row->name && !status; row++) {
        const struct field field = field_member(object, row->name);
        status = parse_row(&field, row, arena, out, why);
    }
    return status;
}

const struct field_row *field_table_find(const struct field_row *rows, struct str name)
{
    for (const struct field_row *row = rows; row->name; row++)
        if (str_is(name, row->name))
            return row;
    return NULL;
}

static bool is_known(struct str name, const struct field_row *const *tables)
{
    for (; *tables; tables++)
        if (field_table_find(*tables, name))
            return true;
    return false;
}

enum { LIST_BYTES = 256, NAME_BYTES = 40, REST_BYTES = 16 };

static bool is_safe(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
           c == '.' || c == '-';
}

/* Appends a name, if there is room for it and for what may follow. */
static bool append_name(char *list, size_t *len, struct str name)
{
    const struct str shown = str_slice(name, 0, NAME_BYTES);
    if (*len + 1 + shown.len + REST_BYTES > LIST_BYTES)
        return false;
    if (*len > 0)
        list[(*len)++] = ',';
    for (size_t i = 0; i < shown.len; i++)
        list[(*len)++] = is_safe(shown.ptr[i]) ? shown.ptr[i] : '?';
    list[*len] = '\0';
    return true;
}

enum status field_unknown_list(const struct json *body, const struct field_row *const *tables,
                               struct arena *arena, const char **out, struct reason *why)
{
    char list[LIST_BYTES] = "";
    size_t len = 0, left = 0;
    JSON_EACH(item, json_is(body, JSON_OBJECT) ? body : NULL) {
        if (!is_known(item->key, tables) && !append_name(list, &len, item->key))
            left++;
    }
    *out = NULL;
    if (left > 0)
        len += (size_t)snprintf(list + len, sizeof list - len, ",+%zu", left);
    if (len == 0)
        return STATUS_OK;
    *out = arena_strdup(arena, (struct str){list, len});
    return *out ? STATUS_OK : reason_no_memory(why, len);
}

/* Of all tables. */
static const char *nearest_name(struct str name, const struct field_row *const *tables)
{
    const char *best = NULL;
    for (; *tables; tables++) {
        for (const struct field_row *row = *tables; row->name; row++) {
            const char *const one[] = {row->name, NULL};
            if (name.len > 0 && str_nearest(name, one) &&
                (!best ||
                 str_distance(name, str_from(row->name)) < str_distance(name, str_from(best))))
                best = row->name;
        }
    }
    return best;
}

enum status field_unknown_refuse(const struct json *body, const struct field_row *const *tables,
                                 struct reason *why)
{
    JSON_EACH(item, json_is(body, JSON_OBJECT) ? body : NULL) {
        if (is_known(item->key, tables))
            continue;
        const struct field_quote name = field_quote(item->key);
        reason_set(why, "invalid_value", "There is no field %s.", "没有字段 %s。", name.text);
        const char *nearest = nearest_name(item->key, tables);
        if (nearest)
            reason_hint(why, "Did you mean %s?", "您是不是想写 %s？", nearest);
        else
            reason_hint(why, "Leave it out; this server refuses what it does not know.",
                        "请去掉它；本服务器拒绝不认识的字段。");
        reason_subject(why, "%s", name.text);
        return STATUS_INVALID;
    }
    return STATUS_OK;
}
