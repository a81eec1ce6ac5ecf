#include "engine/json_schema_compiler.h"

static const struct type_name {
    const char *name;
    uint32_t types;
} names[] = {
    {"null", TYPE_NULL},       {"boolean", TYPE_BOOLEAN},
    {"integer", TYPE_INTEGER}, {"number", TYPE_INTEGER | TYPE_FRACTION},
    {"string", TYPE_STRING},   {"array", TYPE_ARRAY},
    {"object", TYPE_OBJECT},
};

/* Keywords that speak of values of one type. */
static const struct type_name speaking[] = {
    {"minLength", TYPE_STRING},
    {"maxLength", TYPE_STRING},
    {"pattern", TYPE_STRING},
    {"minimum", TYPE_INTEGER | TYPE_FRACTION},
    {"maximum", TYPE_INTEGER | TYPE_FRACTION},
    {"exclusiveMinimum", TYPE_INTEGER | TYPE_FRACTION},
    {"exclusiveMaximum", TYPE_INTEGER | TYPE_FRACTION},
    {"multipleOf", TYPE_INTEGER | TYPE_FRACTION},
    {"items", TYPE_ARRAY},
    {"prefixItems", TYPE_ARRAY},
    {"minItems", TYPE_ARRAY},
    {"maxItems", TYPE_ARRAY},
    {"properties", TYPE_OBJECT},
    {"required", TYPE_OBJECT},
    {"additionalProperties", TYPE_OBJECT},
};

static enum status add_name(struct compiler *c, const struct place *place, struct str name,
                            uint32_t *types)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_is(name, names[i].name)) {
            *types |= names[i].types;
            return STATUS_OK;
        }
    return schema_refuse(c, place, "names no JSON type", "不是 JSON 类型的名称");
}

static enum status declared(struct compiler *c, const struct place *schema, uint32_t *types)
{
    const struct place *type = place_member(c, schema, "type");
    *types = 0;
    if (!type) {
        *types = TYPE_ALL;
        return STATUS_OK;
    }
    if (type->json->type == JSON_STRING)
        return add_name(c, type, type->json->text, types);
    enum status status = STATUS_OK;
    for (const struct json *item = type->json->first; item && !status; item = item->next)
        status = add_name(c, type, item->text, types);
    return status;
}

enum status schema_types(struct compiler *c, const struct conjunct *list, uint32_t count,
                         struct types *out)
{
    uint32_t spoken = 0;
    bool has_type = false;
    out->allowed = TYPE_ALL;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t types;
        const struct place *schema = list[i].place;
        const enum status status = declared(c, schema, &types);
        if (status)
            return status;
        out->allowed &= types;
        has_type = has_type || json_get(schema->json, "type");
        for (size_t k = 0; k < ARRAY_LEN(speaking); k++)
            if (json_get(schema->json, speaking[k].name))
                spoken |= speaking[k].types;
    }
    out->generated = out->allowed & (has_type || !spoken ? TYPE_ALL : spoken);
    return STATUS_OK;
}

/* Digits behind the point, or an exponent that leaves some. */
static bool is_integer(const struct json *number)
{
    struct decimal value;
    return decimal_parse(number->text, &value) && value.count <= value.point;
}

uint32_t schema_type_of(const struct json *value)
{
    switch (value->type) {
    case JSON_NULL: return TYPE_NULL;
    case JSON_BOOL: return TYPE_BOOLEAN;
    case JSON_NUMBER: return is_integer(value) ? TYPE_INTEGER : TYPE_FRACTION;
    case JSON_STRING: return TYPE_STRING;
    case JSON_ARRAY: return TYPE_ARRAY;
    case JSON_OBJECT: return TYPE_OBJECT;
    }
    return 0;
}
