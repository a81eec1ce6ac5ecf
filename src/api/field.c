#include "api/field.h"

#include "base/utf8.h"

#include <math.h>
#include <stdio.h>

struct field field_body(const struct json *root)
{
    return (struct field){.json = root};
}

struct field field_member(const struct field *object, const char *name)
{
    const struct json *value = json_get(object->json, name);
    return (struct field){
        .json = json_is(value, JSON_NULL) ? NULL : value,
        .parent = object,
        .name = name,
    };
}

struct field field_element(const struct field *array, const struct json *element, uint32_t index)
{
    return (struct field){.json = element, .parent = array, .index = index};
}

static size_t append_path(const struct field *field, char *out, size_t size)
{
    if (!field->parent)
        return 0;
    const size_t used = append_path(field->parent, out, size);
    if (used >= size)
        return used;
    const char *dot = used ? "." : "";
    const int n = field->name ? snprintf(out + used, size - used, "%s%s", dot, field->name)
                              : snprintf(out + used, size - used, "[%u]", field->index);
    return used + (n > 0 ? (size_t)n : 0);
}

struct field_path field_path(const struct field *field)
{
    struct field_path path = {""};
    append_path(field, path.text, sizeof path.text);
    return path;
}

struct field_quote field_quote(struct str text)
{
    enum { SHOWN = 40 };
    struct field_quote quote = {""};
    const size_t shown = text.len <= SHOWN ? text.len : utf8_floor(text.ptr, SHOWN);
    snprintf(quote.text, sizeof quote.text, "%.*s%s", (int)shown, text.len ? text.ptr : "",
             shown < text.len ? "…" : "");
    return quote;
}

enum status field_blame(const struct field *field, struct reason *why)
{
    reason_subject(why, "%s", field_path(field).text);
    return STATUS_INVALID;
}

enum status field_wrong_type(const struct field *field, const char *en, const char *zh,
                             struct reason *why)
{
    const char *got_en = json_type_name(field->json, LANG_EN);
    const char *got_zh = json_type_name(field->json, LANG_ZH);
    if (field->parent)
        reason_set(why, "invalid_type", "%s must be %s%.0s, not %s%.0s.",
                   "%s 必须是%.0s%s，而不是%.0s%s。", field_path(field).text, en, zh, got_en,
                   got_zh);
    else
        reason_set(why, "invalid_type", "The body must be %s%.0s, not %s%.0s.",
                   "请求体必须是%.0s%s，而不是%.0s%s。", en, zh, got_en, got_zh);
    return field_blame(field, why);
}

enum status field_missing(const struct field *field, const char *en, const char *zh,
                          struct reason *why)
{
    reason_set(why, "missing_field", "%s is missing; it must be %s%.0s.",
               "缺少 %s，它必须是%.0s%s。", field_path(field).text, en, zh);
    return field_blame(field, why);
}

enum status field_is(const struct field *field, enum json_type type, struct reason *why)
{
    if (json_is(field->json, type))
        return STATUS_OK;
    const struct json wanted = {.type = type};
    const char *en = json_type_name(&wanted, LANG_EN), *zh = json_type_name(&wanted, LANG_ZH);
    return field->json || !field->parent ? field_wrong_type(field, en, zh, why)
                                         : field_missing(field, en, zh, why);
}

enum status field_text(const struct field *field, struct str *out, struct reason *why)
{
    const enum status status = field_is(field, JSON_STRING, why);
    if (status)
        return status;
    if (field->json->text.len == 0) {
        reason_set(why, "invalid_value", "%s must not be empty.", "%s 不能为空。",
                   field_path(field).text);
        return field_blame(field, why);
    }
    *out = field->json->text;
    return STATUS_OK;
}

enum status field_bool(const struct field *field, bool *out, struct reason *why)
{
    if (!field->json)
        return STATUS_OK;
    const enum status status = field_is(field, JSON_BOOL, why);
    if (!status)
        *out = field->json->truth;
    return status;
}

static enum status not_an_integer(const struct field *field, struct reason *why)
{
    reason_set(why, "invalid_type", "%s must be an integer, not %s.", "%s 必须是整数，而不是 %s。",
               field_path(field).text, field_quote(field->json->text).text);
    return field_blame(field, why);
}

enum status field_integer(const struct field *field, int64_t min, int64_t max, int64_t *out,
                          struct reason *why)
{
    if (!field->json)
        return STATUS_OK;
    if (!json_is(field->json, JSON_NUMBER))
        return field_wrong_type(field, "an integer", "整数", why);
    int64_t value;
    double nearest;
    const bool fits = json_int64(field->json, &value);
    if (!fits && json_double(field->json, &nearest) && nearest != nearbyint(nearest))
        return not_an_integer(field, why);
    if (fits && value >= min && value <= max) {
        *out = value;
        return STATUS_OK;
    }
    const struct field_path path = field_path(field);
    const struct field_quote got = field_quote(field->json->text);
    if (fits && value < min && max == INT64_MAX)
        reason_set(why, "invalid_value", "%s must be at least %lld, not %s.",
                   "%s 不能小于 %lld，收到的是 %s。", path.text, (long long)min, got.text);
    else
        reason_set(why, "invalid_value", "%s must be an integer from %lld to %lld, not %s.",
                   "%s 必须是 %lld 到 %lld 之间的整数，收到的是 %s。", path.text, (long long)min,
                   (long long)max, got.text);
    return field_blame(field, why);
}

enum status field_number(const struct field *field, struct field_range range, double *out,
                         struct reason *why)
{
    if (!field->json)
        return STATUS_OK;
    enum status status = field_is(field, JSON_NUMBER, why);
    double value;
    if (status)
        return status;
    if (!json_double(field->json, &value))
        return reason_no_memory(why, field->json->text.len);
    if (value <= range.max && (range.above ? value > range.min : value >= range.min)) {
        *out = value;
        return STATUS_OK;
    }
    const char *en = range.above ? "above" : "at least", *zh = range.above ? "大于" : "不小于";
    reason_set(why, "invalid_value", "%s must be %s%.0s %g and at most %g, not %s.",
               "%s 必须%.0s%s %g 且不大于 %g，收到的是 %s。", field_path(field).text, en, zh,
               range.min, range.max, field_quote(field->json->text).text);
    return field_blame(field, why);
}
