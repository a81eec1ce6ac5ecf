/* Numbers, strings and words. */
#include "base/utf8.h"
#include "engine/json_schema_compiler.h"

/* Beyond this, numbers are not written at all. */
#define LARGE_BOUND 1e40

static enum status no_dfa(struct compiler *c, const struct job *job, enum status status)
{
    if (status == STATUS_NO_MEMORY)
        return reason_no_memory(c->why, sizeof(struct dfa));
    return status ? schema_refuse(c, job->list[0].place, "is too complex", "过于复杂") : STATUS_OK;
}

/* Tightens a bound by the keyword of one schema. sign: 1 for a minimum, -1 for a maximum. */
static enum status tighten(struct compiler *c, const struct place *schema, const char *name,
                           bool exclusive, int sign, struct number_bound *bound)
{
    const struct place *place = place_member(c, schema, name);
    struct number_bound other = {.given = true, .exclusive = exclusive};
    if (!place)
        return STATUS_OK;
    if (!decimal_parse(place->json->text, &other.at)) {
        double value = 0;
        if (json_double(place->json, &value) && value * sign < -LARGE_BOUND)
            return STATUS_OK;
        return schema_refuse(c, place, "has more digits than are compared",
                             "的位数超出可比较的范围");
    }
    const int order = bound->given ? decimal_compare(&other.at, &bound->at) * sign : 1;
    if (order > 0 || (order == 0 && exclusive))
        *bound = other;
    return STATUS_OK;
}

static enum status gather_multiple(struct compiler *c, const struct place *schema,
                                   struct number_range *range)
{
    const struct place *place = place_member(c, schema, "multipleOf");
    int64_t value;
    if (!place)
        return STATUS_OK;
    if (!json_int64(place->json, &value) || value < 1 || value > MULTIPLE_OF_MAX ||
        (range->multiple_of > 1 && range->multiple_of != (uint32_t)value))
        return schema_refuse(c, place, "must be one whole number from 1 to 100",
                             "必须是 1 到 100 之间的同一个整数");
    range->integer = true; /* whatever it was: multiples of whole numbers are whole */
    range->multiple_of = (uint32_t)value;
    return STATUS_OK;
}

static enum status gather_range(struct compiler *c, const struct job *job,
                                struct number_range *range)
{
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < job->count && !status; i++) {
        const struct place *schema = job->list[i].place;
        status = tighten(c, schema, "minimum", false, 1, &range->min);
        if (!status)
            status = tighten(c, schema, "exclusiveMinimum", true, 1, &range->min);
        if (!status)
            status = tighten(c, schema, "maximum", false, -1, &range->max);
        if (!status)
            status = tighten(c, schema, "exclusiveMaximum", true, -1, &range->max);
        if (!status)
            status = gather_multiple(c, schema, range);
    }
    return status;
}

enum status schema_fill_number(struct compiler *c, const struct job *job, uint32_t node,
                               bool integer)
{
    struct number_range range = {.integer = integer, .multiple_of = 1};
    enum status status = gather_range(c, job, &range);
    if (status)
        return status;
    struct grammar_node *n = &c->grammar->nodes[node];
    n->kind = NODE_DFA;
    status = no_dfa(c, job, number_dfa(&range, &c->grammar->arena, &n->dfa));
    return status ? status : schema_work_of(c, &n->dfa);
}

/* The strongest minimum and maximum of a keyword pair. */
static enum status gather_counts(struct compiler *c, const struct job *job, const char *min,
                                 const char *max, struct length_range *out)
{
    *out = (struct length_range){0, UINT32_MAX};
    for (uint32_t i = 0; i < job->count; i++) {
        const struct json *schema = job->list[i].place->json;
        int64_t value;
        if (json_int64(json_get(schema, min), &value) && value > out->min) {
            if (value > INT32_MAX)
                return schema_refuse(c, place_member(c, job->list[i].place, min), "is too large",
                                     "过大");
            out->min = (uint32_t)value;
        }
        if (json_int64(json_get(schema, max), &value) && value < out->max)
            out->max = (uint32_t)value;
    }
    return STATUS_OK;
}

