/* The tokens of a tokenizer as a tree of their bytes, for finding quickly which of them a grammar
 * allows. Immutable once made; any number of threads may use it.
 *
 * Added tokens are not in it. Nodes stand in depth-first order: the descendants of node i are
 * i + 1 … nodes[i].end - 1. Of what may stand inside a string, where most tokens may, the answer is
 * kept ready: `inside` tokens stay in the string, `exits` close it. */
#pragma once

#include "model/tokenizer.h"

struct token_node {
    uint32_t end;
    int32_t id;     /* of the token whose bytes end here; -1: none */
    uint16_t depth; /* bytes from the root, which is node 0 */
    uint8_t byte;
};

/* A node reached by the closing quote of a string, and the characters before it. */
struct string_exit {
    uint32_t node;
    uint32_t characters;
};

struct grammar_vocabulary {
    const struct tokenizer *tokenizer; /* borrowed */
    struct token_node *nodes;
    uint32_t node_count;
    uint32_t longest;          /* bytes of the longest token */
    int32_t size;              /* ids */
    uint64_t *inside;          /* bit per id */
    int32_t *inside_ids;       /* the same tokens, those of the fewest characters first */
    uint32_t *inside_start;    /* [longest + 2]: where those that begin c characters start */
    struct string_exit *exits; /* in the order of nodes */
    uint32_t exit_count;
};

/* Code: bad_tokenizer if a single byte has no token, so that not every text can be spelled. */
MUST_CHECK enum status grammar_vocabulary_create(const struct tokenizer *tokenizer,
                                                 struct grammar_vocabulary **out,
                                                 struct reason *why);
void grammar_vocabulary_destroy(struct grammar_vocabulary *vocabulary); /* takes NULL */
