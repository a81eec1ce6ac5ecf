/* One question: send it, show the answer as it comes. */
#pragma once

#include "cli/chat_output.h"
#include "cli/chat_request.h"
#include "cli/remote.h"
#include "client/chat_reply.h"

struct chat_send {
    struct remote *remote;
    const struct chat_options *options;
    const struct conversation *conversation;
    struct chat_output *out;
    bool json;      /* the server's whole document instead of the text */
    bool last_call; /* nothing follows on the connection: stop at [DONE] without waiting for more */
};

/* Sends and shows; `reply` (initialised) holds the text afterwards. Failures are told on standard
 * error, with --json on standard output too. */
enum outcome chat_send(const struct chat_send *send, struct chat_reply *reply);

/* The request's URL and headers; NULL: no memory. `idempotency` is a header too, or NULL. */
const char *chat_url(struct remote *remote);
const char *const *chat_headers(struct remote *remote, const struct chat_options *options,
                                const char *idempotency);
