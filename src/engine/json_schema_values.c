/* enum and const. */
#include "engine/json_schema_compiler.h"
#include "json/writer.h"

/* A value that fills the automaton alone is too large; an escape has six bytes. */
enum { VALUE_STATES_MAX = 16384, VALUE_BYTES_MAX = 8 * VALUE_STATES_MAX, VALUE_DEPTH_MAX = 16 };

const struct conjunct *schema_values(const struct conjunct *list, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (json_get(list[i].place->json, "enum") || json_get(list[i].place->json, "const"))
            return &list[i];
    return NULL;
}

/* Where both stand only the constant is visited: schema_allows looks at the enum too. */
enum status schema_each_value(const struct conjunct *values,
                              enum status (*visit)(void *arg, const struct json *value), void *arg)
{
    const struct json *constant = json_get(values->place->json, "const");
    if (constant)
        return visit(arg, constant);
    enum status status = STATUS_OK;
    const struct json *list = json_get(values->place->json, "enum");
    for (const struct json *value = list->first; value && !status; value = value->next)
        status = visit(arg, value);
    return status;
}

static bool numbers_equal(struct str a, struct str b)
{
    struct decimal x, y;
    if (!decimal_parse(a, &x) || !decimal_parse(b, &y))
        return str_eq(a, b);
    return decimal_compare(&x, &y) == 0;
}

static const struct json *member(const struct json *object, struct str key)
{
    const struct json *found = NULL;
    JSON_EACH(child, object)
        if (str_eq(child->key, key))
            found = child;
    return found;
}

static bool objects_equal(const struct json *a, const struct json *b)
{
    JSON_EACH(child, a) {
        const struct json *other = member(b, child->key);
        if (!other || !schema_values_equal(member(a, child->key), other))
            return false;
    }
    JSON_EACH(child, b)
        if (!member(a, child->key))
            return false;
    return true;
}

bool schema_values_equal(const struct json *a, const struct json *b)
{
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case JSON_NULL: return true;
    case JSON_BOOL: return a->truth == b->truth;
    case JSON_NUMBER: return numbers_equal(a->text, b->text);
    case JSON_STRING: return str_eq(a->text, b->text);
    case JSON_OBJECT: return objects_equal(a, b);
    case JSON_ARRAY: break;
    }
    const struct json *x = a->first, *y = b->first;
    for (; x && y; x = x->next, y = y->next)
        if (!schema_values_equal(x, y))
            return false;
    return !x && !y;
}

/* About as many bytes as are written, escapes aside; SIZE_MAX if it nests too deep. */
static size_t size_of(const struct json *value, int depth)
{
    size_t size = value->key.len + value->text.len + 2;
    if (depth > VALUE_DEPTH_MAX)
        return SIZE_MAX;
    JSON_EACH(child, value) {
        const size_t its = size_of(child, depth + 1);
        if (its > VALUE_STATES_MAX)
            return SIZE_MAX;
        size += its;
    }
    return size;
}

static void write_value(struct buf *out, const struct json *value)
{
    struct json_writer w;
    json_writer_init(&w, out);
    switch (value->type) {
    case JSON_NULL: json_null(&w); return;
    case JSON_BOOL: json_bool(&w, value->truth); return;
    case JSON_NUMBER: json_raw(&w, value->text); return;
    case JSON_STRING: json_string(&w, value->text); return;
    case JSON_ARRAY:
    case JSON_OBJECT: break;
    }
    const bool object = value->type == JSON_OBJECT;
    buf_putc(out, object ? '{' : '[');
    JSON_EACH(child, value) {
        if (child != value->first)
            buf_putc(out, ',');
        if (object) {
            json_writer_init(&w, out);
            json_string(&w, child->key);
            buf_putc(out, ':');
        }
        write_value(out, child);
    }
    buf_putc(out, object ? '}' : ']');
}

struct adding {
    struct compiler *c;
    const struct job *job;
    struct dfa_builder builder;
    struct buf text;
};

