#include "engine/grammar_pattern_nfa.h"

#include "base/utf8.h"

#include <stdio.h>
#include <stdlib.h>

/* Nodes visited, each as often as it is repeated: empty ones add no states. */
enum { STEPS_MAX = 200000 };

static uint16_t add(struct nfa *nfa, struct nfa_state state)
{
    if (nfa->count == NFA_STATES_MAX)
        nfa->too_large = true;
    if (nfa->too_large || nfa->no_memory)
        return 0;
    if (nfa->count == nfa->cap) {
        const uint32_t cap = nfa->cap ? nfa->cap * 2 : 256;
        struct nfa_state *states = realloc(nfa->states, cap * sizeof *states);
        if (!states) {
            nfa->no_memory = true;
            return 0;
        }
        nfa->states = states;
        nfa->cap = cap;
    }
    nfa->states[nfa->count] = state;
    return (uint16_t)nfa->count++;
}

static uint16_t add_byte(struct nfa *nfa, uint8_t low, uint8_t high, bool character, uint16_t to)
{
    return add(nfa,
               (struct nfa_state){
                   .kind = NFA_BYTE, .low = low, .high = high, .character = character, .to = to});
}

static uint16_t add_fork(struct nfa *nfa, uint16_t to, uint16_t other)
{
    return add(nfa, (struct nfa_state){.kind = NFA_FORK, .to = to, .other = other});
}

static uint16_t add_spelling(struct nfa *nfa, const char *bytes, size_t len, uint16_t to)
{
    for (size_t i = len; i-- > 0;)
        to = add_byte(nfa, (uint8_t)bytes[i], (uint8_t)bytes[i], i == 0, to);
    return to;
}

/* A character that JSON strings must escape, as our writer spells it. */
static uint16_t add_escaped(struct nfa *nfa, uint32_t code, uint16_t to)
{
    static const char shorts[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    char text[8];
    for (size_t i = 0; i + 1 < sizeof shorts; i += 2) {
        if (code != (unsigned char)shorts[i])
            continue;
        text[0] = '\\';
        text[1] = shorts[i + 1];
        return add_spelling(nfa, text, 2, to);
    }
    snprintf(text, sizeof text, "\\u%04x", code);
    return add_spelling(nfa, text, 6, to);
}

/* Ways of a set: the entries of all of its characters, joined by forks. */
struct ways {
    struct nfa *nfa;
    uint16_t to, entry;
    bool any;
};

static void add_way(struct ways *ways, uint16_t entry)
{
    ways->entry = ways->any ? add_fork(ways->nfa, entry, ways->entry) : entry;
    ways->any = true;
}

/* low and high have the same number of bytes, and all between them differ from low in continuation
 * bytes whose whole range is taken, but for the first that differs. */
static void add_uniform(struct ways *ways, uint32_t low, uint32_t high)
{
    char first[4], last[4];
    const size_t len = utf8_encode(low, first);
    utf8_encode(high, last);
    uint16_t to = ways->to;
    for (size_t i = len; i-- > 0;)
        to = add_byte(ways->nfa, (uint8_t)first[i], (uint8_t)last[i], i == 0, to);
    add_way(ways, to);
}

/* Characters of one encoded length, cut where the bytes behind the first that differs would not
 * cover their whole range. */
static void add_range(struct ways *ways, uint32_t low, uint32_t high)
{
    for (uint32_t bits = 6; bits <= 18; bits += 6) {
        const uint32_t mask = (1u << bits) - 1;
        if ((low | mask) == (high | mask))
            continue;
        if ((low & mask) != 0) {
            add_range(ways, low, low | mask);
            add_range(ways, (low | mask) + 1, high);
            return;
        }
        if ((high & mask) != mask) {
            add_range(ways, low, (high & ~mask) - 1);
            add_range(ways, high & ~mask, high);
            return;
        }
    }
    add_uniform(ways, low, high);
}

static void add_ascii(struct ways *ways, uint32_t low, uint32_t high)
{
    uint32_t from = low;
    for (uint32_t code = low; code <= high; code++) {
        if (code >= 0x20 && code != '"' && code != '\\')
            continue;
        if (from < code)
            add_uniform(ways, from, code - 1);
        add_way(ways, add_escaped(ways->nfa, code, ways->to));
        from = code + 1;
    }
    if (from <= high)
        add_uniform(ways, from, high);
}

static uint16_t add_set(struct nfa *nfa, const struct pattern_node *set, uint16_t to)
{
    static const struct code_range lengths[] = {
        {0x80, 0x7FF}, {0x800, 0xD7FF}, {0xE000, 0xFFFF}, {0x10000, CODE_MAX}};
    struct ways ways = {.nfa = nfa, .to = to};
    for (uint32_t i = 0; i < set->range_count; i++) {
        const struct code_range range = set->ranges[i];
        if (range.low < 0x80)
            add_ascii(&ways, range.low, range.high < 0x7F ? range.high : 0x7F);
        for (size_t k = 0; k < ARRAY_LEN(lengths); k++) {
            const uint32_t low = range.low > lengths[k].low ? range.low : lengths[k].low;
            const uint32_t high = range.high < lengths[k].high ? range.high : lengths[k].high;
            if (low <= high)
                add_range(&ways, low, high);
        }
    }
    return ways.any ? ways.entry : add(nfa, (struct nfa_state){.kind = NFA_FAIL});
}

static uint16_t add_node(struct nfa *nfa, const struct pattern_node *node, uint16_t to);

static uint16_t add_repeat(struct nfa *nfa, const struct pattern_node *node, uint16_t to)
{
    if (node->max == UINT32_MAX) {
        const uint16_t loop = add_fork(nfa, to, to);
        const uint16_t body = add_node(nfa, node->first, loop);
        if (!nfa->too_large && !nfa->no_memory)
            nfa->states[loop].other = body;
        to = loop;
    } else {
        const uint16_t end = to;
        for (uint32_t i = node->min; i < node->max && !nfa->too_large; i++)
            to = add_fork(nfa, add_node(nfa, node->first, to), end);
    }
    for (uint32_t i = 0; i < node->min && !nfa->too_large; i++)
        to = add_node(nfa, node->first, to);
    return to;
}

static uint16_t add_node(struct nfa *nfa, const struct pattern_node *node, uint16_t to)
{
    nfa->too_large = nfa->too_large || nfa->steps++ == STEPS_MAX;
    if (nfa->too_large || nfa->no_memory)
        return 0;
    switch (node->kind) {
    case PATTERN_SET: return add_set(nfa, node, to);
    case PATTERN_SEQUENCE:
        for (const struct pattern_node *part = node->first; part; part = part->next)
            to = add_node(nfa, part, to);
        return to;
    case PATTERN_REPEAT: return add_repeat(nfa, node, to);
    case PATTERN_ALTERNATIVES: break;
    }
    uint16_t entry = add_node(nfa, node->first, to);
    for (const struct pattern_node *other = node->first->next; other; other = other->next)
        entry = add_fork(nfa, add_node(nfa, other, to), entry);
    return entry;
}

void nfa_build(struct nfa *nfa, const struct pattern_node *root)
{
    *nfa = (struct nfa){0};
    const uint16_t match = add(nfa, (struct nfa_state){.kind = NFA_MATCH});
    const uint16_t closing = add_byte(nfa, '"', '"', true, match);
    nfa->start = add_byte(nfa, '"', '"', false, add_node(nfa, root, closing));
}

void nfa_release(struct nfa *nfa)
{
    free(nfa->states);
    *nfa = (struct nfa){0};
}
