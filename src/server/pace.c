#include "server/pace.h"

#include <math.h>

static const double forget_s = 10;
static const double least_rate = 1000.0 / PACE_MOST_MS;

uint32_t pace_bound_ms(double ms)
{
    if (!(ms > PACE_LEAST_MS))
        return PACE_LEAST_MS;
    return ms < PACE_MOST_MS ? (uint32_t)ms : PACE_MOST_MS;
}

bool pace_is_due(const struct pace *pace, int64_t now_ns)
{
    return now_ns - pace->sampled_ns >= (int64_t)PACE_SAMPLE_MS * 1000000;
}

static void approach(double *mean, double value, double share)
{
    *mean += (value - *mean) * share;
}

/* Idle time says nothing about the speed of work: only what it is at work is sampled. */
void pace_sample(struct pace *pace, const struct engine_figures *figures, int64_t now_ns)
{
    if (!pace_is_due(pace, now_ns))
        return;
    const uint64_t tokens = figures->prompt_tokens + figures->output_tokens;
    const double seconds = (double)(now_ns - pace->sampled_ns) / 1e9;
    const uint64_t ended = figures->ended - pace->ended, done = tokens - pace->tokens;
    const bool busy = figures->running + figures->waiting > 0 || ended > 0;
    if (pace->sampled_ns != 0 && busy) {
        const bool first = pace->tokens_per_s <= 0;
        const double share = first ? 1 : 1 - exp(-seconds / forget_s);
        approach(&pace->ended_per_s, (double)ended / seconds, share);
        approach(&pace->tokens_per_s, (double)done / seconds, share);
    }
    pace->sampled_ns = now_ns;
    pace->ended = figures->ended;
    pace->tokens = tokens;
}

/* Places that become free in a second. */
static double rate_of(const struct pace *pace, const struct engine_figures *figures)
{
    double rate = pace->ended_per_s;
    if (figures->remaining_tokens > 0) {
        const double bound =
            figures->running * pace->tokens_per_s / (double)figures->remaining_tokens;
        rate = bound > rate ? bound : rate;
    }
    return rate > least_rate ? rate : least_rate;
}

uint32_t pace_promise(struct pace *pace, const struct engine_figures *figures, int64_t now_ns)
{
    if (pace->ended_per_s <= 0 && pace->tokens_per_s <= 0)
        return PACE_UNKNOWN_MS;
    const double step_ns = 1e9 / rate_of(pace, figures);
    const double live = figures->running + figures->waiting;
    const double most_ns = fmin(step_ns * fmax(live, 1), (double)PACE_MOST_MS * 1e6);
    const int64_t from = pace->promised_ns > now_ns ? pace->promised_ns : now_ns;
    const double wait_ns = fmin((double)(from - now_ns) + step_ns, most_ns);
    pace->promised_ns = now_ns + (int64_t)wait_ns;
    return pace_bound_ms(wait_ns / 1e6);
}
