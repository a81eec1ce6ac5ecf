#include "engine/grammar_mask.h"

#include "engine/grammar_string.h"

#include <stdlib.h>

enum { FORBIDDEN_MAX = 4096 };

enum status mask_init(struct mask *mask, const struct grammar_vocabulary *vocabulary,
                      struct reason *why)
{
    *mask = (struct mask){.vocabulary = vocabulary, .words = (size_t)vocabulary->size / 64 + 1};
    mask->bits = calloc(mask->words, sizeof *mask->bits);
    mask->part = calloc(mask->words, sizeof *mask->part);
    mask->levels = calloc(vocabulary->longest + 1, sizeof *mask->levels);
    mask->states = calloc(vocabulary->longest + 1, sizeof *mask->states);
    mask->forbidden = calloc(FORBIDDEN_MAX, sizeof *mask->forbidden);
    if (mask->bits && mask->part && mask->levels && mask->states && mask->forbidden)
        return STATUS_OK;
    mask_release(mask);
    return reason_no_memory(why, mask->words * sizeof *mask->bits);
}

void mask_release(struct mask *mask)
{
    for (size_t i = 0; i < MASK_CACHE_ENTRIES; i++) {
        free(mask->cache[i].inside);
        free(mask->cache[i].exits);
    }
    free(mask->bits);
    free(mask->part);
    free(mask->levels);
    free(mask->states);
    free(mask->forbidden);
    *mask = (struct mask){0};
}

static void set_bit(uint64_t *bits, int32_t id)
{
    if (id >= 0)
        bits[id / 64] |= 1ull << id % 64;
}

static void clear_bit(uint64_t *bits, int32_t id)
{
    if (id >= 0)
        bits[id / 64] &= ~(1ull << id % 64);
}

/* The tokens below nodes [first, end), from the heads that the level above them holds. */
static void walk(struct mask *m, struct grammar_state *s, uint32_t first, uint32_t end)
{
    const struct token_node *nodes = m->vocabulary->nodes;
    for (uint32_t i = first; i < end;) {
        const struct token_node *node = &nodes[i];
        const struct level *above = &m->levels[node->depth - 1];
        s->head_count = above->end;
        s->frame_count = above->frames;
        grammar_state_step(s, above->begin, above->end, node->byte);
        if (s->head_count == s->list) {
            i = node->end;
            continue;
        }
        m->levels[node->depth] = (struct level){s->list, s->head_count, s->frame_count};
        set_bit(m->bits, node->id);
        i++;
    }
}

/* The same below one node that leads to `head`. */
static void walk_from(struct mask *m, struct grammar_state *s, uint32_t node, uint32_t head)
{
    const struct token_node *n = &m->vocabulary->nodes[node];
    set_bit(m->bits, n->id);
    if (n->end == node + 1 || head == HEAD_DONE || s->head_count == HEADS_MAX)
        return;
    const uint32_t begin = s->head_count, frames = s->frame_count;
    s->heads[begin] = head;
    m->levels[n->depth] = (struct level){begin, begin + 1, frames};
    walk(m, s, node + 1, n->end);
    s->head_count = begin;
    s->frame_count = frames;
}

static void add_part(struct mask *m, const uint64_t *part)
{
    for (size_t i = 0; i < m->words; i++)
        m->bits[i] |= part[i];
}

/* Into `part`: the tokens that stay inside a string and begin at most `room` characters. */
static void inside_string(struct mask *m, uint32_t room)
{
    const struct grammar_vocabulary *v = m->vocabulary;
    const uint32_t all = v->inside_start[v->longest + 1];
    const uint32_t few = room >= v->longest ? all : v->inside_start[room + 1];
    if (few < all / 2) {
        memset(m->part, 0, m->words * sizeof *m->part);
        for (uint32_t i = 0; i < few; i++)
            set_bit(m->part, v->inside_ids[i]);
    } else {
        memcpy(m->part, v->inside, m->words * sizeof *m->part);
        for (uint32_t i = few; i < all; i++)
            clear_bit(m->part, v->inside_ids[i]);
    }
}

static void forbid(struct mask *m, uint32_t node)
{
    const struct grammar_vocabulary *v = m->vocabulary;
    for (uint32_t i = node; i < v->nodes[node].end; i++)
        clear_bit(m->part, v->nodes[i].id);
    m->forbidden[m->forbidden_count++] = (struct range){node, v->nodes[node].end};
}

/* Takes out of `part` what makes a free key one of the declared ones: below each node that still
 * follows their tree, an escape, and the quote that ends one. Returns false if the tables are
 * full. */
static bool forbid_keys(struct mask *m, const struct object_node *object, uint32_t node,
                        uint32_t key)
{
    const struct token_node *nodes = m->vocabulary->nodes;
    for (uint32_t i = node + 1; i < nodes[node].end; i = nodes[i].end) {
        const uint32_t child = key_node_child(object, key, nodes[i].byte);
        if (m->forbidden_count == FORBIDDEN_MAX)
            return false;
        if (nodes[i].byte == '\\' || (nodes[i].byte == '"' && child))
            forbid(m, i);
        else if (child && !forbid_keys(m, object, i, child))
            return false;
    }
    return true;
}

static void follow_exits(struct mask *m, struct grammar_state *s, const struct string_exit *exits,
                         uint32_t count, struct length_range length, uint32_t head)
{
    uint32_t next = 0; /* forbidden range */
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t node = exits[i].node;
        while (next < m->forbidden_count && m->forbidden[next].end <= node)
            next++;
        if (exits[i].characters < length.min || exits[i].characters > length.max ||
            (next < m->forbidden_count && m->forbidden[next].first <= node))
            continue;
        walk_from(m, s, node, head);
    }
}

