/* The body of a chat request: a conversation and the options of `qvl chat`. */
#pragma once

#include "base/buf.h"
#include "cli/options.h"

struct chat_options {
    const char *model, *system; /* system NULL: none */
    int64_t max_tokens;         /* -1: not given */
    int64_t seed;               /* INT64_MIN: not given */
    double temperature, top_p;  /* NAN: not given */
    bool stream;
    struct option_list params; /* "NAME=JSON", checked by chat_params_check */
};

/* Every --param must be NAME=JSON. */
MUST_CHECK enum status chat_params_check(const struct option_list *params, struct reason *why);

/* The turns so far, as JSON objects with commas between them. */
struct conversation {
    struct buf turns;
    size_t before_last; /* length without the last turn */
};

void conversation_init(struct conversation *c);
void conversation_release(struct conversation *c);
void conversation_clear(struct conversation *c);

/* `pictures` are URLs or data URLs; they stand before the text. */
void conversation_add_user(struct conversation *c, struct str text, const struct buf *pictures,
                           size_t picture_count);
void conversation_add_assistant(struct conversation *c, struct str text);
void conversation_drop_last(struct conversation *c);

/* The body. out->failed: it does not fit. */
void chat_request_write(struct buf *out, const struct chat_options *options,
                        const struct conversation *conversation);
