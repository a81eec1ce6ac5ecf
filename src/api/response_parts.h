/* What the answers of chat and text completions have in common, and how it is written.
 *
 * All functions append to a buffer; its `failed` says whether something did not fit. Text that is
 * not well-formed UTF-8 gets U+FFFD. */
#pragma once

#include "base/buf.h"
#include "json/writer.h"

#include <stdint.h>

/* What every object of one answer carries. */
struct answer_head {
    const char *id;          /* "chatcmpl-…", "cmpl-…" */
    struct str model;        /* the name that the request used */
    int64_t created;         /* seconds since 1970-01-01 UTC */
    const char *fingerprint; /* of everything that makes the same request give the same answer */
    bool usage_chunk; /* stream_options.include_usage: chunks carry "usage":null, the last one the
                         figures */
};

struct answer_usage {
    uint64_t prompt_tokens, completion_tokens;
    uint64_t cached_tokens, image_tokens; /* of the prompt tokens */
    uint64_t reasoning_tokens;            /* of the completion tokens */
};

struct answer_ids {
    const int32_t *ids; /* NULL: not asked for, the field is left out */
    size_t count;
};

/* Log-probabilities of tokens, and for each of the likeliest in its place. */
struct answer_logprobs {
    size_t count; /* tokens */
    /* Item 0 is the token itself, the following ones are the likeliest, the likeliest first. False:
     * there is none. */
    bool (*item)(const void *arg, size_t token, uint32_t item, struct str *bytes, double *logprob);
    const void *arg; /* NULL: not asked for, logprobs is null */
};

/* How a text ended. */
struct answer_end {
    const char *finish_reason; /* "stop", "length", "tool_calls"; NULL: it goes on */
    struct str stop;           /* the stop string that was found; empty: none */
    int32_t stop_id;           /* the stop token that came; -1: none */
};

/* What stands for a token that is as good as impossible, as in OpenAI's answers. */
#define LEAST_LOGPROB (-9999.0)

/* A member of an object. `value` NULL writes null; ids that are NULL write nothing. */
void member_word(struct json_writer *w, const char *key, const char *value);
void member_int(struct json_writer *w, const char *key, int64_t value);
void member_uint(struct json_writer *w, const char *key, uint64_t value);
void member_text(struct json_writer *w, const char *key, struct str text);
void member_ids(struct json_writer *w, const char *key, struct answer_ids ids);

/* {"id":…,"choices":[ — and what closes it, with usage if that is not NULL. */
void answer_begin(struct json_writer *w, const struct answer_head *head, const char *object);
void answer_write_usage(struct json_writer *w, const struct answer_usage *usage);

/* "finish_reason":…, and "stop_reason":… if it ended. */
void answer_write_end(struct json_writer *w, const struct answer_end *end);

/* An event of a stream: "data: {…,"choices":[ and, behind the choices, the rest. */
void answer_begin_chunk(struct json_writer *w, struct buf *out, const struct answer_head *head,
                        const char *object);
void answer_end_choices(struct json_writer *w, const struct answer_head *head,
                        const struct answer_usage *usage);
void answer_end_chunk(struct json_writer *w);

/* The event without choices that has the figures. */
void answer_chunk_usage(struct buf *out, const struct answer_head *head, const char *object,
                        const struct answer_usage *usage);
