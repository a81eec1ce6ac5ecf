/* The body of POST /v1/completions, checked and as plain values (generation_params.h).
 *
 * A prompt of text is plain: nothing in it becomes a control token, whatever it spells. Control
 * tokens come in prompts of ids. */
#pragma once

#include "api/generation_params.h"

enum {
    COMPLETION_USUAL_TOKENS = 16, /* max_tokens, if it is absent: OpenAI's */
    COMPLETION_ANSWERS_MAX = 128, /* prompts × n */
};

/* Either text (not empty) or ids (at least one). */
struct completion_prompt {
    struct str text;
    struct id_list ids;
};

struct completion_request {
    struct generation_params params; /* max_tokens ≥ 0 and there */
    const struct completion_prompt *prompts;
    uint32_t prompt_count; /* ≥ 1 */
    bool one_list;         /* the prompt was one list of ids */
    bool echo;             /* the prompt is part of the text */
};

/* The body's tables, NULL-terminated. */
extern const struct field_row *const completion_tables[];

/* As chat_request_parse. */
MUST_CHECK enum status completion_request_parse(const struct json *root, struct arena *arena,
                                                struct completion_request *out, struct reason *why);
