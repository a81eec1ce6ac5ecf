/* Arrays and objects. */
#include "engine/json_schema_compiler.h"
#include "json/writer.h"

enum { PREFIX_MAX = 1000, PROPERTIES_MAX = 1000, ALL_PROPERTIES_MAX = 20000, KEY_BYTES = 1024 };

/* What the value at one index must satisfy: of each conjunct the prefix schema, else `items`.
 * index UINT32_MAX: behind all prefixes. */
static enum status item_node(struct compiler *c, const struct job *job, uint32_t index,
                             uint32_t *out)
{
    struct conjunction conjunction = {.count = 0};
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < job->count && !status; i++) {
        const struct place *prefix = place_member(c, job->list[i].place, "prefixItems");
        const struct place *schema = place_member(c, job->list[i].place, "items");
        if (prefix && index < prefix->json->count) {
            const struct json *item = prefix->json->first;
            for (uint32_t k = 0; k < index; k++)
                item = item->next;
            schema = place_child(c, prefix, item, index);
            status = schema_work(c, index);
        }
        if (schema && !status)
            status = conjunction_add(c, &conjunction, schema);
    }
    return status ? status : schema_node(c, &conjunction, out);
}

enum status schema_fill_array(struct compiler *c, const struct job *job, uint32_t node)
{
    struct array_node array = {0};
    struct length_range items;
    for (uint32_t i = 0; i < job->count; i++) {
        const struct json *prefix = json_get(job->list[i].place->json, "prefixItems");
        if (prefix && prefix->count > array.prefix_count)
            array.prefix_count = prefix->count;
    }
    if (array.prefix_count > PREFIX_MAX)
        return schema_refuse(c, job->list[0].place, "has more than 1000 prefix items",
                             "的前缀元素超过 1000 个");
    uint32_t *prefix = arena_array(&c->grammar->arena, array.prefix_count + 1, sizeof *prefix);
    if (!prefix)
        return reason_no_memory(c->why, array.prefix_count * sizeof *prefix);
    enum status status = schema_gather_items(c, job, &items);
    for (uint32_t i = 0; i < array.prefix_count && !status; i++)
        status = item_node(c, job, i, &prefix[i]);
    if (!status)
        status = item_node(c, job, UINT32_MAX, &array.rest);
    if (status)
        return status;
    array.prefix = prefix;
    array.min = items.min;
    array.max = items.max;
    c->grammar->nodes[node].kind = NODE_ARRAY;
    c->grammar->nodes[node].array = array;
    return STATUS_OK;
}

/* The properties of an object in the making. */
struct names {
    struct str *list; /* [PROPERTIES_MAX] */
    bool *required;
    uint32_t count;
};

static enum status find_name(struct compiler *c, const struct names *names, struct str name,
                             uint32_t *at)
{
    *at = 0;
    while (*at < names->count && !str_eq(names->list[*at], name))
        ++*at;
    return schema_work(c, *at + 1);
}

static enum status add_name(struct compiler *c, const struct place *place, struct names *names,
                            struct str name, bool required)
{
    uint32_t at;
    const enum status status = find_name(c, names, name, &at);
    if (status)
        return status;
    if (at == names->count) {
        if (names->count == PROPERTIES_MAX || ++c->properties > ALL_PROPERTIES_MAX)
            return schema_refuse(c, place, "has too many properties", "的属性过多");
        names->list[names->count++] = name;
    }
    names->required[at] = names->required[at] || required;
    return STATUS_OK;
}

/* In the order of `properties`; what is required without being declared comes last. */
static enum status gather_names(struct compiler *c, const struct job *job, struct names *names)
{
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < job->count; i++) {
        const struct place *schema = job->list[i].place;
        const struct json *declared = json_get(schema->json, "properties");
        const struct json *name = declared ? declared->first : NULL;
        for (; name && !status; name = name->next)
            status = add_name(c, schema, names, name->key, false);
    }
    for (uint32_t i = 0; i < job->count; i++) {
        const struct place *schema = job->list[i].place;
        const struct json *required = json_get(schema->json, "required");
        const struct json *name = required ? required->first : NULL;
        for (; name && !status; name = name->next)
            status = add_name(c, schema, names, name->text, true);
    }
    return status;
}

