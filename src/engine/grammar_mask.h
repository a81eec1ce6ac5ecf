/* Finding the allowed tokens. Part of grammar_matcher.c. */
#pragma once

#include "engine/grammar_state.h"
#include "engine/grammar_vocabulary.h"

/* So many patterns count at once: of more alternatives the others are given up for this token, so
 * that no schema makes a token last long. */
enum { MASK_CACHE_ENTRIES = 32 };

/* What one state of a pattern's automaton allows as far as it goes: tokens that stay inside, and
 * the nodes where it ends. */
struct pattern_mask {
    uint32_t node, state;
    uint64_t *inside; /* NULL: unused entry */
    struct string_exit *exits;
    uint32_t exit_count, exit_cap;
};

struct mask {
    const struct grammar_vocabulary *vocabulary;
    uint64_t *bits; /* the answer */
    uint64_t *part; /* of one head */
    size_t words;
    struct level { /* by depth of the tree of tokens: the heads there */
        uint32_t begin, end, frames;
    } * levels;       /* [longest + 1] */
    uint16_t *states; /* [longest + 1] of a pattern */
    struct range {
        uint32_t first, end;
    } * forbidden; /* nodes that would end a key that is declared, in order */
    uint32_t forbidden_count, forbidden_cap;
    struct pattern_mask cache[MASK_CACHE_ENTRIES];
    uint32_t oldest;
    uint32_t patterns; /* looked at for this token */
};

MUST_CHECK enum status mask_init(struct mask *mask, const struct grammar_vocabulary *vocabulary,
                                 struct reason *why);
void mask_release(struct mask *mask);

/* Fills `bits` for the first s->head_count heads; s is as before afterwards. */
void mask_fill(struct mask *mask, struct grammar_state *s);
