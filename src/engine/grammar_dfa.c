#include "engine/grammar_dfa.h"

#include <stdlib.h>

void dfa_builder_init(struct dfa_builder *b, uint32_t max_states)
{
    *b = (struct dfa_builder){.max = max_states < DFA_STATES_MAX ? max_states : DFA_STATES_MAX};
}

void dfa_builder_release(struct dfa_builder *b)
{
    free(b->rows);
    free(b->marks);
    *b = (struct dfa_builder){0};
}

static bool grow(struct dfa_builder *b)
{
    const uint32_t cap = b->cap ? b->cap * 2 : 64;
    void *rows = realloc(b->rows, cap * sizeof *b->rows);
    if (rows)
        b->rows = rows;
    uint8_t *marks = rows ? realloc(b->marks, cap) : NULL;
    if (!marks) {
        b->no_memory = true;
        return false;
    }
    b->marks = marks;
    b->cap = cap;
    return true;
}

uint16_t dfa_add_state(struct dfa_builder *b, uint8_t marks)
{
    if (b->count >= b->max)
        b->too_large = true;
    if (b->too_large || b->no_memory || (b->count == b->cap && !grow(b)))
        return DFA_DEAD;
    memset(b->rows[b->count], 0xFF, sizeof b->rows[b->count]);
    b->marks[b->count] = marks;
    return (uint16_t)b->count++;
}

void dfa_add_edge(struct dfa_builder *b, uint16_t from, uint8_t byte, uint16_t to)
{
    if (from != DFA_DEAD && to != DFA_DEAD)
        b->rows[from][byte] = to;
}

void dfa_add_text(struct dfa_builder *b, struct str text)
{
    uint16_t state = b->count > 0 ? 0 : DFA_DEAD;
    for (size_t i = 0; i < text.len && state != DFA_DEAD; i++) {
        const uint8_t byte = (uint8_t)text.ptr[i];
        if (b->rows[state][byte] == DFA_DEAD)
            dfa_add_edge(b, state, byte, dfa_add_state(b, 0));
        state = b->too_large || b->no_memory ? DFA_DEAD : b->rows[state][byte];
    }
    if (state != DFA_DEAD)
        b->marks[state] |= DFA_ACCEPTS;
}

static bool is_new_edge(const struct dfa_builder *b, uint32_t state, uint32_t byte)
{
    const uint16_t *row = b->rows[state];
    return row[byte] != DFA_DEAD && (byte == 0 || row[byte] != row[byte - 1]);
}

/* The edges backwards: those into state t come from sources[first[t] … first[t + 1]). */
struct back_edges {
    uint32_t *first;
    uint16_t *sources;
};

static bool find_back_edges(const struct dfa_builder *b, struct back_edges *out)
{
    size_t count = 0;
    out->first = calloc(b->count + 2, sizeof *out->first);
    for (uint32_t s = 0; s < b->count && out->first; s++)
        for (uint32_t byte = 0; byte < 256; byte++)
            if (is_new_edge(b, s, byte)) {
                out->first[b->rows[s][byte] + 2]++;
                count++;
            }
    out->sources = malloc((count + 1) * sizeof *out->sources);
    if (!out->first || !out->sources)
        return false;
    for (uint32_t s = 0; s < b->count; s++)
        out->first[s + 2] += out->first[s + 1];
    for (uint32_t s = 0; s < b->count; s++) /* moves each start to the next one's */
        for (uint32_t byte = 0; byte < 256; byte++)
            if (is_new_edge(b, s, byte))
                out->sources[out->first[b->rows[s][byte] + 1]++] = (uint16_t)s;
    return true;
}

/* Sets live[s] for every state that reaches acceptance. */
static bool find_live(const struct dfa_builder *b, bool *live)
{
    struct back_edges edges = {0};
    uint16_t *queue = malloc((b->count + 1) * sizeof *queue);
    const bool ok = find_back_edges(b, &edges) && queue;
    uint32_t queued = 0;
    for (uint32_t s = 0; s < b->count && ok; s++)
        if ((live[s] = b->marks[s] & DFA_ACCEPTS))
            queue[queued++] = (uint16_t)s;
    for (uint32_t at = 0; at < queued; at++)
        for (uint32_t i = edges.first[queue[at]]; i < edges.first[queue[at] + 1]; i++)
            if (!live[edges.sources[i]]) {
                live[edges.sources[i]] = true;
                queue[queued++] = edges.sources[i];
            }
    free(edges.first);
    free(edges.sources);
    free(queue);
    return ok;
}

/* Numbers the states that stay, the start first: those reached along live states. */
static uint32_t number_states(const struct dfa_builder *b, const bool *live, uint16_t *numbers,
                              uint16_t *order)
{
    uint32_t count = 0;
    memset(numbers, 0xFF, b->count * sizeof *numbers);
    if (b->count == 0 || !live[0])
        return 0;
    numbers[0] = 0;
    order[count++] = 0;
    for (uint32_t at = 0; at < count; at++)
        for (uint32_t byte = 0; byte < 256; byte++) {
            const uint16_t to = b->rows[order[at]][byte];
            if (to == DFA_DEAD || !live[to] || numbers[to] != DFA_DEAD)
                continue;
            numbers[to] = (uint16_t)count;
            order[count++] = to;
        }
    return count;
}

static uint16_t target(const struct dfa_builder *b, const uint16_t *numbers, uint16_t from,
                       uint32_t byte)
{
    const uint16_t to = b->rows[from][byte];
    return to == DFA_DEAD ? DFA_DEAD : numbers[to];
}

