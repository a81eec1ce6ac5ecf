/* From a pattern to a deterministic automaton: the subset construction, then, where the length is
 * limited, the product with a counter. */
#include "engine/grammar_pattern.h"

#include "engine/grammar_pattern_nfa.h"

#include <stdlib.h>

enum { PATTERN_STATES_MAX = 8192, COUNTED_STATES_MAX = 16384, SLOTS = 32768 };
#define WORK_MAX 20000000u /* visits of states: some 0.1 s */

/* Sets of states that the automaton can be in at once; set k is state k of the result. */
struct subsets {
    const struct nfa *nfa;
    uint16_t *members; /* of all sets, one after the other, each in order */
    size_t member_count, member_cap;
    uint32_t first[PATTERN_STATES_MAX + 1];
    uint16_t slots[SLOTS]; /* sets by hash; DFA_DEAD: free */
    struct dfa_builder builder;
    uint64_t work;

    /* The set in the making. */
    uint32_t *seen; /* [nfa states] == round: in it */
    uint32_t round;
    uint16_t *found, *stack;
    uint32_t found_count;
};

/* Adds a state and what forks lead to. */
static void add_closure(struct subsets *s, uint16_t state)
{
    uint32_t depth = 0;
    if (s->seen[state] == s->round)
        return;
    s->seen[state] = s->round;
    s->stack[depth++] = state;
    while (depth > 0) {
        const uint16_t at = s->stack[--depth];
        const struct nfa_state *n = &s->nfa->states[at];
        s->work++;
        if (n->kind == NFA_BYTE || n->kind == NFA_MATCH)
            s->found[s->found_count++] = at;
        if (n->kind != NFA_FORK)
            continue;
        const uint16_t ways[] = {n->to, n->other};
        for (size_t i = 0; i < ARRAY_LEN(ways); i++)
            if (s->seen[ways[i]] != s->round) {
                s->seen[ways[i]] = s->round;
                s->stack[depth++] = ways[i];
            }
    }
}

static int by_number(const void *a, const void *b)
{
    return (int)*(const uint16_t *)a - (int)*(const uint16_t *)b;
}

static uint8_t marks_of(const struct subsets *s)
{
    uint8_t marks = 0;
    for (uint32_t i = 0; i < s->found_count; i++) {
        const struct nfa_state *n = &s->nfa->states[s->found[i]];
        marks |= n->kind == NFA_MATCH ? DFA_ACCEPTS : n->character ? DFA_CHARACTER : 0;
    }
    return marks;
}

static bool keep_members(struct subsets *s)
{
    if (s->member_count + s->found_count > s->member_cap) {
        const size_t cap = s->member_cap * 2 + s->found_count + 1024;
        uint16_t *members = realloc(s->members, cap * sizeof *members);
        if (!members)
            return false;
        s->members = members;
        s->member_cap = cap;
    }
    memcpy(s->members + s->member_count, s->found, s->found_count * sizeof *s->found);
    s->member_count += s->found_count;
    return true;
}

/* The state of the set that was found. */
static uint16_t state_of_found(struct subsets *s)
{
    uint32_t hash = 2166136261u;
    qsort(s->found, s->found_count, sizeof *s->found, by_number);
    for (uint32_t i = 0; i < s->found_count; i++)
        hash = (hash ^ s->found[i]) * 16777619u;
    uint32_t at = (hash ^ hash >> 15) % SLOTS;
    for (; s->slots[at] != DFA_DEAD; at = (at + 1) % SLOTS) {
        const uint32_t k = s->slots[at], count = s->first[k + 1] - s->first[k];
        if (count == s->found_count &&
            memcmp(s->members + s->first[k], s->found, count * sizeof *s->found) == 0)
            return (uint16_t)k;
    }
    const uint16_t state = dfa_add_state(&s->builder, marks_of(s));
    if (state == DFA_DEAD)
        return DFA_DEAD;
    if (!keep_members(s)) {
        s->builder.no_memory = true;
        return DFA_DEAD;
    }
    s->first[state + 1] = (uint32_t)s->member_count;
    s->slots[at] = state;
    return state;
}

/* The ways of one set: bytes between two neighbouring limits of its ranges go the same way. */
static void expand(struct subsets *s, uint16_t state)
{
    bool limits[257] = {[0] = true};
    const uint32_t begin = s->first[state], end = s->first[state + 1];
    for (uint32_t i = begin; i < end; i++) {
        const struct nfa_state *n = &s->nfa->states[s->members[i]];
        if (n->kind == NFA_BYTE)
            limits[n->low] = limits[n->high + 1] = true;
    }
    uint16_t to = DFA_DEAD;
    for (uint32_t byte = 0; byte < 256; byte++) {
        if (limits[byte]) {
            s->round++;
            s->found_count = 0;
            for (uint32_t i = begin; i < end; i++) {
                const struct nfa_state *n = &s->nfa->states[s->members[i]];
                if (n->kind == NFA_BYTE && byte >= n->low && byte <= n->high)
                    add_closure(s, n->to);
            }
            s->work += end - begin;
            to = s->found_count > 0 ? state_of_found(s) : DFA_DEAD;
        }
        dfa_add_edge(&s->builder, state, (uint8_t)byte, to);
    }
}

