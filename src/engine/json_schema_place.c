#include "engine/json_schema_compiler.h"

#include <stdio.h>

enum { WORK_MAX = 20000000 }; /* one or two seconds at most */

const struct place *place_child(struct compiler *c, const struct place *parent,
                                const struct json *json, uint32_t index)
{
    struct place *place = arena_alloc(&c->arena, sizeof *place);
    if (!place) {
        c->no_memory = true;
        return NULL;
    }
    *place = (struct place){.json = json, .parent = parent, .index = index};
    if (parent->json->type == JSON_OBJECT)
        place->name = json->key.ptr ? json->key : STR("");
    return place;
}

const struct place *place_member(struct compiler *c, const struct place *object, const char *name)
{
    const struct json *json = json_get(object->json, name);
    return json ? place_child(c, object, json, 0) : NULL;
}

static size_t write_path(const struct compiler *c, const struct place *place, char *out,
                         size_t size)
{
    int n;
    if (!place->parent) {
        n = snprintf(out, size, "%s", c->path);
        return n > 0 ? (size_t)n : 0;
    }
    const size_t used = write_path(c, place->parent, out, size);
    if (used >= size)
        return used;
    if (place->name.ptr)
        n = snprintf(out + used, size - used, "%s%.*s", used ? "." : "", STR_ARG(place->name));
    else
        n = snprintf(out + used, size - used, "[%u]", place->index);
    return used + (n > 0 ? (size_t)n : 0);
}

enum status schema_refuse(struct compiler *c, const struct place *place, const char *en,
                          const char *zh)
{
    char path[200] = "";
    if (place)
        write_path(c, place, path, sizeof path);
    reason_set(c->why, "invalid_schema", "%s %s%.0s.", "%s %.0s%s。", path, en, zh);
    reason_subject(c->why, "%s", path);
    return STATUS_INVALID;
}

void schema_blame(struct compiler *c, const struct place *place)
{
    char path[200];
    write_path(c, place, path, sizeof path);
    reason_subject(c->why, "%s", path);
}

enum status schema_work(struct compiler *c, uint64_t steps)
{
    c->work += steps;
    return c->work <= WORK_MAX ? STATUS_OK
                               : schema_refuse(c, c->document, "is too complex", "过于复杂");
}

enum status schema_work_of(struct compiler *c, const struct dfa *dfa)
{
    return schema_work(c, dfa->work / 8);
}

enum value_kind {
    ANNOTATION,
    ANY_VALUE,
    SCHEMA,
    SCHEMAS,
    SCHEMA_MAP,
    NAMES,
    COUNT,
    NUMBER,
    TEXT,
    TYPES,
    VALUES,
    REFERENCE
};

static const struct keyword {
    const char *name;
    enum value_kind kind;
} keywords[] = {
    {"type", TYPES},
    {"enum", VALUES},
    {"const", ANY_VALUE},
    {"properties", SCHEMA_MAP},
    {"required", NAMES},
    {"additionalProperties", SCHEMA},
    {"items", SCHEMA},
    {"prefixItems", SCHEMAS},
    {"minItems", COUNT},
    {"maxItems", COUNT},
    {"minLength", COUNT},
    {"maxLength", COUNT},
    {"pattern", TEXT},
    {"minimum", NUMBER},
    {"maximum", NUMBER},
    {"exclusiveMinimum", NUMBER},
    {"exclusiveMaximum", NUMBER},
    {"multipleOf", NUMBER},
    {"anyOf", SCHEMAS},
    {"oneOf", SCHEMAS},
    {"allOf", SCHEMAS},
    {"$ref", REFERENCE},
    {"$defs", ANNOTATION}, /* looked at where something refers to them */
    {"definitions", ANNOTATION},
    {"title", ANNOTATION},
    {"description", ANNOTATION},
    {"markdownDescription", ANNOTATION},
    {"default", ANNOTATION},
    {"example", ANNOTATION},
    {"examples", ANNOTATION},
    {"format", ANNOTATION},
    {"deprecated", ANNOTATION},
    {"readOnly", ANNOTATION},
    {"writeOnly", ANNOTATION},
    {"discriminator", ANNOTATION},
    {"contentEncoding", ANNOTATION},
    {"contentMediaType", ANNOTATION},
    {"contentSchema", ANNOTATION},
    {"$schema", ANNOTATION},
    {"$id", ANNOTATION},
    {"$anchor", ANNOTATION},
    {"$comment", ANNOTATION},
    {"$vocabulary", ANNOTATION},
};

static const struct keyword *keyword_find(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(keywords); i++)
        if (str_is(name, keywords[i].name))
            return &keywords[i];
    return NULL;
}

static bool is_schema(const struct json *v)
{
    return v->type == JSON_OBJECT || v->type == JSON_BOOL;
}

static bool all_are(const struct json *list, bool (*is)(const struct json *))
{
    JSON_EACH(item, list)
        if (!is(item))
            return false;
    return true;
}

static bool is_string(const struct json *v)
{
    return v->type == JSON_STRING;
}

static bool is_count(const struct json *v)
{
    int64_t value;
    return json_int64(v, &value) && value >= 0;
}

