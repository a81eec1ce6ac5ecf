/* Deterministic automata over bytes: the leaves of a grammar (numbers, constants, patterns).
 *
 * Of a finished automaton every state is reached from the start and reaches acceptance, so that no
 * way through it is a dead end. State 0 is the start. */
#pragma once

#include "base/arena.h"
#include "base/status.h"

#include <stdint.h>

enum { DFA_STATES_MAX = 60000 };
#define DFA_DEAD UINT16_MAX

struct dfa {
    uint32_t state_count; /* 0: it accepts nothing */
    uint32_t class_count;
    uint8_t classes[256]; /* byte → class */
    uint16_t *next;       /* [state_count][class_count]; DFA_DEAD: no way on */
    uint8_t *marks;       /* [state_count] DFA_… */
    uint64_t work;        /* what making it cost, in steps of some nanoseconds */
};

enum {
    DFA_ACCEPTS = 1,   /* the value may end here */
    DFA_ENDS = 2,      /* … and must: no way leads on */
    DFA_CHARACTER = 4, /* as dfa_set_mark said: a character of the string may begin here */
};

static inline uint16_t dfa_next(const struct dfa *dfa, uint32_t state, uint8_t byte)
{
    return dfa->next[(size_t)state * dfa->class_count + dfa->classes[byte]];
}

/* Building: states get numbers in order; the first is the start. Failures (too many states, no
 * memory) stay in the builder until dfa_builder_finish tells them. */
struct dfa_builder {
    uint16_t (*rows)[256];
    uint8_t *marks;
    uint32_t count, cap, max;
    bool too_large, no_memory;
};

void dfa_builder_init(struct dfa_builder *b, uint32_t max_states);
void dfa_builder_release(struct dfa_builder *b);
uint16_t dfa_add_state(struct dfa_builder *b, uint8_t marks); /* DFA_DEAD after a failure */
void dfa_add_edge(struct dfa_builder *b, uint16_t from, uint8_t byte, uint16_t to);

/* Adds the way that spells `text` to a tree-shaped automaton, whose start exists. */
void dfa_add_text(struct dfa_builder *b, struct str text);

/* Takes out what is not reached or leads nowhere. STATUS_LIMIT and STATUS_NO_MEMORY without a
 * reason: the caller knows what was too large. */
MUST_CHECK enum status dfa_builder_finish(struct dfa_builder *b, struct arena *arena,
                                          struct dfa *out);

/* An automaton told by its steps: a state is any number but DFA_NO_KEY. */
#define DFA_NO_KEY UINT64_MAX

struct dfa_rules {
    uint64_t (*step)(const void *arg, uint64_t key, uint8_t byte);
    bool (*accepts)(const void *arg, uint64_t key);
    const void *arg;
    uint64_t start;
};

MUST_CHECK enum status dfa_explore(const struct dfa_rules *rules, uint32_t max_states,
                                   struct arena *arena, struct dfa *out);
