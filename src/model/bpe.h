/* Byte-pair encoding of one word (specification 2.6).
 *
 * The adjacent pair with the smallest rank is merged, leftmost first, until no pair has a rank. */
#pragma once

#include "base/status.h"
#include "base/str.h"

#include <stdint.h>

struct bpe_merge {
    int32_t left, right; /* token ids */
    int32_t merged;
};

struct bpe;

/* `merges` in rank order; byte_ids[b] is the token of the single byte b. Both are copied. */
MUST_CHECK enum status bpe_create(const struct bpe_merge *merges, size_t count,
                                  const int32_t byte_ids[256], struct bpe **out,
                                  struct reason *why);
void bpe_destroy(struct bpe *bpe); /* takes NULL */

/* Writes the ids of `word` (at most word.len of them) to ids and returns their number. Words up to
 * a few hundred bytes need no memory; longer ones take O(n log n) time and fail only for lack of
 * memory. */
MUST_CHECK enum status bpe_encode(const struct bpe *bpe, struct str word, int32_t *ids,
                                  size_t *count, struct reason *why);
