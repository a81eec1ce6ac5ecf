/* Putting a tokenizer together, piece by piece, from whatever file it comes: vocabulary, merges,
 * added tokens, in this order. Every failure is bad_tokenizer, or lack of memory. */
#pragma once

#include "model/tokenizer_parts.h"

enum { TOKENIZER_ID_MAX = 1 << 24, TOKENIZER_ADDED_MAX = 4096 };

struct tokenizer_builder {
    const char *path; /* of the file, for messages */
    struct tokenizer *out;
    struct reason *why;
    struct bpe_merge *merges;
    size_t merge_count;
};

/* An empty tokenizer. */
MUST_CHECK enum status tokenizer_begin(struct tokenizer_builder *builder, const char *path,
                                       struct reason *why);
/* The tokenizer, complete; or, after a failure, nothing: releases what there is. */
MUST_CHECK enum status tokenizer_end(struct tokenizer_builder *builder, enum status status,
                                     struct tokenizer **out);

/* "In the tokenizer PATH, `subject` (a member of the file) `en`." */
enum status tokenizer_bad(const struct tokenizer_builder *builder, const char *subject,
                          const char *en, const char *zh);

/* Room for base tokens with ids below `size`. */
MUST_CHECK enum status tokenizer_set_size(struct tokenizer_builder *builder, int32_t size);

/* A base token, written in GPT-2 letters. `subject` is where it stands. */
MUST_CHECK enum status tokenizer_add_base(struct tokenizer_builder *builder, int32_t id,
                                          struct str letters, const char *subject);

/* Room for merges (`subject`: the vocabulary, which has a token for every byte); then each in the
 * order of its rank, in GPT-2 letters. */
MUST_CHECK enum status tokenizer_set_merges(struct tokenizer_builder *builder, size_t count,
                                            const char *subject);
MUST_CHECK enum status tokenizer_add_merge(struct tokenizer_builder *builder, struct str left,
                                           struct str right, const char *subject);

/* Room for added tokens; then each, its text as it stands in a prompt. */
MUST_CHECK enum status tokenizer_set_added(struct tokenizer_builder *builder, size_t count,
                                           const char *subject);
MUST_CHECK enum status tokenizer_add_added(struct tokenizer_builder *builder, int32_t id,
                                           struct str text, bool special, const char *subject);