static enum status find_equal(void *arg, const struct json *value)
{
    const struct json **wanted = arg;
    if (*wanted && schema_values_equal(*wanted, value))
        *wanted = NULL;
    return STATUS_OK;
}

/* Is the value among those of every enum and const? */
static enum status is_listed(struct compiler *c, const struct job *job, const struct json *value,
                             bool *out)
{
    *out = true;
    for (uint32_t i = 0; i < job->count && *out; i++) {
        const struct conjunct *conjunct = &job->list[i];
        const struct json *list = json_get(conjunct->place->json, "enum");
        const struct json *constant = json_get(conjunct->place->json, "const");
        const struct json *left = value;
        enum status status = schema_work(c, list ? list->count : 1);
        if (!status && constant)
            status = find_equal(&left, constant);
        if (!status && constant)
            *out = !left;
        left = value;
        for (const struct json *item = list ? list->first : NULL; item && !status;
             item = item->next)
            status = find_equal(&left, item);
        if (status)
            return status;
        *out = *out && (!list || !left);
    }
    return STATUS_OK;
}

/* Values are not looked into: what speaks of the inside of an array or object cannot stand beside
 * them. */
static enum status check_neighbours(struct compiler *c, const struct job *job,
                                    const struct json *value)
{
    static const char *const inside[] = {"properties", "required", "additionalProperties", "items",
                                         "prefixItems"};
    static const char *const text[] = {"pattern"};
    static const char *const number[] = {"multipleOf"};
    const bool container = value->type == JSON_ARRAY || value->type == JSON_OBJECT;
    const char *const *names = container ? inside : value->type == JSON_STRING ? text : number;
    const size_t count = container ? ARRAY_LEN(inside)
                         : value->type == JSON_STRING || value->type == JSON_NUMBER ? 1
                                                                                    : 0;
    for (uint32_t i = 0; i < job->count; i++)
        for (size_t k = 0; k < count; k++) {
            const struct place *place = place_member(c, job->list[i].place, names[k]);
            if (place)
                return schema_refuse(c, place, "cannot stand beside enum or const",
                                     "不能与 enum 或 const 同时使用");
        }
    return STATUS_OK;
}

static enum status add_value(void *arg, const struct json *value)
{
    struct adding *adding = arg;
    struct types types;
    bool listed, keeps = false;
    enum status status = schema_types(adding->c, adding->job->list, adding->job->count, &types);
    if (!status)
        status = is_listed(adding->c, adding->job, value, &listed);
    if (!status && listed)
        status = schema_keeps_bounds(adding->c, adding->job, value, &keeps);
    if (status || !keeps || !(types.allowed & schema_type_of(value)))
        return status;
    status = check_neighbours(adding->c, adding->job, value);
    if (size_of(value, 0) > VALUE_STATES_MAX) {
        adding->builder.too_large = true;
        return status;
    }
    buf_clear(&adding->text);
    write_value(&adding->text, value);
    adding->builder.no_memory = adding->builder.no_memory || adding->text.failed;
    dfa_add_text(&adding->builder, buf_str(&adding->text));
    return status;
}

enum status schema_fill_values(struct compiler *c, const struct job *job)
{
    struct adding adding = {.c = c, .job = job};
    const struct conjunct *values = schema_values(job->list, job->count);
    dfa_builder_init(&adding.builder, VALUE_STATES_MAX);
    buf_init(&adding.text, VALUE_BYTES_MAX);
    (void)dfa_add_state(&adding.builder, 0);
    enum status status = schema_each_value(values, add_value, &adding);
    struct grammar_node *node = &c->grammar->nodes[job->node];
    if (!status) {
        node->kind = NODE_DFA;
        status = dfa_builder_finish(&adding.builder, &c->grammar->arena, &node->dfa);
        if (status == STATUS_LIMIT)
            status = schema_refuse(c, values->place, "lists too many or too large values",
                                   "列出的值过多或过大");
        else if (status)
            status = reason_no_memory(c->why, VALUE_BYTES_MAX);
    }
    if (!status)
        status = schema_work_of(c, &node->dfa);
    dfa_builder_release(&adding.builder);
    buf_release(&adding.text);
    return status;
}
