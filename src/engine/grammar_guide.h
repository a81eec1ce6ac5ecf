/* Keeps the sampling of one sequence within its grammar. For the scheduler's thread. */
#pragma once

#include "engine/grammar_matcher.h"

struct grammar_guide;

/* The grammar is shared, the vocabulary borrowed. after: the id of the token behind which the
 * grammar begins, as </think>; until it comes any token but the end is allowed. -1: at once. */
MUST_CHECK enum status grammar_guide_create(struct grammar *grammar,
                                            const struct grammar_vocabulary *vocabulary,
                                            int32_t after, struct grammar_guide **out,
                                            struct reason *why);
void grammar_guide_destroy(struct grammar_guide *guide); /* takes NULL */

/* Sets the logits of the tokens that may not come next to -INFINITY; `ends` are the ids that end
 * an answer. At least one other token stays, unless grammar_guide_finished. */
void grammar_guide_restrict(struct grammar_guide *guide, float *logits, uint32_t vocab_size,
                            const int32_t *ends, uint32_t end_count);

/* Takes the token that was drawn, and returns it. If it is not an allowed one (the logits were no
 * numbers) the lowest allowed id is taken instead. An id that ends the answer changes nothing. */
int32_t grammar_guide_take(struct grammar_guide *guide, int32_t id, const int32_t *ends,
                           uint32_t end_count);

/* The text is complete, and nothing may follow. */
bool grammar_guide_finished(const struct grammar_guide *guide);
