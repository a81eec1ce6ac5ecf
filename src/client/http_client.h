/* Exchanges one after the other, blocking; connections are kept and used again. One thread. */
#pragma once

#include "client/http_exchange.h"

struct http_client {
    CURLM *multi;
    CURL *easy;
    const struct clock *clock;
    int cancel_fd; /* readable: stop at once (http_client_perform, http_client_sleep); -1: none */
};

MUST_CHECK enum status http_client_init(struct http_client *client, const struct clock *clock,
                                        int cancel_fd, struct reason *why);
void http_client_release(struct http_client *client); /* takes a zeroed client too */

/* Sends the request and reads the whole answer, or hands its body to on_body as it comes.
 * `response` is initialised; it is cleared first. On failure it holds what came until then, and
 * why->code is one of outcome.c. */
MUST_CHECK enum status http_client_perform(struct http_client *client,
                                           const struct http_transport *transport,
                                           const struct http_request *request,
                                           http_body_fn *on_body, void *context,
                                           struct http_response *response, struct reason *why);

/* False: cancelled before the time was over. */
bool http_client_sleep(const struct http_client *client, int64_t ms);
