/* Writing the answers of POST /v1/chat/completions and GET /v1/models.
 *
 * All functions append to a buffer; its `failed` says whether something did not fit. Text that is
 * not well-formed UTF-8 gets U+FFFD. */
#pragma once

#include "base/buf.h"

#include <stdint.h>

/* What every object of one answer carries. */
struct chat_head {
    const char *id;   /* "chatcmpl-…" */
    struct str model; /* the name that the request used */
    int64_t created;  /* seconds since 1970-01-01 UTC */
    bool usage_chunk; /* stream_options.include_usage: chunks carry "usage":null, the last one the
                         figures */
};

struct chat_usage {
    uint64_t prompt_tokens, completion_tokens;
    uint64_t cached_tokens, image_tokens; /* of the prompt tokens */
};

struct chat_token_ids {
    const int32_t *ids; /* NULL: not asked for, the field is left out */
    size_t count;
};

/* One choice of an answer that is not streamed. */
struct chat_answer {
    struct str content;
    const char *finish_reason; /* "stop", "length", "tool_calls", … */
    struct chat_token_ids ids; /* return_token_ids */
};

/* prompt_ids: for return_token_ids; prompt_token_ids and token_ids stand where vLLM has them. */
void chat_response_write(struct buf *out, const struct chat_head *head,
                         const struct chat_answer *answers, size_t count,
                         struct chat_token_ids prompt_ids, const struct chat_usage *usage);

/* The events of a stream, in this order, each "data: {…}" and a blank line. `index` is the choice's
 * number, from 0. */
void chat_chunk_role(struct buf *out, const struct chat_head *head, uint32_t index,
                     struct chat_token_ids prompt_ids);
void chat_chunk_content(struct buf *out, const struct chat_head *head, uint32_t index,
                        struct str text, struct chat_token_ids ids);
void chat_chunk_finish(struct buf *out, const struct chat_head *head, uint32_t index,
                       const char *finish_reason);
void chat_chunk_usage(struct buf *out, const struct chat_head *head, /* if head->usage_chunk */
                      const struct chat_usage *usage);
void chat_chunk_done(struct buf *out); /* data: [DONE] */

/* A model that the caller may use, as /v1/models shows it. */
struct model_card {
    const char *id;
    int64_t created; /* seconds since 1970-01-01 UTC */
    const char *owned_by;
    const char *root;       /* the name that `id` is an alias of; NULL: itself */
    uint32_t max_model_len; /* tokens of a conversation */
};

void model_card_write(struct buf *out, const struct model_card *card);
void model_list_write(struct buf *out, const struct model_card *cards, size_t count);
