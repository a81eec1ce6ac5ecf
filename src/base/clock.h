/* Time as an argument: whoever needs the time holds a `struct clock *`, so that tests can move it.
 */
#pragma once

#include <stdint.h>

struct clock {
    int64_t (*monotonic_ns)(const struct clock *clock); /* since an arbitrary start; never back */
    int64_t (*wall_ms)(const struct clock *clock);      /* since 1970-01-01 UTC */
};

/* The system's clock. */
extern const struct clock clock_system;

/* A clock for tests: set the fields at will. */
struct clock_fake {
    struct clock clock;
    int64_t monotonic_ns, wall_ms;
};

void clock_fake_init(struct clock_fake *fake);

static inline int64_t clock_ns(const struct clock *clock)
{
    return clock->monotonic_ns(clock);
}

static inline int64_t clock_wall_ms(const struct clock *clock)
{
    return clock->wall_ms(clock);
}

/* "2026-11-23T12:00:00.123Z" (RFC 3339, UTC). */
void clock_format_rfc3339(int64_t wall_ms, char out[32]);