/* A head between two characters of a string. False: take the long way. */
static bool fill_string(struct mask *m, struct grammar_state *s, const struct frame *f)
{
    const struct length_range *length = &s->grammar->nodes[f->node].length;
    const uint32_t room = length->max == UINT32_MAX ? UINT32_MAX : length->max - f->count;
    const uint32_t still = length->min > f->count ? length->min - f->count : 0;
    inside_string(m, room);
    m->forbidden_count = 0;
    if (f->keys) {
        const struct frame *parent = &s->frames[f->parent];
        if (!forbid_keys(m, &s->grammar->nodes[parent->node].object, 0, f->keys - 1)) {
            m->forbidden_count = 0;
            return false;
        }
    }
    add_part(m, m->part);
    follow_exits(m, s, m->vocabulary->exits, m->vocabulary->exit_count,
                 (struct length_range){still, room}, f->parent);
    m->forbidden_count = 0;
    return true;
}

static bool add_exit(struct pattern_mask *p, uint32_t node)
{
    if (p->exit_count == p->exit_cap) {
        const uint32_t cap = p->exit_cap ? p->exit_cap * 2 : 64;
        struct string_exit *exits = realloc(p->exits, cap * sizeof *exits);
        if (!exits)
            return false;
        p->exits = exits;
        p->exit_cap = cap;
    }
    p->exits[p->exit_count++] = (struct string_exit){node, 0};
    return true;
}

/* Follows all tokens through the pattern alone. */
static bool follow_pattern(struct mask *m, const struct dfa *dfa, struct pattern_mask *p)
{
    const struct grammar_vocabulary *v = m->vocabulary;
    m->states[0] = (uint16_t)p->state;
    for (uint32_t i = 1; i < v->node_count;) {
        const struct token_node *node = &v->nodes[i];
        const uint16_t state = dfa_next(dfa, m->states[node->depth - 1], node->byte);
        m->states[node->depth] = state;
        const bool ends = state != DFA_DEAD && (dfa->marks[state] & DFA_ENDS);
        if (ends && !add_exit(p, i))
            return false;
        if (state == DFA_DEAD || ends) {
            i = node->end;
            continue;
        }
        set_bit(p->inside, node->id);
        i++;
    }
    return true;
}

/* The entry of a state, made if it is not there; NULL if memory is short. */
static const struct pattern_mask *pattern_entry(struct mask *m, const struct dfa *dfa,
                                                uint32_t node, uint32_t state)
{
    for (size_t i = 0; i < MASK_CACHE_ENTRIES; i++)
        if (m->cache[i].inside && m->cache[i].node == node && m->cache[i].state == state)
            return &m->cache[i];
    struct pattern_mask *p = &m->cache[m->oldest++ % MASK_CACHE_ENTRIES];
    p->node = NO_NODE; /* in case it does not become complete */
    p->exit_count = 0;
    if (!p->inside && !(p->inside = malloc(m->words * sizeof *p->inside)))
        return NULL;
    memset(p->inside, 0, m->words * sizeof *p->inside);
    p->state = state;
    if (!follow_pattern(m, dfa, p))
        return NULL;
    p->node = node;
    return p;
}

static bool fill_pattern(struct mask *m, struct grammar_state *s, const struct frame *f)
{
    const struct dfa *dfa = &s->grammar->nodes[f->node].dfa;
    if (m->patterns++ >= MASK_CACHE_ENTRIES)
        return true;
    const struct pattern_mask *p = pattern_entry(m, dfa, f->node, f->state);
    if (!p)
        return false;
    add_part(m, p->inside);
    follow_exits(m, s, p->exits, p->exit_count, (struct length_range){0, UINT32_MAX}, f->parent);
    return true;
}

/* Where many tokens are allowed most of the answer is known beforehand. */
static bool fill_wide(struct mask *m, struct grammar_state *s, uint32_t head)
{
    if (head == HEAD_DONE)
        return true;
    const struct frame f = s->frames[head];
    const struct grammar_node *node = &s->grammar->nodes[f.node];
    if (node->kind == NODE_STRING && f.state == STRING_BODY)
        return fill_string(m, s, &f);
    return node->kind == NODE_DFA && node->wide && fill_pattern(m, s, &f);
}

static void add_tokens(struct mask *m, struct grammar_state *s, uint32_t heads)
{
    const uint32_t frames = s->frame_count;
    for (uint32_t t = 0; t < GRAMMAR_TOKENS_MAX; t++) {
        const int32_t id = s->grammar->tokens[t];
        if (id < 0 || id >= m->vocabulary->size)
            continue;
        grammar_state_step(s, 0, heads, SYMBOL_TOKEN + t);
        if (s->head_count > s->list)
            set_bit(m->bits, id);
        s->head_count = heads;
        s->frame_count = frames;
    }
}

void mask_fill(struct mask *m, struct grammar_state *s)
{
    const uint32_t heads = s->head_count, frames = s->frame_count;
    memset(m->bits, 0, m->words * sizeof *m->bits);
    m->patterns = 0;
    add_tokens(m, s, heads);
    /* The heads that are left take the long way together, as a list of their own. */
    uint32_t others = 0;
    for (uint32_t i = 0; i < heads; i++) {
        s->head_count = heads + others; /* fill_wide works behind them */
        if (!fill_wide(m, s, s->heads[i]))
            s->heads[heads + others++] = s->heads[i];
    }
    s->head_count = heads + others;
    m->levels[0] = (struct level){heads, heads + others, frames};
    if (others > 0)
        walk(m, s, 1, m->vocabulary->node_count);
    s->head_count = heads;
    s->frame_count = frames;
}
