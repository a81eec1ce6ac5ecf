/* What is counted of the requests, for /metrics. Plain counters of the loop's thread. */
#pragma once

#include "base/buf.h"
#include "server/routes.h"

#include <stdint.h>

enum { HISTOGRAM_BUCKETS = 16, REQUEST_ROWS = 512 /* a power of two */, CODE_BYTES = 48 };

/* Bounds in seconds, common to all; one more bucket is without bound. */
extern const double histogram_bounds[HISTOGRAM_BUCKETS];

struct histogram {
    uint64_t counts[HISTOGRAM_BUCKETS + 1]; /* not cumulative */
    double sum;
};

void histogram_add(struct histogram *histogram, double seconds);

/* Requests of one kind. */
struct request_row {
    const struct route *route; /* NULL: none of the table */
    int status;                /* 0: the row is free */
    char code[CODE_BYTES];     /* of the error; "": none */
    uint64_t count;
};

struct metrics {
    struct request_row requests[REQUEST_ROWS]; /* hashed */
    uint64_t requests_lost;                    /* for which there was no row */
    struct histogram request, queue, first_token, per_token;
    uint64_t sent_bytes, image_tokens;
};

/* One request that is over. Seconds < 0: there were none. */
struct request_facts {
    const struct route *route;
    int status;
    const char *code; /* NULL: none */
    double seconds, queue_seconds, first_token_seconds, per_token_seconds;
    uint64_t sent_bytes, image_tokens;
};

void metrics_count(struct metrics *metrics, const struct request_facts *facts);
