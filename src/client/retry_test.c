#include "client/retry.h"

#include "base/test.h"

static double half(void *context)
{
    (*(int *)context)++;
    return 0.5;
}

struct fixture {
    struct clock_fake clock;
    int drawn;
    struct retry_policy policy;
    struct http_response response;
};

static void setup(struct fixture *f, int status, const char *headers)
{
    *f = (struct fixture){0};
    clock_fake_init(&f->clock);
    f->clock.wall_ms = 784111777000; /* Sun, 06 Nov 1994 08:49:37 GMT */
    f->policy = (struct retry_policy){.max_retries = 3,
                                      .factor_ms = 1000,
                                      .max_wait_ms = 120000,
                                      .clock = &f->clock.clock,
                                      .random = half,
                                      .random_context = &f->drawn};
    http_response_init(&f->response, 100);
    f->response.status = status;
    buf_puts(&f->response.head, headers);
}

struct decision_case {
    int done, status;
    bool fault;
    const char *headers;
    int64_t wait_ms; /* -1: not again; -2: not again, the wait asked for is too long */
};

static const struct decision_case cases[] = {
    {0, 200, false, "", -1},
    {0, 400, false, "", -1},
    {0, 401, false, "", -1},
    {0, 403, false, "", -1},
    {0, 404, false, "", -1},
    {0, 501, false, "", -1},
    {0, 408, false, "", 500},
    {0, 409, false, "", 500},
    {0, 429, false, "", 500},
    {0, 500, false, "", 500},
    {0, 502, false, "", 500},
    {0, 503, false, "", 500},
    {0, 504, false, "", 500},
    {0, 0, true, "", 500},
    {0, 0, false, "", -1},
    {1, 0, true, "", 1000},
    {2, 0, true, "", 2000},
    {3, 0, true, "", -1},
    {0, 200, true, "", 500}, /* an answer that broke off before anything was shown */
    {0, 200, true, "retry-after: 9\r\n", 500},
    {0, 503, false, "x-should-retry: false\r\n", -1},
    {0, 503, false, "X-Should-Retry: FALSE\r\n", -1},
    {0, 503, false, "x-should-retry: true\r\n", 500},
    {0, 400, false, "x-should-retry: true\r\n", -1},
    {0, 429, false, "retry-after: 2\r\n", 2000},
    {0, 429, false, "Retry-After: 0\r\n", 0},
    {0, 429, false, "retry-after: 1.5\r\n", 1500},
    {0, 429, false, "retry-after-ms: 250\r\nretry-after: 1\r\n", 250},
    {0, 429, false, "retry-after-ms: 250.2\r\n", 251},
    {0, 429, false, "retry-after-ms: soon\r\nretry-after: 1\r\n", 1000},
    {0, 429, false, "retry-after: 120\r\n", 120000},
    {0, 429, false, "retry-after: 121\r\n", -2},
    {0, 429, false, "retry-after-ms: 120001\r\n", -2},
    {0, 429, false, "retry-after: 99999999999999999999\r\n", 500},
    {0, 429, false, "retry-after: -1\r\n", 500},
    {0, 429, false, "retry-after: soon\r\n", 500},
    {0, 429, false, "retry-after: nan\r\n", 500},
    {0, 503, false, "retry-after: Sun, 06 Nov 1994 08:49:47 GMT\r\n", 10000},
    {0, 503, false, "retry-after: Sun, 06 Nov 1994 08:49:27 GMT\r\n", 0},
    {0, 503, false, "retry-after: Sun, 06 Nov 1994 09:49:27 GMT\r\n", -2},
};

static void decides(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct decision_case *c = &cases[i];
        struct fixture f;
        setup(&f, c->status, c->headers);
        const struct retry_decision got = retry_decide(&f.policy, c->done, c->fault, &f.response);
        const int64_t wait = got.again ? got.wait_ms : got.too_long ? -2 : -1;
        if (wait != c->wait_ms)
            fail_msg("case %zu: %ld instead of %ld", i, (long)wait, (long)c->wait_ms);
        assert_int_equal(f.drawn, got.again && !got.asked);
        http_response_release(&f.response);
    }
}

static void never_after_the_first_streamed_byte(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f, 200, "");
    assert_true(retry_decide(&f.policy, 0, true, &f.response).again);
    f.response.streamed = true;
    assert_false(retry_decide(&f.policy, 0, true, &f.response).again);
    http_response_release(&f.response);
}

static void own_waits_are_capped(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f, 503, "");
    f.policy.max_retries = 100;
    f.policy.max_wait_ms = 700;
    assert_int_equal(retry_decide(&f.policy, 0, false, &f.response).wait_ms, 500);
    assert_int_equal(retry_decide(&f.policy, 1, false, &f.response).wait_ms, 700);
    assert_int_equal(retry_decide(&f.policy, 99, false, &f.response).wait_ms, 700);
    http_response_release(&f.response);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decides),
        cmocka_unit_test(never_after_the_first_streamed_byte),
        cmocka_unit_test(own_waits_are_capped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