static bool same_column(const struct dfa_builder *b, const uint16_t *numbers, const uint16_t *order,
                        uint32_t count, uint32_t x, uint32_t y)
{
    uint32_t s = 0;
    while (s < count && target(b, numbers, order[s], x) == target(b, numbers, order[s], y))
        s++;
    return s == count;
}

/* Bytes that no state tells apart share a class; representatives[c] is one byte of class c. */
static uint32_t find_classes(const struct dfa_builder *b, const uint16_t *numbers,
                             const uint16_t *order, uint32_t count, uint8_t classes[256],
                             uint8_t representatives[256])
{
    uint32_t hashes[256], found = 0;
    for (uint32_t byte = 0; byte < 256; byte++) {
        hashes[byte] = 2166136261u;
        for (uint32_t s = 0; s < count; s++)
            hashes[byte] = (hashes[byte] ^ target(b, numbers, order[s], byte)) * 16777619u;
        uint32_t c = 0;
        while (c < found && (hashes[byte] != hashes[representatives[c]] ||
                             !same_column(b, numbers, order, count, byte, representatives[c])))
            c++;
        if (c == found)
            representatives[found++] = (uint8_t)byte;
        classes[byte] = (uint8_t)c;
    }
    return found;
}

static enum status write_tables(const struct dfa_builder *b, const uint16_t *numbers,
                                const uint16_t *order, struct arena *arena, struct dfa *out)
{
    uint8_t representatives[256];
    const uint32_t n = out->state_count;
    out->class_count = find_classes(b, numbers, order, n, out->classes, representatives);
    out->next = arena_array(arena, (size_t)n * out->class_count, sizeof *out->next);
    out->marks = arena_array(arena, n, 1);
    if (!out->next || !out->marks)
        return STATUS_NO_MEMORY;
    for (uint32_t s = 0; s < n; s++) {
        bool ends = true;
        for (uint32_t c = 0; c < out->class_count; c++) {
            const uint16_t to = target(b, numbers, order[s], representatives[c]);
            out->next[(size_t)s * out->class_count + c] = to;
            ends = ends && to == DFA_DEAD;
        }
        out->marks[s] = (uint8_t)(b->marks[order[s]] | (ends ? DFA_ENDS : 0));
    }
    return STATUS_OK;
}

enum status dfa_builder_finish(struct dfa_builder *b, struct arena *arena, struct dfa *out)
{
    *out = (struct dfa){.work = (uint64_t)b->count * 1024};
    if (b->no_memory || b->too_large)
        return b->no_memory ? STATUS_NO_MEMORY : STATUS_LIMIT;
    bool *live = calloc(b->count + 1, sizeof *live);
    uint16_t *numbers = malloc((b->count + 1) * sizeof *numbers);
    uint16_t *order = malloc((b->count + 1) * sizeof *order);
    enum status status = STATUS_NO_MEMORY;
    if (live && numbers && order && find_live(b, live)) {
        out->state_count = number_states(b, live, numbers, order);
        status = out->state_count ? write_tables(b, numbers, order, arena, out) : STATUS_OK;
    }
    free(live);
    free(numbers);
    free(order);
    return status;
}

/* Keys seen so far, by hash. */
struct key_table {
    uint64_t *keys;  /* [state] */
    uint16_t *slots; /* states; DFA_DEAD: free */
    uint32_t mask;
};

static bool key_table_init(struct key_table *table, uint32_t max_states)
{
    uint32_t slots = 64;
    while (slots < max_states * 2)
        slots *= 2;
    table->mask = slots - 1;
    table->keys = malloc(max_states * sizeof *table->keys);
    table->slots = malloc(slots * sizeof *table->slots);
    if (table->slots)
        memset(table->slots, 0xFF, slots * sizeof *table->slots);
    return table->keys && table->slots;
}

/* The state of a key, which is added if it is new. */
static uint16_t state_of(struct key_table *table, struct dfa_builder *b,
                         const struct dfa_rules *rules, uint64_t key)
{
    uint32_t at = (uint32_t)((key * 0x9E3779B97F4A7C15u) >> 32) & table->mask;
    while (table->slots[at] != DFA_DEAD && table->keys[table->slots[at]] != key)
        at = (at + 1) & table->mask;
    if (table->slots[at] != DFA_DEAD)
        return table->slots[at];
    const uint16_t state = dfa_add_state(b, rules->accepts(rules->arg, key) ? DFA_ACCEPTS : 0);
    if (state != DFA_DEAD) {
        table->slots[at] = state;
        table->keys[state] = key;
    }
    return state;
}

enum status dfa_explore(const struct dfa_rules *rules, uint32_t max_states, struct arena *arena,
                        struct dfa *out)
{
    struct dfa_builder b;
    struct key_table table;
    dfa_builder_init(&b, max_states);
    if (!key_table_init(&table, b.max))
        b.no_memory = true;
    else
        (void)state_of(&table, &b, rules, rules->start);
    for (uint32_t s = 0; s < b.count && !b.too_large && !b.no_memory; s++)
        for (uint32_t byte = 0; byte < 256; byte++) {
            const uint64_t key = rules->step(rules->arg, table.keys[s], (uint8_t)byte);
            if (key != DFA_NO_KEY)
                dfa_add_edge(&b, (uint16_t)s, (uint8_t)byte, state_of(&table, &b, rules, key));
        }
    const enum status status = dfa_builder_finish(&b, arena, out);
    free(table.keys);
    free(table.slots);
    dfa_builder_release(&b);
    return status;
}
