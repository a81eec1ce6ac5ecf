#include "base/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t system_monotonic_ns(const struct clock *clock)
{
    (void)clock;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t system_wall_ms(const struct clock *clock)
{
    (void)clock;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

const struct clock clock_system = {system_monotonic_ns, system_wall_ms};

static int64_t fake_monotonic_ns(const struct clock *clock)
{
    return ((const struct clock_fake *)clock)->monotonic_ns;
}

static int64_t fake_wall_ms(const struct clock *clock)
{
    return ((const struct clock_fake *)clock)->wall_ms;
}

void clock_fake_init(struct clock_fake *fake)
{
    *fake = (struct clock_fake){.clock = {fake_monotonic_ns, fake_wall_ms}};
}

void clock_format_rfc3339(int64_t wall_ms, char out[32])
{
    int64_t seconds = wall_ms / 1000, ms = wall_ms % 1000;
    if (ms < 0) {
        ms += 1000;
        seconds--;
    }
    const time_t t = (time_t)seconds;
    struct tm tm;
    gmtime_r(&t, &tm);
    char date[24];
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out, 32, "%s.%03dZ", date, (int)ms);
}
