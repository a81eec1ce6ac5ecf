/* Where a text stands in a grammar: the step of the pushdown automaton.
 *
 * A place in the grammar is a frame; the frame it returns to is its parent, so that a head (the
 * index of a frame) stands for a whole stack. Where alternatives begin alike several heads live at
 * once. Frames never change: a step makes new ones behind the old, and what a trial added is taken
 * back by restoring frame_count. Parents always have smaller indices. */
#pragma once

#include "engine/grammar_nodes.h"

#define HEAD_DONE UINT32_MAX /* the text is complete */

enum { FRAMES_MAX = 32768, HEADS_MAX = 65536, HEADS_AT_ONCE = 256 };

struct frame {
    uint32_t parent;
    uint32_t node;
    uint32_t
        state; /* DFA: state; STRING: string_state; OBJECT: key node or property; SEQUENCE: part */
    uint32_t count; /* STRING: characters begun; ARRAY: items begun; OBJECT: the first property that
                     * may still come; SEQUENCE: bytes of the part */
    uint32_t keys;  /* STRING that is a key: 1 + the node of the parent's key tree that it follows;
                     * 0: it differs from every declared key */
    uint16_t blanks; /* ARRAY, OBJECT: 0 none; 1 a space; 2 + n: a line break and n blanks */
    uint8_t phase;
    uint8_t depth; /* arrays and objects around and including this one */
};

struct grammar_state {
    const struct grammar *grammar;
    struct frame *frames; /* [FRAMES_MAX] */
    uint32_t frame_count;
    uint32_t *heads; /* [HEADS_MAX] lists of heads, one behind the other */
    uint32_t head_count;
    uint32_t list; /* where the list in the making begins */
};

MUST_CHECK enum status grammar_state_init(struct grammar_state *s, const struct grammar *grammar,
                                          struct reason *why);
void grammar_state_release(struct grammar_state *s);

/* Puts the text back to its beginning: one head. breaks: up to two line breaks may come first. */
void grammar_state_begin(struct grammar_state *s, bool breaks);

/* Appends to the heads the list of those that `symbol` leads to from heads [begin, end); the list
 * is [s->list, s->head_count), empty if the symbol cannot come. */
void grammar_state_step(struct grammar_state *s, uint32_t begin, uint32_t end, uint32_t symbol);

/* May the text end at this head? */
bool grammar_state_may_end(const struct grammar_state *s, uint32_t head);

/* Drops every frame that none of the first `head_count` heads needs; the heads are renumbered.
 * `scratch` has room for frame_count numbers. */
void grammar_state_compact(struct grammar_state *s, uint32_t *scratch);

/* The child of a key node by its byte; 0: none. */
uint32_t key_node_child(const struct object_node *object, uint32_t at, uint32_t byte);
