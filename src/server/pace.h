/* How fast answers end, and so when one more request has a place: the estimate of Retry-After.
 *
 * Answers end at a rate that is the larger of what was seen lately, and of what the running ones
 * may still need at the speed of late (all of their max_tokens: a bound from below). Who is refused
 * gets the next place that nobody was promised yet, so that a crowd does not come back at once.
 * For the loop's thread. */
#pragma once

#include "engine/engine.h"

#include <stdint.h>

enum {
    PACE_LEAST_MS = 1000,
    PACE_MOST_MS = 120000,
    PACE_SAMPLE_MS = 1000,
    PACE_UNKNOWN_MS = 2000, /* before anything was seen of the speed: told again soon */
};

struct pace {
    int64_t sampled_ns; /* 0: not yet */
    uint64_t ended, tokens;
    double ended_per_s, tokens_per_s; /* means that forget within some ten seconds */
    int64_t promised_ns;              /* until then all places are promised */
};

/* Looks at the figures, if the last look was long enough ago. */
void pace_sample(struct pace *pace, const struct engine_figures *figures, int64_t now_ns);

bool pace_is_due(const struct pace *pace, int64_t now_ns);

/* Milliseconds until there is a place: PACE_LEAST_MS to PACE_MOST_MS. Promises it. */
uint32_t pace_promise(struct pace *pace, const struct engine_figures *figures, int64_t now_ns);

/* Within the bounds. */
uint32_t pace_bound_ms(double ms);
