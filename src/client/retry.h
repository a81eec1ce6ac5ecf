/* When to try again, and after how long.
 *
 * Tried again: connection faults and 408, 409, 429, 500, 502, 503, 504, POST included (the
 * Idempotency-Key header tells the server that it is the same request). Never once the answer has
 * begun to stream, and never against `x-should-retry: false`. The wait is exponential with full
 * jitter: random in [0, factor × 2^n); Retry-After (retry-after-ms before it) is waited exactly,
 * and one longer than max_wait_ms ends the tries, because less would fail for certain. Time and
 * randomness come from outside. */
#pragma once

#include "base/clock.h"
#include "client/http_message.h"

struct retry_policy {
    int max_retries;
    int64_t factor_ms, max_wait_ms;
    const struct clock *clock;       /* for a Retry-After that is a date */
    double (*random)(void *context); /* uniform in [0, 1) */
    void *random_context;
};

struct retry_decision {
    bool again;
    int64_t wait_ms;
    bool asked;    /* the server named the wait */
    bool too_long; /* … and it is longer than max_wait_ms, so `again` is false */
};

/* `done`: retries so far. `fault_retryable`: there was no answer, for a reason that may pass. */
struct retry_decision retry_decide(const struct retry_policy *policy, int done,
                                   bool fault_retryable, const struct http_response *response);

/* The wait that the answer asks for; -1: none. */
int64_t retry_after_ms(const struct http_response *response, const struct clock *clock);
