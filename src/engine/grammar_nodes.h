/* The inside of a grammar: a graph of nodes, each of which stands for the values of one place.
 *
 * Input is a series of symbols: bytes, and from SYMBOL_TOKEN on added tokens of the tokenizer. */
#pragma once

#include "engine/grammar.h"
#include "engine/grammar_dfa.h"
#include "engine/grammar_pattern.h"

#include <stdatomic.h>

enum { SYMBOL_TOKEN = 256, GRAMMAR_TOKENS_MAX = 2 };
#define NO_NODE UINT32_MAX
enum { UNREACHABLE_DEPTH = UINT16_MAX };

enum node_kind { NODE_DFA, NODE_STRING, NODE_ARRAY, NODE_OBJECT, NODE_CHOICE, NODE_SEQUENCE };

struct array_node {
    const uint32_t *prefix; /* [prefix_count] nodes of the first items */
    uint32_t prefix_count;
    uint32_t rest;     /* node of the others */
    uint32_t min, max; /* items; UINT32_MAX: no maximum */
};

struct property {
    struct str key; /* as JSON writes it, without the opening quote, with the closing one */
    uint32_t node;
    bool required;
};

/* The keys of an object as a tree of bytes. Children follow their parents. */
struct key_node {
    uint8_t byte;
    uint32_t child, sibling; /* 0: none */
    uint32_t first, end;     /* the keys through here: sorted[first..end) */
};

/* Properties come in the order of their declaration, others behind them. */
struct object_node {
    struct property *properties;
    uint32_t count;
    uint32_t others; /* node of the values of other properties; NO_NODE: none allowed */
    /* Made by grammar_link. */
    struct key_node *keys;   /* [0] is the root */
    uint32_t *sorted;        /* properties in the order of their keys */
    uint32_t *required_from; /* [count + 1] the first required one from here on; count: none */
};

/* Alternatives; after grammar_link none of them is a choice itself. */
struct choice_node {
    uint32_t *ways;
    uint32_t count;
};

enum part_kind {
    PART_TEXT,
    PART_TOKEN,   /* the added token of symbol `value` */
    PART_VALUE,   /* node `value` */
    PART_BREAKS,  /* at most two line breaks, or nothing */
    PART_MAY_END, /* the sequence may end here, or go on */
};

struct part {
    enum part_kind kind;
    struct str text;
    uint32_t value;
};

struct sequence_node {
    struct part *parts; /* not empty; the last is neither BREAKS nor MAY_END */
    uint32_t count;
};

struct grammar_node {
    enum node_kind kind;
    bool wide;          /* DFA: a pattern, which many tokens may match */
    uint16_t min_depth; /* arrays and objects that the least nested value has inside each other;
                         * UNREACHABLE_DEPTH: there is no value */
    union {
        struct dfa dfa;
        struct length_range length;
        struct array_node array;
        struct object_node object;
        struct choice_node choice;
        struct sequence_node sequence;
    };
};

struct grammar {
    atomic_uint references;
    struct arena arena;
    struct grammar_node *nodes; /* malloc */
    uint32_t node_count, node_cap;
    uint32_t root;
    uint32_t start;                     /* a sequence: BREAKS, root */
    uint32_t key;                       /* the node of a key that was not declared */
    int32_t tokens[GRAMMAR_TOKENS_MAX]; /* id of symbol SYMBOL_TOKEN + i; -1: unused */
};

/* Building. */
MUST_CHECK enum status grammar_create(struct grammar **out, struct reason *why);

/* Adds a node (a choice of nothing until it is filled in). Code: invalid_schema if there are too
 * many. The node's address changes with the next call. */
MUST_CHECK enum status grammar_add_node(struct grammar *grammar, uint32_t *out, struct reason *why);

/* The last step: root is set. Code: invalid_schema if nothing matches the root. */
MUST_CHECK enum status grammar_link(struct grammar *grammar, struct reason *why);
