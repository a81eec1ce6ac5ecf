#include "client/http_message.h"

#include "base/test.h"

static void finds_headers(void **state)
{
    (void)state;
    struct http_response r;
    http_response_init(&r, 100);
    assert_null(http_header(&r, "x").ptr);
    buf_puts(&r.head, "HTTP/1.1 200 OK\r\nContent-Type:  Text/Event-Stream ; charset=utf-8\r\n"
                      "X-Empty:\r\nA: 1\r\na: 2\r\n");
    assert_true(str_is(http_header(&r, "a"), "1"));
    assert_true(str_is(http_header(&r, "x-empty"), ""));
    assert_non_null(http_header(&r, "x-empty").ptr);
    assert_null(http_header(&r, "b").ptr);
    assert_true(http_content_is(&r, "text/event-stream"));
    assert_false(http_content_is(&r, "text/event"));
    http_response_clear(&r);
    assert_null(http_header(&r, "a").ptr);
    assert_false(http_content_is(&r, "text/event-stream"));
    http_response_release(&r);
}

static void shows_no_secret(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1000);
    http_head_write(&out,
                    STR("POST /x HTTP/1.1\r\nAuthorization: Bearer secret\r\nX-API-KEY: secret\r\n"
                        "proxy-authorization: Basic secret\r\nauthorization: secret\r\n"
                        "Set-Cookie: a=secret b\r\nX: a\x1b[31mb\r\n\r\n"),
                    "> ");
    assert_string_equal(out.data, "> POST /x HTTP/1.1\n> Authorization: Bearer ***\n"
                                  "> X-API-KEY: ***\n> proxy-authorization: Basic ***\n"
                                  "> authorization: ***\n> Set-Cookie: ***\n> X: a[31mb\n");
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_headers),
        cmocka_unit_test(shows_no_secret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
