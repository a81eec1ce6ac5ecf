/* A regular expression as a nondeterministic automaton over the bytes of a JSON string. */
#pragma once

#include "engine/grammar_pattern_tree.h"

#include <stdbool.h>

enum { NFA_STATES_MAX = 20000 };

enum nfa_kind { NFA_BYTE, NFA_FORK, NFA_MATCH, NFA_FAIL };

struct nfa_state {
    enum nfa_kind kind : 8;
    uint8_t low, high; /* BYTE: reads one of these and goes to `to` */
    bool character;    /* BYTE: the first byte of a character, or the closing quote */
    uint16_t to, other;
};

struct nfa {
    struct nfa_state *states; /* malloc */
    uint32_t count, cap, steps;
    uint16_t start;
    bool too_large, no_memory;
};

/* With both quotes. Failures stay in the flags. */
void nfa_build(struct nfa *nfa, const struct pattern_node *root);
void nfa_release(struct nfa *nfa);
