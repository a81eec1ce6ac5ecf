/* Writing the answers of POST /v1/chat/completions and GET /v1/models (response_parts.h). */
#pragma once

#include "api/answer_delta.h"
#include "api/response_parts.h"

/* One choice of an answer that is not streamed. */
struct chat_answer {
    const struct answer_delta *parts; /* of calls everything that came, with their ids */
    bool reasons;                     /* the model does: reasoning_content is there, or null */
    struct answer_end end;
    struct answer_ids ids; /* return_token_ids */
    struct answer_logprobs logprobs;
};

/* prompt_ids: for return_token_ids; prompt_token_ids and token_ids stand where vLLM has them. */
void chat_response_write(struct buf *out, const struct answer_head *head,
                         const struct chat_answer *answers, size_t count,
                         struct answer_ids prompt_ids, const struct answer_usage *usage);

/* The events of a stream, in this order, each "data: {…}" and a blank line. `index` is the choice's
 * number, from 0. */
void chat_chunk_role(struct buf *out, const struct answer_head *head, uint32_t index,
                     struct answer_ids prompt_ids);
/* Reasoning, content and pieces of calls in one chunk; without any an empty content. */
void chat_chunk_delta(struct buf *out, const struct answer_head *head, uint32_t index,
                      const struct answer_delta *delta, struct answer_ids ids,
                      struct answer_logprobs logprobs);
void chat_chunk_finish(struct buf *out, const struct answer_head *head, uint32_t index,
                       const struct answer_end *end);
void chat_chunk_usage(struct buf *out, const struct answer_head *head, /* if head->usage_chunk */
                      const struct answer_usage *usage);

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
