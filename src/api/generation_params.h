/* What a request says about generating: sampling, ends, choices, streaming. Chat and text
 * completions have these fields in common.
 *
 * Everything borrows from the JSON tree or lives in the arena. What is not given stays "absent", so
 * that the server can fill in its own defaults: absent numbers are negative (integers whose range
 * begins at 0 or 1) or NAN (floats). null counts as absent everywhere. */
#pragma once

#include "api/field_table.h"

enum {
    PARAMS_STOP_MAX = 16,
    PARAMS_N_MAX = 16,
    PARAMS_BIAS_MOST = 100,
    PARAMS_BIAS_COUNT_MAX = 1024,
    PARAMS_IDS_MAX = 1024,
    PARAMS_BAD_WORDS_MAX = 256,
    PARAMS_LOGPROBS_MAX = 20,
};

/* Token ids, not negative. */
struct id_list {
    const int32_t *ids;
    uint32_t count;
};

/* What is added to the logit of a token: -PARAMS_BIAS_MOST to PARAMS_BIAS_MOST. */
struct token_bias {
    int32_t id; /* not negative */
    float bias;
};

/* What form the answer must have. */
enum answer_format { FORMAT_TEXT, FORMAT_JSON_OBJECT, FORMAT_JSON_SCHEMA };

struct generation_params {
    struct str model; /* not empty */
    bool stream, include_usage;
    int64_t max_tokens; /* -1: absent */
    int64_t min_tokens; /* ≥ 0, not above max_tokens if that is given; 0 if absent */
    int64_t n;          /* 1 to PARAMS_N_MAX; 1 if absent */

    double temperature;                         /* 0 to 2 */
    double top_p;                               /* above 0, to 1 */
    double min_p;                               /* 0 to 1 */
    double presence_penalty, frequency_penalty; /* -2 to 2 */
    double repetition_penalty;                  /* above 0, to 10 */
    int64_t top_k; /* ≥ 0, 0: off (-1 in the request too); -1: absent */
    int64_t seed;  /* any, if has_seed */
    bool has_seed;

    struct str stop[PARAMS_STOP_MAX]; /* not empty */
    uint32_t stop_count;
    bool include_stop;           /* what stopped the answer is part of it */
    struct id_list stop_ids;     /* tokens that end the answer */
    struct id_list allowed;      /* the only tokens that may be drawn; none: all */
    const struct str *bad_words; /* not empty: never generated */
    uint32_t bad_word_count;
    const struct token_bias *biases;
    uint32_t bias_count;

    int format;                /* an enum answer_format */
    const struct json *schema; /* JSON_SCHEMA: an object; not checked further */

    bool logprobs;
    int64_t top_logprobs; /* 0 to PARAMS_LOGPROBS_MAX; 0 without logprobs */

    bool ignore_eos, return_token_ids;
    bool keep_special;     /* special tokens are part of the text */
    struct str cache_salt; /* prompts are found again only with the same; empty: none */
};

extern const struct generation_params generation_params_absent;

/* The fields in common; max_tokens and logprobs are the routes' own. */
extern const struct field_row generation_rows[];

/* Reads generation_rows into *out, and checks what one field says of another. */
MUST_CHECK enum status generation_params_parse(const struct field *body, struct arena *arena,
                                               struct generation_params *out, struct reason *why);

/* A form, or a forced call, may need tokens that are forbidden: invalid_value then. */
MUST_CHECK enum status generation_form_check(const struct field *body,
                                             const struct generation_params *params, bool forced,
                                             struct reason *why);

/* An array of token ids, 0 to INT32_MAX, `most` at most. */
MUST_CHECK enum status id_list_parse(const struct field *field, uint32_t most, struct arena *arena,
                                     struct id_list *out, struct reason *why);

/* "… has 17 entries; 16 are allowed." */
enum status field_too_many(const struct field *field, uint32_t most, struct reason *why);