static const struct json *declaration(const struct json *properties, struct str name)
{
    const struct json *found = NULL;
    JSON_EACH(member, properties)
        if (str_eq(member->key, name))
            found = member;
    return found;
}

/* What the value of a property must satisfy: of each conjunct its declaration, else
 * additionalProperties. name NULL: of a property that nobody declares. */
static enum status property_node(struct compiler *c, const struct job *job, const struct str *name,
                                 uint32_t *out)
{
    struct conjunction conjunction = {.count = 0};
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < job->count && !status; i++) {
        const struct place *schema = job->list[i].place;
        const struct place *properties = name ? place_member(c, schema, "properties") : NULL;
        const struct json *declared = properties ? declaration(properties->json, *name) : NULL;
        const struct place *place = declared ? place_child(c, properties, declared, 0)
                                             : place_member(c, schema, "additionalProperties");
        status = schema_work(c, properties ? properties->json->count : 1);
        if (place && !status)
            status = conjunction_add(c, &conjunction, place);
    }
    return status ? status : schema_node(c, &conjunction, out);
}

/* A key as JSON writes it, behind its opening quote. */
static enum status spell_key(struct compiler *c, struct str name, struct str *out)
{
    struct buf text;
    struct json_writer w;
    if (name.len > KEY_BYTES)
        return schema_refuse(c, c->document, "has a property whose name is too long",
                             "含有名称过长的属性");
    buf_init(&text, 6 * KEY_BYTES + 2); /* six bytes an escape */
    json_writer_init(&w, &text);
    json_string(&w, name);
    enum status status = STATUS_OK;
    if (text.failed) {
        status = reason_no_memory(c->why, KEY_BYTES);
    } else {
        *out = (struct str){
            arena_strdup(&c->grammar->arena, str_slice(buf_str(&text), 1, text.len)), text.len - 1};
        if (!out->ptr)
            status = reason_no_memory(c->why, text.len);
    }
    buf_release(&text);
    return status;
}

/* May there be properties that nobody declares? Where nothing says so: only if nothing at all is
 * declared. */
static bool allows_others(const struct job *job)
{
    bool said = false, declared = false;
    for (uint32_t i = 0; i < job->count; i++) {
        said = said || json_get(job->list[i].place->json, "additionalProperties");
        declared = declared || json_get(job->list[i].place->json, "properties");
    }
    return said || !declared;
}

static enum status fill_properties(struct compiler *c, const struct job *job,
                                   const struct names *names, struct object_node *object)
{
    object->count = names->count;
    object->others = NO_NODE;
    object->properties =
        arena_array(&c->grammar->arena, names->count + 1, sizeof *object->properties);
    if (!object->properties)
        return reason_no_memory(c->why, names->count * sizeof *object->properties);
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < names->count && !status; i++) {
        struct property *property = &object->properties[i];
        property->required = names->required[i];
        status = spell_key(c, names->list[i], &property->key);
        if (!status)
            status = property_node(c, job, &names->list[i], &property->node);
    }
    if (!status && allows_others(job))
        status = property_node(c, job, NULL, &object->others);
    return status;
}

enum status schema_fill_object(struct compiler *c, const struct job *job, uint32_t node)
{
    struct object_node object = {0};
    struct names names = {
        .list = arena_array(&c->arena, PROPERTIES_MAX, sizeof *names.list),
        .required = arena_array(&c->arena, PROPERTIES_MAX, sizeof *names.required),
    };
    if (!names.list || !names.required)
        return reason_no_memory(c->why, PROPERTIES_MAX * sizeof *names.list);
    enum status status = gather_names(c, job, &names);
    if (!status)
        status = fill_properties(c, job, &names, &object);
    if (status)
        return status;
    c->grammar->nodes[node].kind = NODE_OBJECT;
    c->grammar->nodes[node].object = object;
    return STATUS_OK;
}
