#include "engine/grammar_nodes.h"

#include <stdlib.h>

enum { NODES_MAX = 4096, ARENA_BYTES = 64 << 20, WAYS_MAX = 192 };

enum status grammar_create(struct grammar **out, struct reason *why)
{
    struct grammar *grammar = calloc(1, sizeof *grammar);
    if (!grammar)
        return reason_no_memory(why, sizeof *grammar);
    atomic_init(&grammar->references, 1);
    arena_init(&grammar->arena, ARENA_BYTES);
    for (size_t i = 0; i < GRAMMAR_TOKENS_MAX; i++)
        grammar->tokens[i] = -1;
    const enum status status = grammar_add_node(grammar, &grammar->key, why);
    if (status) {
        grammar_release(grammar);
        return status;
    }
    struct grammar_node *key = &grammar->nodes[grammar->key];
    key->kind = NODE_STRING;
    key->length = (struct length_range){0, UINT32_MAX};
    *out = grammar;
    return STATUS_OK;
}

struct grammar *grammar_share(struct grammar *grammar)
{
    atomic_fetch_add(&grammar->references, 1);
    return grammar;
}

void grammar_release(struct grammar *grammar)
{
    if (!grammar || atomic_fetch_sub(&grammar->references, 1) > 1)
        return;
    arena_release(&grammar->arena);
    free(grammar->nodes);
    free(grammar);
}

enum status grammar_add_node(struct grammar *grammar, uint32_t *out, struct reason *why)
{
    if (grammar->node_count == NODES_MAX) {
        reason_set(why, "invalid_schema", "The schema is too large: it has more than %d parts.",
                   "JSON Schema 过大：超过 %d 个部分。", NODES_MAX);
        return STATUS_LIMIT;
    }
    if (grammar->node_count == grammar->node_cap) {
        const uint32_t cap = grammar->node_cap ? grammar->node_cap * 2 : 16;
        struct grammar_node *nodes = realloc(grammar->nodes, cap * sizeof *nodes);
        if (!nodes)
            return reason_no_memory(why, cap * sizeof *nodes);
        grammar->nodes = nodes;
        grammar->node_cap = cap;
    }
    grammar->nodes[grammar->node_count] = (struct grammar_node){.kind = NODE_CHOICE};
    *out = grammar->node_count++;
    return STATUS_OK;
}

/* Gathers what the choices at and below `node` lead to, each once. */
struct gathering {
    const struct grammar *grammar;
    bool *seen; /* [node_count] */
    uint32_t *leaves;
    uint32_t count;
};

static void gather(struct gathering *g, uint32_t root)
{
    uint32_t *stack = g->leaves + g->grammar->node_count; /* the second half of its memory */
    uint32_t depth = 0;
    memset(g->seen, 0, g->grammar->node_count);
    g->seen[root] = true;
    stack[depth++] = root;
    while (depth > 0) {
        const uint32_t at = stack[--depth];
        const struct grammar_node *node = &g->grammar->nodes[at];
        if (node->kind != NODE_CHOICE) {
            g->leaves[g->count++] = at;
            continue;
        }
        for (uint32_t i = node->choice.count; i-- > 0;)
            if (!g->seen[node->choice.ways[i]]) {
                g->seen[node->choice.ways[i]] = true;
                stack[depth++] = node->choice.ways[i];
            }
    }
}

static enum status flatten_choice(struct grammar *grammar, struct gathering *g, uint32_t index,
                                  struct choice_node *out, struct reason *why)
{
    g->count = 0;
    gather(g, index);
    if (g->count > WAYS_MAX) {
        reason_set(why, "invalid_schema", "A value has more than %d alternatives.",
                   "某个值的可选分支超过 %d 个。", WAYS_MAX);
        return STATUS_LIMIT;
    }
    out->count = g->count;
    out->ways = arena_array(&grammar->arena, g->count + 1, sizeof *out->ways);
    if (!out->ways)
        return reason_no_memory(why, g->count * sizeof *out->ways);
    memcpy(out->ways, g->leaves, g->count * sizeof *out->ways);
    return STATUS_OK;
}

static enum status flatten_choices(struct grammar *grammar, struct reason *why)
{
    const uint32_t n = grammar->node_count;
    struct gathering g = {.grammar = grammar,
                          .seen = malloc(n * sizeof *g.seen),
                          .leaves = malloc(2 * n * sizeof *g.leaves)};
    enum status status =
        g.seen && g.leaves ? STATUS_OK : reason_no_memory(why, 2 * n * sizeof *g.leaves);
    for (uint32_t i = 0; i < n && !status; i++)
        if (grammar->nodes[i].kind == NODE_CHOICE)
            status = flatten_choice(grammar, &g, i, &grammar->nodes[i].choice, why);
    free(g.seen);
    free(g.leaves);
    return status;
}

static uint32_t array_depth(const struct grammar *grammar, const struct array_node *array)
{
    uint32_t depth = 0;
    if (array->min > array->max)
        return UNREACHABLE_DEPTH;
    for (uint32_t i = 0; i < array->min && i <= array->prefix_count; i++) {
        const uint32_t item = i < array->prefix_count ? array->prefix[i] : array->rest;
        if (grammar->nodes[item].min_depth > depth)
            depth = grammar->nodes[item].min_depth;
    }
    return depth + 1;
}

static uint32_t object_depth(const struct grammar *grammar, const struct object_node *object)
{
    uint32_t depth = 0;
    for (uint32_t i = 0; i < object->count; i++) {
        const uint32_t its = grammar->nodes[object->properties[i].node].min_depth;
        if (object->properties[i].required && its > depth)
            depth = its;
    }
    return depth + 1;
}