static void determinise(struct subsets *s)
{
    const uint32_t n = s->nfa->count;
    s->seen = calloc(n, sizeof *s->seen);
    s->found = malloc(n * sizeof *s->found);
    s->stack = malloc(n * sizeof *s->stack);
    if (!s->seen || !s->found || !s->stack) {
        s->builder.no_memory = true;
        return;
    }
    memset(s->slots, 0xFF, sizeof s->slots);
    s->round = 1;
    add_closure(s, s->nfa->start);
    (void)state_of_found(s);
    for (uint32_t k = 0; k < s->builder.count && !s->builder.no_memory; k++) {
        expand(s, (uint16_t)k);
        if (s->work > WORK_MAX)
            s->builder.too_large = true;
        if (s->builder.too_large)
            return;
    }
}

static enum status build(const struct nfa *nfa, struct arena *arena, struct dfa *out)
{
    if (nfa->too_large || nfa->no_memory)
        return nfa->no_memory ? STATUS_NO_MEMORY : STATUS_LIMIT;
    struct subsets *s = calloc(1, sizeof *s);
    if (!s)
        return STATUS_NO_MEMORY;
    s->nfa = nfa;
    dfa_builder_init(&s->builder, PATTERN_STATES_MAX);
    determinise(s);
    const enum status status = dfa_builder_finish(&s->builder, arena, out);
    out->work += s->work;
    dfa_builder_release(&s->builder);
    free(s->members);
    free(s->seen);
    free(s->found);
    free(s->stack);
    free(s);
    return status;
}

/* Counting: a state is one of the pattern's and the number of characters begun, which stays at
 * `saturated` where more make no difference. */
struct counted {
    const struct dfa *dfa;
    struct length_range length;
    uint32_t saturated;
};

static uint64_t count_step(const void *arg, uint64_t key, uint8_t byte)
{
    const struct counted *c = arg;
    const uint32_t state = (uint32_t)(key & 0xFFFF);
    uint32_t count = (uint32_t)(key >> 16);
    const uint16_t next = dfa_next(c->dfa, state, byte);
    if (next == DFA_DEAD)
        return DFA_NO_KEY;
    if (c->dfa->marks[state] & DFA_CHARACTER) {
        if (byte == '"') {
            if (count < c->length.min)
                return DFA_NO_KEY;
        } else {
            if (count >= c->length.max)
                return DFA_NO_KEY;
            count = count < c->saturated ? count + 1 : count;
        }
    }
    return next | (uint64_t)count << 16;
}

static bool count_accepts(const void *arg, uint64_t key)
{
    const struct counted *c = arg;
    return c->dfa->marks[key & 0xFFFF] & DFA_ACCEPTS;
}

static enum status limit_length(const struct dfa *dfa, struct length_range length,
                                struct arena *arena, struct dfa *out)
{
    const struct counted counted = {
        .dfa = dfa,
        .length = length,
        .saturated = length.max == UINT32_MAX ? length.min : length.max,
    };
    const struct dfa_rules rules = {count_step, count_accepts, &counted, 0};
    return dfa_explore(&rules, COUNTED_STATES_MAX, arena, out);
}

enum status pattern_dfa(struct str pattern, struct length_range length, struct arena *arena,
                        struct dfa *out, struct reason *why)
{
    struct pattern_node *root;
    struct nfa nfa;
    enum status status = pattern_parse(pattern, arena, &root, why);
    if (status)
        return status;
    nfa_build(&nfa, root);
    struct dfa plain;
    const bool limited = length.min > 0 || length.max < UINT32_MAX;
    status = build(&nfa, arena, limited ? &plain : out);
    nfa_release(&nfa);
    if (!status && limited) {
        *out = plain;
        if (plain.state_count > 0)
            status = limit_length(&plain, length, arena, out);
        out->work += plain.work;
    }
    if (status == STATUS_NO_MEMORY)
        return reason_no_memory(why, sizeof(struct subsets));
    if (status) {
        reason_set(why, "invalid_schema", "The pattern is too complex.", "正则表达式过于复杂。");
        reason_hint(why, "Repeat less often, or allow fewer lengths.",
                    "请减少重复次数或长度范围。");
    }
    return status;
}
