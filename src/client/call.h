/* One call to a server: the request, tried again as retry.h decides, each retry told. */
#pragma once

#include "client/http_client.h"
#include "client/retry.h"

struct retry_note {
    int retry, max_retries; /* 1 of 3 */
    int64_t wait_ms;
    bool asked;               /* the server named the wait */
    int status;               /* of the answer; 0: there was none, and `why` says why */
    const struct reason *why; /* NULL with a status */
};

struct call {
    struct http_client *client;
    const struct http_transport *transport;
    struct retry_policy policy;
    void (*on_retry)(void *context, const struct retry_note *note); /* before the wait; or NULL */
    void *context;
};

/* As http_client_perform. Success is a whole answer, whatever its HTTP status. */
MUST_CHECK enum status call_perform(const struct call *call, const struct http_request *request,
                                    http_body_fn *on_body, void *context,
                                    struct http_response *response, struct reason *why);

/* "Idempotency-Key: qvl-…" from 128 random bits: one for all tries of a request. */
void call_idempotency_header(char out[64]);

/* Uniform in [0, 1), from the system's random bits: for retry_policy.random. */
double call_random(void *context);
