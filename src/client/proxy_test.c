#include "client/proxy.h"

#include "base/test.h"

struct bypass_case {
    const char *list, *host;
    int port;
    bool bypassed;
};

/* What requests 2.34 gives for each. */
static const struct bypass_case cases[] = {
    {"", "localhost", 8000, false},
    {"localhost", "localhost", 8000, true},
    {"LOCALHOST", "localhost", 8000, true},
    {"127.0.0.1", "localhost", 8000, false},
    {"*", "anything", 0, true},
    {"*,a", "anything", 0, false},
    {"a, b ,c", "b", 0, true},
    {"example.com", "www.example.com", 0, true},
    {".example.com", "www.example.com", 0, true},
    {".example.com", "example.com", 0, true},
    {"ample.com", "example.com", 0, false},
    {"example.com:80", "www.example.com", 80, true},
    {"example.com", "example.com.cn", 0, false},
    {"example.com:8000", "example.com", 8000, true},
    {"example.com:8000", "example.com", 8001, false},
    {"example.com:8000", "example.com", 0, false},
    {"10.0.0.0/8", "10.1.2.3", 80, true},
    {"10.0.0.0/8", "11.1.2.3", 80, false},
    {"10.0.0.1", "10.0.0.1", 80, true},
    {"10.0.0.1", "10.0.0.12", 80, false},
    {"0.0.1", "10.0.0.1", 80, true},
    {"0.1", "10.0.0.11", 80, false},
    {"10.0.0.0/33,10.0.0.0/x,10.0.0.0/", "10.0.0.1", 80, false},
    {"::1", "::1", 80, true},
    {",,", "a", 0, false},
    {".", "a.b", 0, false},
};

static void bypasses_as_requests_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (proxy_bypassed(str_from(cases[i].list), cases[i].host, cases[i].port) !=
            cases[i].bypassed)
            fail_msg("\"%s\" and %s:%d", cases[i].list, cases[i].host, cases[i].port);
}

static void shows_no_password(void **state)
{
    (void)state;
    static const struct {
        const char *url, *shown;
    } urls[] = {
        {"http://proxy:3128", "http://proxy:3128"},
        {"http://me:secret@proxy:3128", "http://proxy:3128"},
        {"me:secret@proxy:3128", "proxy:3128"},
        {"http://me:sec@ret@proxy", "http://proxy"},
        {"", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        struct buf out;
        buf_init(&out, 100);
        proxy_write_public(&out, str_from(urls[i].url));
        assert_true(str_is(buf_str(&out), urls[i].shown));
        buf_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bypasses_as_requests_does),
        cmocka_unit_test(shows_no_password),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
