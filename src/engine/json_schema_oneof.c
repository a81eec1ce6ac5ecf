/* oneOf is anyOf where no value can satisfy two branches. That is seen from the types, from values
 * listed by enum and const, and for objects from a required property whose listed values differ. */
#include "engine/json_schema_compiler.h"

struct branch {
    struct conjunction all;
    struct types types;
    const struct conjunct *values; /* NULL: no enum and no const */
};

struct comparing {
    const struct branch *other;
    bool meets; /* a value could satisfy both */
    const struct json *value;
};

static enum status compare_value(void *arg, const struct json *value)
{
    struct comparing *comparing = arg;
    if (schema_values_equal(comparing->value, value))
        comparing->meets = true;
    return STATUS_OK;
}

/* Could this value satisfy the other branch? */
static enum status try_value(void *arg, const struct json *value)
{
    struct comparing *comparing = arg;
    const struct branch *other = comparing->other;
    if (!(other->types.allowed & schema_type_of(value)))
        return STATUS_OK;
    if (!other->values) {
        comparing->meets = true;
        return STATUS_OK;
    }
    comparing->value = value;
    return schema_each_value(other->values, compare_value, comparing);
}

/* enum or const of a property that a branch requires; NULL if there is none. */
static enum status discriminator(struct compiler *c, const struct branch *branch, struct str name,
                                 struct branch *out)
{
    out->all = (struct conjunction){.count = 0};
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < branch->all.count && !status; i++) {
        const struct place *properties = place_member(c, branch->all.list[i].place, "properties");
        if (!properties)
            continue;
        JSON_EACH(member, properties->json)
            if (str_eq(member->key, name) && !status)
                status = conjunction_add(c, &out->all, place_child(c, properties, member, 0));
    }
    if (!status)
        status = schema_types(c, out->all.list, out->all.count, &out->types);
    out->values = schema_values(out->all.list, out->all.count);
    return status;
}

static bool requires(const struct branch *branch, struct str name)
{
    for (uint32_t i = 0; i < branch->all.count; i++)
        JSON_EACH(item, json_get(branch->all.list[i].place->json, "required"))
            if (str_eq(item->text, name))
                return true;
    return false;
}

/* *apart: a property that both require tells the branches apart. */
static enum status check_property(struct compiler *c, const struct branch *a,
                                  const struct branch *b, struct str name, bool *apart)
{
    struct branch x, y;
    enum status status = schema_work(c, 16);
    if (status || !requires(b, name))
        return status;
    status = discriminator(c, a, name, &x);
    if (!status)
        status = discriminator(c, b, name, &y);
    if (status || !x.values || !y.values)
        return status;
    struct comparing comparing = {.other = &y};
    status = schema_each_value(x.values, try_value, &comparing);
    *apart = *apart || !comparing.meets;
    return status;
}

static enum status check_objects(struct compiler *c, const struct branch *a, const struct branch *b,
                                 bool *apart)
{
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < a->all.count && !status && !*apart; i++) {
        const struct json *required = json_get(a->all.list[i].place->json, "required");
        const struct json *item = required ? required->first : NULL;
        for (; item && !status && !*apart; item = item->next)
            status = check_property(c, a, b, item->text, apart);
    }
    return status;
}

/* Types are compared as what one branch may write with what the other would allow. */
static enum status check_pair(struct compiler *c, const struct branch *a, const struct branch *b,
                              bool *apart)
{
    struct comparing comparing = {.other = b};
    *apart = a->all.never || b->all.never;
    if (*apart)
        return STATUS_OK;
    if (a->values) {
        const enum status status = schema_each_value(a->values, try_value, &comparing);
        *apart = !comparing.meets;
        return status;
    }
    const uint32_t both =
        (a->types.generated & b->types.allowed) | (b->types.generated & a->types.allowed);
    *apart = both == 0;
    return both == TYPE_OBJECT ? check_objects(c, a, b, apart) : STATUS_OK;
}

static enum status read_branch(struct compiler *c, const struct place *place, struct branch *out)
{
    out->all = (struct conjunction){.count = 0};
    enum status status = conjunction_add(c, &out->all, place);
    if (!status)
        status = schema_types(c, out->all.list, out->all.count, &out->types);
    out->values = schema_values(out->all.list, out->all.count);
    return status;
}

enum status schema_check_disjoint(struct compiler *c, const struct place *one_of)
{
    const uint32_t count = one_of->json->count;
    struct branch *branches = arena_array(&c->arena, count, sizeof *branches);
    if (!branches)
        return reason_no_memory(c->why, count * sizeof *branches);
    enum status status = STATUS_OK;
    uint32_t i = 0;
    for (const struct json *item = one_of->json->first; item && !status; item = item->next, i++)
        status = read_branch(c, place_child(c, one_of, item, i), &branches[i]);
    for (uint32_t a = 0; a < count && !status; a++)
        for (uint32_t b = a + 1; b < count && !status; b++) {
            bool apart;
            const bool swapped = !branches[a].values;
            status = check_pair(c, &branches[swapped ? b : a], &branches[swapped ? a : b], &apart);
            if (status || apart)
                continue;
            status = schema_refuse(c, one_of, "has branches that one value could satisfy both",
                                   "的某些分支可能同时被一个值满足");
            reason_hint(c->why,
                        "Use anyOf, or tell the branches apart by type, or by const in a required "
                        "property.",
                        "请改用 anyOf，或用类型、或用必填属性的 const 区分各分支。");
        }
    return status;
}
