/* Writing the answers of POST /v1/chat/completions and GET /v1/models.
 *
 * All functions append to a buffer; its `failed` says whether something did not fit. Text that is
 * not well-formed UTF-8 gets U+FFFD. */
#pragma once

#include "api/answer_delta.h"

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
    uint64_t reasoning_tokens;            /* of the completion tokens */
};

struct chat_token_ids {
    const int32_t *ids; /* NULL: not asked for, the field is left out */
    size_t count;
};

/* Log-probabilities of tokens, and for each of the likeliest in its place. */
struct chat_logprobs {
    size_t count; /* tokens */
    /* Item 0 is the token itself, the following ones are the likeliest, the likeliest first. False:
     * there is none. */
    bool (*item)(const void *arg, size_t token, uint32_t item, struct str *bytes, double *logprob);
    const void *arg; /* NULL: not asked for, logprobs is null */
};

/* One choice of an answer that is not streamed. */
struct chat_answer {
    const struct answer_delta *parts; /* of calls everything that came, with their ids */
    bool reasons;                     /* the model does: reasoning_content is there, or null */
    const char *finish_reason;        /* "stop", "length", "tool_calls", … */
    struct chat_token_ids ids;        /* return_token_ids */
    struct chat_logprobs logprobs;
};

/* prompt_ids: for return_token_ids; prompt_token_ids and token_ids stand where vLLM has them. */
void chat_response_write(struct buf *out, const struct chat_head *head,
                         const struct chat_answer *answers, size_t count,
                         struct chat_token_ids prompt_ids, const struct chat_usage *usage);

/* The events of a stream, in this order, each "data: {…}" and a blank line. `index` is the choice's
 * number, from 0. */
void chat_chunk_role(struct buf *out, const struct chat_head *head, uint32_t index,
                     struct chat_token_ids prompt_ids);
/* Reasoning, content and pieces of calls in one chunk; without any an empty content. */
void chat_chunk_delta(struct buf *out, const struct chat_head *head, uint32_t index,
                      const struct answer_delta *delta, struct chat_token_ids ids,
                      struct chat_logprobs logprobs);
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
