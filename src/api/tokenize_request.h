/* The bodies of POST /tokenize and POST /detokenize, as vLLM has them. */
#pragma once

#include "api/chat_request.h"
#include "base/buf.h"

struct tokenize_request {
    struct str model; /* empty: not said */
    bool is_chat;     /* messages instead of a prompt */
    struct chat_request chat;
    struct str prompt;
    bool parse_special; /* markers in the prompt are control tokens; true if absent */
    bool return_token_strs;
};

struct detokenize_request {
    struct str model;
    struct id_list tokens;
};

/* The tables of a body, NULL-terminated. */
const struct field_row *const *tokenize_tables(const struct json *root);
extern const struct field_row *const detokenize_tables[];

/* As chat_request_parse. */
MUST_CHECK enum status tokenize_request_parse(const struct json *root, struct arena *arena,
                                              struct tokenize_request *out, struct reason *why);
MUST_CHECK enum status detokenize_request_parse(const struct json *root, struct arena *arena,
                                                struct detokenize_request *out, struct reason *why);

/* {"count":…,"max_model_len":…,"tokens":[…],"token_strs":null} */
struct token_strings {
    /* The token as it stands in the vocabulary: GPT-2 letters, or the text of an added token. */
    void (*write)(const void *arg, int32_t id, struct buf *out);
    const void *arg; /* NULL: not asked for */
};
void tokenize_response_write(struct buf *out, struct id_list tokens, uint32_t max_model_len,
                             struct token_strings strings);
/* {"prompt":…} */
void detokenize_response_write(struct buf *out, struct str text);