/* NULL if the value of a keyword is of the right kind; else what it must be, in two languages. */
static const char *const *wrong_kind(enum value_kind kind, const struct json *v)
{
    static const char *const words[][LANG_COUNT] = {
        [SCHEMA] = {"must be a schema", "必须是 JSON Schema"},
        [SCHEMAS] = {"must be a non-empty array of schemas", "必须是非空的 JSON Schema 数组"},
        [SCHEMA_MAP] = {"must be an object of schemas", "必须是由 JSON Schema 组成的对象"},
        [NAMES] = {"must be an array of strings", "必须是字符串数组"},
        [COUNT] = {"must be a whole number, not negative", "必须是非负整数"},
        [NUMBER] = {"must be a number", "必须是数字"},
        [TEXT] = {"must be a string", "必须是字符串"},
        [REFERENCE] = {"must be a string", "必须是字符串"},
        [TYPES] = {"must be a string or an array of strings", "必须是字符串或字符串数组"},
        [VALUES] = {"must be a non-empty array", "必须是非空数组"},
    };
    bool right = true;
    switch (kind) {
    case ANNOTATION:
    case ANY_VALUE: break;
    case SCHEMA: right = is_schema(v); break;
    case SCHEMAS: right = json_is(v, JSON_ARRAY) && v->count > 0 && all_are(v, is_schema); break;
    case SCHEMA_MAP: right = json_is(v, JSON_OBJECT) && all_are(v, is_schema); break;
    case NAMES: right = json_is(v, JSON_ARRAY) && all_are(v, is_string); break;
    case COUNT: right = is_count(v); break;
    case NUMBER: right = v->type == JSON_NUMBER; break;
    case TEXT:
    case REFERENCE: right = is_string(v); break;
    case TYPES: right = is_string(v) || (json_is(v, JSON_ARRAY) && all_are(v, is_string)); break;
    case VALUES: right = json_is(v, JSON_ARRAY) && v->count > 0; break;
    }
    return right ? NULL : words[kind];
}

static enum status unsupported(struct compiler *c, const struct place *place)
{
    const enum status status =
        schema_refuse(c, place, "is a keyword that is not supported", "是不支持的关键字");
    reason_hint(c->why, "Leave it out, and check the answer yourself.",
                "请去掉它，并自行检查回答。");
    return status;
}

/* What asks for nothing. */
static bool is_neutral(const struct json *member)
{
    int64_t value;
    if (str_is(member->key, "uniqueItems"))
        return member->type == JSON_BOOL && !member->truth;
    if (str_is(member->key, "minProperties"))
        return json_int64(member, &value) && value == 0;
    return str_starts(member->key, "x-");
}

enum status schema_check_keywords(struct compiler *c, const struct place *place)
{
    JSON_EACH(member, place->json) {
        const struct keyword *keyword = keyword_find(member->key);
        const char *const *wrong = keyword ? wrong_kind(keyword->kind, member) : NULL;
        if ((keyword && !wrong) || (!keyword && is_neutral(member)))
            continue;
        const struct place *at = place_child(c, place, member, 0);
        if (!at)
            return reason_no_memory(c->why, sizeof *at);
        return keyword ? schema_refuse(c, at, wrong[LANG_EN], wrong[LANG_ZH]) : unsupported(c, at);
    }
    return schema_work(c, place->json->count);
}

/* One step of a JSON pointer (RFC 6901) within a URI fragment: %41 and ~1 become what they mean. */
static bool unescape(struct compiler *c, struct str token, struct str *out)
{
    static const char hex[] = "0123456789abcdef0123456789ABCDEF";
    char *text = arena_alloc(&c->arena, token.len + 1);
    size_t n = 0;
    if (!text)
        return false;
    for (size_t i = 0; i < token.len; i++) {
        text[n] = token.ptr[i];
        if (token.ptr[i] == '%' && i + 2 < token.len) {
            const char *high = memchr(hex, token.ptr[i + 1], sizeof hex - 1);
            const char *low = memchr(hex, token.ptr[i + 2], sizeof hex - 1);
            if (high && low) {
                text[n] = (char)((high - hex) % 16 * 16 + (low - hex) % 16);
                i += 2;
            }
        }
        n++;
    }
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        const bool tilde =
            text[i] == '~' && i + 1 < n && (text[i + 1] == '0' || text[i + 1] == '1');
        text[kept++] = tilde ? (text[++i] == '0' ? '~' : '/') : text[i];
    }
    *out = (struct str){text, kept};
    return true;
}

static const struct place *child_by_token(struct compiler *c, const struct place *parent,
                                          struct str token)
{
    const struct json *found = NULL;
    uint32_t index = 0, at = 0;
    JSON_EACH(child, parent->json) {
        char number[16];
        snprintf(number, sizeof number, "%u", index);
        const bool is = parent->json->type == JSON_OBJECT  ? str_eq(child->key, token)
                        : parent->json->type == JSON_ARRAY ? str_is(token, number)
                                                           : false;
        if (is) {
            found = child;
            at = index;
        }
        index++;
    }
    return found ? place_child(c, parent, found, at) : NULL;
}

enum status schema_resolve(struct compiler *c, const struct place *reference,
                           const struct place **out)
{
    struct str rest = reference->json->text;
    const struct place *at = c->document;
    if (!str_is(rest, "#") && !str_starts(rest, "#/"))
        return schema_refuse(c, reference,
                             "must begin with #/ : only the schema itself can be "
                             "referred to",
                             "必须以 #/ 开头：只能引用该 JSON Schema 自身");
    for (size_t i = 1; i < rest.len && at;) {
        size_t end = i + 1;
        while (end < rest.len && rest.ptr[end] != '/')
            end++;
        struct str token;
        const enum status status = schema_work(c, at->json->count + 1);
        if (status)
            return status;
        if (!unescape(c, str_slice(rest, i + 1, end), &token))
            return reason_no_memory(c->why, rest.len);
        at = child_by_token(c, at, token);
        i = end;
    }
    if (!at || !is_schema(at->json))
        return schema_refuse(c, reference, "refers to no schema", "引用的 JSON Schema 不存在");
    *out = at;
    return STATUS_OK;
}
