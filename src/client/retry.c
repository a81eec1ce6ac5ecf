#include "client/retry.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

static bool status_retryable(int status)
{
    static const int retryable[] = {408, 409, 429, 500, 502, 503, 504};
    for (size_t i = 0; i < ARRAY_LEN(retryable); i++)
        if (status == retryable[i])
            return true;
    return false;
}

/* A decimal number that is all of the text; -1: it is not one. */
static double number(struct str text)
{
    char copy[32], *end;
    if (text.len == 0 || text.len >= sizeof copy || text.ptr[0] < '0' || text.ptr[0] > '9')
        return -1;
    snprintf(copy, sizeof copy, "%.*s", STR_ARG(text));
    const double value = strtod(copy, &end);
    return *end || !(value < 1e12) ? -1 : value;
}

/* Milliseconds, rounded up: waiting less than asked is in vain. */
static int64_t round_up(double ms)
{
    const int64_t whole = (int64_t)ms;
    return whole + ((double)whole < ms);
}

static int64_t date_from_now(struct str text, const struct clock *clock)
{
    char copy[64];
    if (text.len == 0 || text.len >= sizeof copy)
        return -1;
    snprintf(copy, sizeof copy, "%.*s", STR_ARG(text));
    const time_t date = curl_getdate(copy, NULL);
    if (date < 0)
        return -1;
    const int64_t wait = (int64_t)date * 1000 - clock_wall_ms(clock);
    return wait > 0 ? wait : 0;
}

int64_t retry_after_ms(const struct http_response *response, const struct clock *clock)
{
    const double ms = number(http_header(response, "retry-after-ms"));
    if (ms >= 0)
        return round_up(ms);
    const struct str text = http_header(response, "retry-after");
    const double seconds = number(text);
    return seconds >= 0 ? round_up(seconds * 1000) : date_from_now(text, clock);
}

static int64_t backoff_ms(const struct retry_policy *policy, int done)
{
    const int doublings = done < 20 ? done : 20;
    const double span = (double)policy->factor_ms * (double)(1 << doublings);
    const int64_t wait = (int64_t)(span * policy->random(policy->random_context));
    return wait < policy->max_wait_ms ? wait : policy->max_wait_ms;
}

struct retry_decision retry_decide(const struct retry_policy *policy, int done,
                                   bool fault_retryable, const struct http_response *response)
{
    struct retry_decision decision = {0};
    const bool may_pass = response->status > 0 && !fault_retryable
                              ? status_retryable(response->status)
                              : fault_retryable;
    if (!may_pass || response->streamed || done >= policy->max_retries ||
        str_ieq(http_header(response, "x-should-retry"), STR("false")))
        return decision;
    const int64_t asked = response->status >= 400 ? retry_after_ms(response, policy->clock) : -1;
    decision.asked = asked >= 0;
    decision.too_long = asked > policy->max_wait_ms;
    decision.again = !decision.too_long;
    decision.wait_ms = asked >= 0 ? asked : backoff_ms(policy, done);
    return decision;
}
