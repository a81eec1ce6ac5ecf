#include "http/proxy_line.h"

#include "base/test.h"

#include <stdlib.h>

#define V2 "\r\n\r\n\0\r\nQUIT\n"
#define BYTES(text)                                                                                \
    {                                                                                              \
        text, sizeof text - 1                                                                      \
    }

/* `client`: address and port, "" for none, NULL if the line is refused. */
static const struct {
    struct str bytes;
    const char *client;
} cases[] = {
    {BYTES("PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n"), "192.0.2.1 56324"},
    {BYTES("PROXY TCP4 192.0.2.1 198.51.100.7 0 65535\r\n"), "192.0.2.1 0"},
    {BYTES("PROXY TCP6 2001:db8::1 ::1 1 2\r\n"), "2001:db8::1 1"},
    {BYTES("PROXY UNKNOWN\r\n"), ""},
    {BYTES("PROXY UNKNOWN ffff::1 whatever\r\n"), ""},
    {BYTES("PROXY TCP4 192.0.2.1 198.51.100.7 56324\r\n"), NULL},
    {BYTES("PROXY TCP4 192.0.2.1 198.51.100.7 56324 443 9\r\n"), NULL},
    {BYTES("PROXY TCP4  192.0.2.1 198.51.100.7 56324 443\r\n"), NULL},
    {BYTES("PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\n"), NULL},
    {BYTES("PROXY TCP4 192.0.2.256 198.51.100.7 56324 443\r\n"), NULL},
    {BYTES("PROXY TCP4 192.0.2.1 198.51.100.7 65536 443\r\n"), NULL},
    {BYTES("PROXY TCP4 192.0.2.1 198.51.100.7 056 443\r\n"), NULL},
    {BYTES("PROXY TCP4 192.0.2.1 198.51.100.7 -1 443\r\n"), NULL},
    {BYTES("PROXY TCP4 ::1 ::1 1 443\r\n"), NULL},
    {BYTES("PROXY TCP6 192.0.2.1 192.0.2.1 1 443\r\n"), NULL},
    {BYTES("PROXY TCP5 192.0.2.1 192.0.2.1 1 443\r\n"), NULL},
    {BYTES("PROXY \r\n"), NULL},
    {BYTES("PROXY\r\n"), NULL},
    {BYTES("proxy TCP4 192.0.2.1 198.51.100.7 56324 443\r\n"), NULL},
    {BYTES("GET / HTTP/1.1\r\n"), NULL},
    {BYTES("PROXY TCP4 1111111111111111111111111111111111111111111111111111111111111111111111111111"
           "1111111111111111111111111111111111111111111111111111111111111111111111\r\n"),
     NULL},
    {BYTES(V2 "\x21\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x07\xdc\x04\x01\xbb"), "192.0.2.1 56324"},
    {BYTES(V2 "\x21\x11\0\x10\xc0\0\x02\x01\xc6\x33\x64\x07\xdc\x04\x01\xbb\x04\0\x01\xff"),
     "192.0.2.1 56324"},
    {BYTES(V2 "\x21\x21\0\x24\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
              "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\x50\x01\xbb"),
     "2001:db8::1 80"},
    {BYTES(V2 "\x20\0\0\0"), ""},
    {BYTES(V2 "\x20\x11\0\x02xx"), ""},
    {BYTES(V2 "\x21\0\0\0"), ""},
    {BYTES(V2 "\x21\x12\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x07\xdc\x04\x01\xbb"), ""},
    {BYTES(V2 "\x21\x11\0\x0b\xc0\0\x02\x01\xc6\x33\x64\x07\xdc\x04\x01"), NULL},
    {BYTES(V2 "\x22\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x07\xdc\x04\x01\xbb"), NULL},
    {BYTES(V2 "\x11\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x07\xdc\x04\x01\xbb"), NULL},
    {BYTES(V2 "\x21\x11\xff\xff"), NULL},
    {BYTES("\r\n\r\n\0\r\nQUIX\n\x20\0\0\0"), NULL},
};

/* Feeds the bytes in two pieces; what is behind the line must be left. */
static void check(size_t index, size_t cut)
{
    const struct str bytes = cases[index].bytes;
    char *copy = malloc(bytes.len + 3);
    assert_non_null(copy);
    memcpy(copy, bytes.ptr, bytes.len);
    memcpy(copy + bytes.len, "GET", 3);
    struct proxy_line line = {0};
    struct reason why;
    struct str first = {copy, cut}, rest = {copy + cut, bytes.len + 3 - cut};
    enum proxy_event event = proxy_line_next(&line, &first, &why);
    if (event == PROXY_MORE) {
        assert_int_equal(first.len, 0);
        event = proxy_line_next(&line, &rest, &why);
    }
    if (!cases[index].client) {
        if (event != PROXY_ERROR)
            fail_msg("case %zu, cut at %zu: taken", index, cut);
        assert_string_equal(why.code, "bad_request");
        free(copy);
        return;
    }
    char client[ADDRESS_TEXT_MAX + 8] = "", text[ADDRESS_TEXT_MAX];
    if (line.has_client)
        snprintf(client, sizeof client, "%s %u", address_write(&line.address, text), line.port);
    if (event != PROXY_DONE || strcmp(client, cases[index].client) != 0)
        fail_msg("case %zu, cut at %zu: event %d, \"%s\"", index, cut, (int)event, client);
    assert_int_equal(rest.len, 3);
    free(copy);
}

static void every_line_at_every_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (size_t cut = 0; cut <= cases[i].bytes.len; cut++)
            check(i, cut);
}

static void a_line_is_told_from_a_request(void **state)
{
    (void)state;
    assert_true(proxy_line_begins(STR("PROXY TCP4 ")));
    assert_true(proxy_line_begins(STR("PR")));
    assert_true(proxy_line_begins(STR("\r\n\r")));
    assert_false(proxy_line_begins(STR("PUT / HTTP/1.1")));
    assert_false(proxy_line_begins(STR("\r\nGET /")));
    assert_false(proxy_line_begins(STR("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_line_at_every_cut),
        cmocka_unit_test(a_line_is_told_from_a_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