static uint32_t depth_of(const struct grammar *grammar, const struct grammar_node *node)
{
    uint32_t depth = 0;
    switch (node->kind) {
    case NODE_DFA: return node->dfa.state_count > 0 ? 0 : UNREACHABLE_DEPTH;
    case NODE_STRING: return node->length.min <= node->length.max ? 0 : UNREACHABLE_DEPTH;
    case NODE_ARRAY: return array_depth(grammar, &node->array);
    case NODE_OBJECT: return object_depth(grammar, &node->object);
    case NODE_CHOICE:
        depth = UNREACHABLE_DEPTH;
        for (uint32_t i = 0; i < node->choice.count; i++)
            if (grammar->nodes[node->choice.ways[i]].min_depth < depth)
                depth = grammar->nodes[node->choice.ways[i]].min_depth;
        return depth;
    case NODE_SEQUENCE:
        for (uint32_t i = 0; i < node->sequence.count; i++) {
            const struct part *part = &node->sequence.parts[i];
            if (part->kind == PART_MAY_END)
                break; /* shorter ones end here */
            if (part->kind == PART_VALUE && grammar->nodes[part->value].min_depth > depth)
                depth = grammar->nodes[part->value].min_depth;
        }
        return depth;
    }
    return UNREACHABLE_DEPTH;
}

/* From "nothing has a value" until nothing changes: the least solution. */
static void find_depths(struct grammar *grammar)
{
    for (uint32_t i = 0; i < grammar->node_count; i++)
        grammar->nodes[i].min_depth = UNREACHABLE_DEPTH;
    for (bool changed = true; changed;) {
        changed = false;
        for (uint32_t i = grammar->node_count; i-- > 0;) {
            struct grammar_node *node = &grammar->nodes[i];
            const uint32_t depth = depth_of(grammar, node);
            if (depth >= node->min_depth || depth > GRAMMAR_DEPTH_MAX)
                continue;
            node->min_depth = (uint16_t)depth;
            changed = true;
        }
    }
}

static int by_key(const void *a, const void *b, void *arg)
{
    const struct property *properties = arg;
    const struct str x = properties[*(const uint32_t *)a].key,
                     y = properties[*(const uint32_t *)b].key;
    const int order = memcmp(x.ptr, y.ptr, x.len < y.len ? x.len : y.len);
    return order ? order : (x.len > y.len) - (x.len < y.len);
}

/* Enters the keys in their order: a key shares its way with the one before as far as they agree. */
static void grow_key_tree(struct object_node *object)
{
    uint32_t used = 1;
    object->keys[0] = (struct key_node){.end = object->count};
    for (uint32_t k = 0; k < object->count; k++) {
        const struct str key = object->properties[object->sorted[k]].key;
        uint32_t at = 0;
        for (size_t i = 0; i < key.len; i++) {
            uint32_t child = object->keys[at].child; /* the newest comes first */
            if (!child || object->keys[child].byte != (uint8_t)key.ptr[i]) {
                object->keys[used] =
                    (struct key_node){.byte = (uint8_t)key.ptr[i], .sibling = child, .first = k};
                child = object->keys[at].child = used++;
            }
            object->keys[child].end = k + 1;
            at = child;
        }
    }
}

static enum status link_object(struct grammar *grammar, struct object_node *object,
                               struct reason *why)
{
    const uint32_t n = object->count;
    size_t bytes = 1;
    for (uint32_t i = 0; i < n; i++)
        bytes += object->properties[i].key.len;
    object->keys = arena_array(&grammar->arena, bytes, sizeof *object->keys);
    object->sorted = arena_array(&grammar->arena, n + 1, sizeof *object->sorted);
    object->required_from = arena_array(&grammar->arena, n + 1, sizeof *object->required_from);
    if (!object->keys || !object->sorted || !object->required_from)
        return reason_no_memory(why, bytes * sizeof *object->keys);
    for (uint32_t i = 0; i < n; i++)
        object->sorted[i] = i;
    qsort_r(object->sorted, n, sizeof *object->sorted, by_key, object->properties);
    grow_key_tree(object);
    object->required_from[n] = n;
    for (uint32_t i = n; i-- > 0;)
        object->required_from[i] =
            object->properties[i].required ? i : object->required_from[i + 1];
    return STATUS_OK;
}

static enum status add_start(struct grammar *grammar, struct reason *why)
{
    const enum status status = grammar_add_node(grammar, &grammar->start, why);
    struct part *parts = arena_array(&grammar->arena, 2, sizeof *parts);
    if (status || !parts)
        return status ? status : reason_no_memory(why, 2 * sizeof *parts);
    parts[0] = (struct part){.kind = PART_BREAKS};
    parts[1] = (struct part){.kind = PART_VALUE, .value = grammar->root};
    struct grammar_node *start = &grammar->nodes[grammar->start];
    start->kind = NODE_SEQUENCE;
    start->sequence = (struct sequence_node){parts, 2};
    return STATUS_OK;
}

enum status grammar_link(struct grammar *grammar, struct reason *why)
{
    enum status status = add_start(grammar, why);
    if (!status)
        status = flatten_choices(grammar, why);
    for (uint32_t i = 0; i < grammar->node_count && !status; i++)
        if (grammar->nodes[i].kind == NODE_OBJECT)
            status = link_object(grammar, &grammar->nodes[i].object, why);
    if (status)
        return status;
    find_depths(grammar);
    if (grammar->nodes[grammar->root].min_depth <= GRAMMAR_DEPTH_MAX)
        return STATUS_OK;
    reason_set(why, "invalid_schema", "No value satisfies the schema.",
               "没有任何值能满足该 JSON Schema。");
    reason_hint(why,
                "Look for bounds that contradict each other, and for values that must contain "
                "themselves.",
                "请检查相互矛盾的约束，以及必须包含自身的值。");
    return STATUS_INVALID;
}
