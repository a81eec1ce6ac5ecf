/* Words that are never generated: once the tokens of one but its last have been, that last one
 * cannot be drawn (as in vLLM). */
#pragma once

#include "model/tokenizer.h"

struct bad_words {
    struct token_list ids;     /* one word behind the other */
    struct token_list lengths; /* of each, ≥ 1 */
};

/* Each word as it is tokenized at the beginning of a text, and behind a space where that begins
 * with another token. Codes: those of tokenizer_encode, memory_full. `out` must be
 * released in any case. */
MUST_CHECK enum status bad_words_make(const struct tokenizer *tokenizer, const struct str *words,
                                      size_t count, struct bad_words *out, struct reason *why);
void bad_words_release(struct bad_words *words); /* takes a zeroed one too */

/* Forbids what would complete a word behind `output`. */
void bad_words_forbid(const struct bad_words *words, const int32_t *output, size_t count,
                      float *logits, uint32_t vocab_size);
