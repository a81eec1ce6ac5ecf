/* Follows one answer through a grammar, and says which tokens may come next.
 *
 * For one thread. All memory that following needs is taken at the start, except that of a bounded
 * cache for patterns. */
#pragma once

#include "engine/grammar.h"
#include "engine/grammar_vocabulary.h"

struct grammar_matcher;

/* The grammar is shared, the vocabulary borrowed. breaks: up to two line breaks may come before the
 * text, as behind </think>. */
MUST_CHECK enum status grammar_matcher_create(struct grammar *grammar,
                                              const struct grammar_vocabulary *vocabulary,
                                              bool breaks, struct grammar_matcher **out,
                                              struct reason *why);
void grammar_matcher_destroy(struct grammar_matcher *matcher); /* takes NULL */

/* One bit for each id below vocabulary->size, 64 to a word: may this token come next? At least one
 * may, unless grammar_matcher_finished. Never set: added tokens that the grammar does not name.
 * Valid until the next call. */
const uint64_t *grammar_matcher_mask(struct grammar_matcher *matcher);

/* The text may end here: the end-of-answer token is allowed. */
bool grammar_matcher_may_end(const struct grammar_matcher *matcher);

/* The text is complete, and nothing may follow. */
bool grammar_matcher_finished(const struct grammar_matcher *matcher);

/* Takes a token. False if it is not allowed: nothing has changed. */
bool grammar_matcher_advance(struct grammar_matcher *matcher, int32_t id);

/* Takes text byte by byte. False at the first that is not allowed: those before it are taken. */
bool grammar_matcher_advance_text(struct grammar_matcher *matcher, struct str text);
