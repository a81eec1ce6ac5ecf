/* How likely a model found a token, and what it found likelier.
 *
 * Log-probabilities are those of the logits as the model gave them (log-softmax), before bias,
 * penalties and temperature; of an answer with a grammar, among the tokens that its form allows. */
#pragma once

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

enum { LOGPROBS_TOP_MAX = 20 };

struct token_logprob {
    int32_t id; /* -1: none, the row has fewer */
    float logprob;
};

/* logits [count]; the token that was drawn, then the `top` likeliest (0 to LOGPROBS_TOP_MAX), the
 * likeliest first, of equals the lower id. What is impossible is not listed, but for the token.
 * row [1 + top]. */
void logprobs_compute(const float *logits, uint32_t count, int32_t id, uint32_t top,
                      struct token_logprob *row);

/* Rows of an answer, one after the other. */
struct logprob_list {
    struct token_logprob *items;
    size_t count, cap;
};

MUST_CHECK enum status logprob_list_add(struct logprob_list *list, const struct token_logprob *row,
                                        size_t count, struct reason *why);
void logprob_list_release(struct logprob_list *list);
