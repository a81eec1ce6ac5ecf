/* Writing the answers of POST /v1/completions (response_parts.h). */
#pragma once

#include "api/response_parts.h"

/* One choice, or what a chunk has of it. */
struct completion_text {
    uint32_t index;
    struct str text;
    struct answer_end end;
    struct answer_logprobs logprobs; /* NAN: null, of the first token of a prompt */
    uint64_t offset;                 /* characters of the whole text before the first token */
    struct answer_ids prompt_ids;    /* return_token_ids */
    struct answer_ids ids;
};

/* {"object":"text_completion",…} */
void completion_response_write(struct buf *out, const struct answer_head *head,
                               const struct completion_text *texts, size_t count,
                               const struct answer_usage *usage);

/* The events of a stream, each "data: {…}" and a blank line. */
void completion_chunk(struct buf *out, const struct answer_head *head,
                      const struct completion_text *text);
void completion_chunk_usage(struct buf *out, const struct answer_head *head,
                            const struct answer_usage *usage);

/* Characters (code points) that begin in these tokens. */
uint64_t completion_characters(const struct answer_logprobs *tokens);