enum status schema_gather_items(struct compiler *c, const struct job *job, struct length_range *out)
{
    return gather_counts(c, job, "minItems", "maxItems", out);
}

/* The pattern of all conjuncts: there may be one only. */
static enum status gather_pattern(struct compiler *c, const struct job *job,
                                  const struct place **out)
{
    *out = NULL;
    for (uint32_t i = 0; i < job->count; i++) {
        const struct place *pattern = place_member(c, job->list[i].place, "pattern");
        if (pattern && *out && !str_eq(pattern->json->text, (*out)->json->text))
            return schema_refuse(c, pattern, "is a second pattern for one string",
                                 "是同一字符串的第二个正则表达式");
        if (pattern)
            *out = pattern;
    }
    return STATUS_OK;
}

static enum status fill_pattern(struct compiler *c, const struct place *pattern,
                                struct length_range length, uint32_t node)
{
    struct grammar_node *n = &c->grammar->nodes[node];
    n->kind = NODE_DFA;
    n->wide = true;
    const enum status status =
        pattern_dfa(pattern->json->text, length, &c->grammar->arena, &n->dfa, c->why);
    if (status == STATUS_INVALID || status == STATUS_LIMIT)
        schema_blame(c, pattern);
    return status ? status : schema_work_of(c, &n->dfa);
}

enum status schema_fill_string(struct compiler *c, const struct job *job, uint32_t node)
{
    struct length_range length;
    const struct place *pattern;
    enum status status = gather_counts(c, job, "minLength", "maxLength", &length);
    if (!status)
        status = gather_pattern(c, job, &pattern);
    if (status)
        return status;
    if (pattern)
        return fill_pattern(c, pattern, length, node);
    c->grammar->nodes[node].kind = NODE_STRING;
    c->grammar->nodes[node].length = length;
    return STATUS_OK;
}

enum status schema_fill_word(struct compiler *c, const char *const *words, size_t count,
                             uint32_t node)
{
    struct dfa_builder b;
    dfa_builder_init(&b, 32);
    (void)dfa_add_state(&b, 0);
    for (size_t i = 0; i < count; i++)
        dfa_add_text(&b, str_from(words[i]));
    struct grammar_node *n = &c->grammar->nodes[node];
    n->kind = NODE_DFA;
    const enum status status = dfa_builder_finish(&b, &c->grammar->arena, &n->dfa);
    dfa_builder_release(&b);
    return status ? reason_no_memory(c->why, sizeof *n) : STATUS_OK;
}

static size_t count_characters(struct str text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; count++)
        i += utf8_decode(text.ptr + i, text.len - i).len;
    return count;
}

static enum status number_keeps_bounds(struct compiler *c, const struct job *job,
                                       const struct json *value, bool *out)
{
    struct number_range range = {.multiple_of = 1};
    struct decimal at;
    const enum status status = gather_range(c, job, &range);
    if (status)
        return status;
    if (!decimal_parse(value->text, &at)) { /* no digits to compare: fine without bounds */
        *out = !range.min.given && !range.max.given;
        return STATUS_OK;
    }
    const int low = range.min.given ? decimal_compare(&at, &range.min.at) : 1;
    const int high = range.max.given ? decimal_compare(&range.max.at, &at) : 1;
    *out = low >= range.min.exclusive && high >= range.max.exclusive;
    return STATUS_OK;
}

enum status schema_keeps_bounds(struct compiler *c, const struct job *job, const struct json *value,
                                bool *out)
{
    struct length_range range;
    *out = true;
    size_t count = value->count;
    const bool array = value->type == JSON_ARRAY;
    if (value->type == JSON_NUMBER)
        return number_keeps_bounds(c, job, value, out);
    if (!array && value->type != JSON_STRING)
        return STATUS_OK;
    if (!array)
        count = count_characters(value->text);
    const enum status status = array ? schema_gather_items(c, job, &range)
                                     : gather_counts(c, job, "minLength", "maxLength", &range);
    if (!status)
        *out = count >= range.min && count <= range.max;
    return status;
}
