#include "http/head.h"
#include "http/parser.h"

#include "base/test.h"
#include "transcript_test.h"

#define CRLF "\r\n"
#define HOST "Host: h" CRLF
#define POST "POST / HTTP/1.1" CRLF HOST
#define TEXT(literal)                                                                              \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

static const struct http_limits small = {
    .request_line = 64,
    .header_line = 48,
    .header_count = 6,
    .head = 160,
    .body = 32,
    .overhead = 24,
};

/* The transcript of the input in one piece, checked to be that of every other way to cut it. */
static struct buf transcript(struct str input)
{
    struct buf whole;
    buf_init(&whole, 64 << 10);
    transcript_write(&whole, &small, input, cut_never, 0);
    for (size_t cut = 0; cut <= input.len; cut++) {
        struct buf other;
        buf_init(&other, 64 << 10);
        transcript_write(&other, &small, input, cut ? cut_at : cut_always, cut);
        if (!str_eq(buf_str(&whole), buf_str(&other)))
            fail_msg("cut at %zu, this input:\n%.*s\ngives\n%s\ninstead of\n%s", cut,
                     STR_ARG(input), other.data, whole.data);
        buf_release(&other);
    }
    return whole;
}

struct accepted_case {
    struct str input;
    const char *expected;
};

static const struct accepted_case accepted[] = {
    {TEXT("GET / HTTP/1.1" CRLF HOST CRLF),
     "GET / ? HTTP/1.1 length 0 keep-alive\n[Host]=[h]\nEND\n"},
    {TEXT(CRLF "GET / HTTP/1.1" CRLF HOST CRLF),
     "GET / ? HTTP/1.1 length 0 keep-alive\n[Host]=[h]\nEND\n"},
    {TEXT("GET /a/b?c=d?e HTTP/1.1" CRLF HOST CRLF),
     "GET /a/b ?c=d?e HTTP/1.1 length 0 keep-alive\n[Host]=[h]\nEND\n"},
    {TEXT("GET / HTTP/1.0" CRLF CRLF), "GET / ? HTTP/1.0 length 0 close\nEND\n"},
    {TEXT("GET / HTTP/1.0" CRLF "Connection: Keep-Alive" CRLF CRLF),
     "GET / ? HTTP/1.0 length 0 keep-alive\n[Connection]=[Keep-Alive]\nEND\n"},
    {TEXT("GET / HTTP/1.1" CRLF HOST "Connection: x, close" CRLF CRLF),
     "GET / ? HTTP/1.1 length 0 close\n[Host]=[h]\n[Connection]=[x, close]\nEND\n"},
    {TEXT("OPTIONS * HTTP/1.1" CRLF HOST CRLF),
     "OPTIONS * ? HTTP/1.1 length 0 keep-alive\n[Host]=[h]\nEND\n"},
    {TEXT("GET http://h/x?y HTTP/1.1" CRLF HOST CRLF),
     "GET /x ?y HTTP/1.1 length 0 keep-alive\n[Host]=[h]\nEND\n"},
    {TEXT("GET HTTP://H:80?y HTTP/1.1" CRLF "host:h:80" CRLF CRLF),
     "GET / ?y HTTP/1.1 length 0 keep-alive\n[host]=[h:80]\nEND\n"},
    {TEXT("GET / HTTP/1.1" CRLF "Host: [::1]:8000" CRLF CRLF),
     "GET / ? HTTP/1.1 length 0 keep-alive\n[Host]=[[::1]:8000]\nEND\n"},
    {TEXT("GET / HTTP/1.1" CRLF HOST "X:  \ta b\xe4\xbd\xa0 \t" CRLF "Y:" CRLF CRLF),
     "GET / ? HTTP/1.1 length 0 keep-alive\n[Host]=[h]\n[X]=[a b\xe4\xbd\xa0]\n[Y]=[]\nEND\n"},
    {TEXT(POST "Content-Length: 3" CRLF CRLF "abc" POST "content-length: 0" CRLF CRLF),
     "POST / ? HTTP/1.1 length 3 keep-alive\n[Host]=[h]\n[Content-Length]=[3]\nabc\nEND\n"
     "POST / ? HTTP/1.1 length 0 keep-alive\n[Host]=[h]\n[content-length]=[0]\nEND\n"},
    {TEXT(POST "Expect: 100-Continue" CRLF "Content-Length: 1" CRLF CRLF "x"),
     "POST / ? HTTP/1.1 length 1 keep-alive expects\n[Host]=[h]\n[Expect]=[100-Continue]\n"
     "[Content-Length]=[1]\nx\nEND\n"},
    {TEXT("POST / HTTP/1.0" CRLF "Expect: 100-continue" CRLF "Content-Length: 1" CRLF CRLF "x"),
     "POST / ? HTTP/1.0 length 1 close\n[Expect]=[100-continue]\n[Content-Length]=[1]\nx\nEND\n"},
    {TEXT(POST "Transfer-Encoding: Chunked" CRLF CRLF "3" CRLF "abc" CRLF "0" CRLF CRLF
               "GET / HTTP/1.0" CRLF CRLF),
     "POST / ? HTTP/1.1 chunked keep-alive\n[Host]=[h]\n[Transfer-Encoding]=[Chunked]\nabc\nEND\n"
     "GET / ? HTTP/1.0 length 0 close\nEND\n"},
    {TEXT(POST "Transfer-Encoding: chunked" CRLF CRLF "00a;x=\"1\"" CRLF "0123456789" CRLF "1" CRLF
               "!" CRLF "0;y" CRLF "T: v" CRLF CRLF),
     "POST / ? HTTP/1.1 chunked keep-alive\n[Host]=[h]\n[Transfer-Encoding]=[chunked]\n"
     "0123456789!\nEND\n"},
    {TEXT(POST "Transfer-Encoding: chunked" CRLF CRLF "003;a;b=\"\\\"\";c=d" CRLF "abc" CRLF
               "0" CRLF CRLF),
     "POST / ? HTTP/1.1 chunked keep-alive\n[Host]=[h]\n[Transfer-Encoding]=[chunked]\nabc\n"
     "END\n"},
    /* Upgrades are not offered, and change nothing about the framing. */
    {TEXT("GET / HTTP/1.1" CRLF HOST "Connection: Upgrade" CRLF "Upgrade: h2c" CRLF CRLF),
     "GET / ? HTTP/1.1 length 0 keep-alive\n[Host]=[h]\n[Connection]=[Upgrade]\n"
     "[Upgrade]=[h2c]\nEND\n"},
    {TEXT("GET / HTTP/1.1" CRLF HOST "X_Y: 1" CRLF "Content_Type: 2" CRLF CRLF),
     "GET / ? HTTP/1.1 length 0 keep-alive\n[Host]=[h]\n[X_Y]=[1]\n[Content_Type]=[2]\nEND\n"},
    /* A body belongs to its request whatever the method, and leading zeros mean nothing. */
    {TEXT("GET / HTTP/1.1" CRLF HOST "Content-Length: 003" CRLF CRLF "GET"),
     "GET / ? HTTP/1.1 length 3 keep-alive\n[Host]=[h]\n[Content-Length]=[003]\nGET\nEND\n"},
    {TEXT(POST "Transfer-Encoding: chunked" CRLF CRLF "0" CRLF CRLF),
     "POST / ? HTTP/1.1 chunked keep-alive\n[Host]=[h]\n[Transfer-Encoding]=[chunked]\nEND\n"},
    {TEXT("POST / HTTP/1.1" CRLF HOST CRLF),
     "POST / ? HTTP/1.1 length 0 keep-alive\n[Host]=[h]\nEND\n"},
    /* Exactly at the limits: a body of 32 bytes, a line of 64, a header of 48, six headers. */
    {TEXT(POST "Content-Length: 32" CRLF CRLF "0123456789abcdef0123456789ABCDEF"),
     "POST / ? HTTP/1.1 length 32 keep-alive\n[Host]=[h]\n[Content-Length]=[32]\n"
     "0123456789abcdef0123456789ABCDEF\nEND\n"},
    {TEXT("GET /234567890123456789012345678901234567890123456789 HTTP/1.0" CRLF CRLF),
     "GET /234567890123456789012345678901234567890123456789 ? HTTP/1.0 length 0 close\nEND\n"},
    {TEXT("GET / HTTP/1.0" CRLF "X: 4567890123456789012345678901234567890123456" CRLF CRLF),
     "GET / ? HTTP/1.0 length 0 close\n[X]=[4567890123456789012345678901234567890123456]\nEND\n"},
    {TEXT("GET / HTTP/1.0" CRLF "a:1" CRLF "b:2" CRLF "c:3" CRLF "d:4" CRLF "e:5" CRLF
          "f:6" CRLF CRLF),
     "GET / ? HTTP/1.0 length 0 close\n[a]=[1]\n[b]=[2]\n[c]=[3]\n[d]=[4]\n[e]=[5]\n[f]=[6]\n"
     "END\n"},
};

static void accepts_what_has_one_reading(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(accepted); i++) {
        struct buf got = transcript(accepted[i].input);
        assert_string_equal(got.data, accepted[i].expected);
        buf_release(&got);
    }
}

struct refused_case {
    const char *code;
    struct str input;
};

#define CL(value)    POST "Content-Length:" value CRLF CRLF "abc"
#define TE(value)    POST "Transfer-Encoding:" value CRLF CRLF "0" CRLF CRLF
#define CHUNKS(body) POST "Transfer-Encoding: chunked" CRLF CRLF body

/* Shapes on which servers have disagreed: each is refused, with this code. */
static const struct refused_case refused[] = {
    /* Line ends, blanks, control characters. */
    {"bad_request", TEXT("GET / HTTP/1.1\nHost: h" CRLF CRLF)},
    {"bad_request", TEXT("GET / HTTP/1.1" CRLF "Host: h\n" CRLF)},
    {"bad_request", TEXT("GET / HTTP/1.1" CRLF HOST "\n")},
    {"bad_request", TEXT("GET / HTTP/1.1" CRLF HOST "X: a\rb" CRLF CRLF)},
    {"bad_request", TEXT("GET / HTTP/1.1" CRLF HOST "X: a\r\r\n" CRLF)},
    {"bad_request", TEXT("GET / HTTP/1.1" CRLF HOST "X: a\0b" CRLF CRLF)},
    {"bad_request", TEXT("GET / HTTP/1.1" CRLF HOST "X: a\x01" CRLF CRLF)},
    {"bad_request", TEXT("GET / HTTP/1.1" CRLF HOST "X: a\x7f" CRLF CRLF)},
    {"bad_request", TEXT("GET / HTTP/1.1" CRLF " Host: h" CRLF CRLF)},
    {"bad_request", TEXT("GET / HTTP/1.1" CRLF HOST "X: a" CRLF " folded" CRLF CRLF)},
    {"bad_request", TEXT("GET / HTTP/1.1" CRLF HOST "X: a" CRLF "\tfolded" CRLF CRLF)},
    {"bad_request", TEXT("GET / HTTP/1.1" CRLF "Host : h" CRLF CRLF)},
    {"bad_request", TEXT("GET / HTTP/1.1" CRLF HOST "Content-Length\t: 3" CRLF CRLF)},
    {"bad_request", TEXT("GET / HTTP/1.1" CRLF HOST "Transfer-Encoding : chunked" CRLF CRLF)},
    {"bad_request", TEXT("GET / HTTP/1.1" CRLF HOST ": x" CRLF CRLF)},
    {"bad_request", TEXT("GET / HTTP/1.1" CRLF HOST "no colon" CRLF CRLF)},
    {"bad_request", TEXT("GET / HTTP/1.1" CRLF HOST "a b: x" CRLF CRLF)},
    {"bad_request", TEXT("GET / HTTP/1.1" CRLF HOST "a(b): x" CRLF CRLF)},
    {"bad_request", TEXT("GET / HTTP/1.1" CRLF HOST "\xc3\xa9: x" CRLF CRLF)},
    {"bad_request", TEXT(CRLF CRLF "GET / HTTP/1.1" CRLF HOST CRLF)},
    {"bad_request", TEXT("\nGET / HTTP/1.1" CRLF HOST CRLF)},
    /* Request lines. */
    {"bad_request", TEXT("GET /" CRLF)},
    {"bad_request", TEXT("GET" CRLF)},
    {"bad_request", TEXT("GET  / HTTP/1.1" CRLF HOST CRLF)},
    {"bad_request", TEXT("GET /  HTTP/1.1" CRLF HOST CRLF)},
    {"bad_request", TEXT("GET\t/\tHTTP/1.1" CRLF HOST CRLF)},
    {"bad_request", TEXT(" GET / HTTP/1.1" CRLF HOST CRLF)},
    {"bad_request", TEXT("GET / HTTP/1.1 " CRLF HOST CRLF)},
    {"bad_request", TEXT("GET /a b HTTP/1.1" CRLF HOST CRLF)},
    {"bad_request", TEXT("GET / http/1.1" CRLF HOST CRLF)},
    {"bad_request", TEXT("GET / HTTP/11" CRLF HOST CRLF)},
    {"bad_request", TEXT("GET / HTTP/1.10" CRLF HOST CRLF)},
    {"bad_request", TEXT("GET / HTTP/+1.1" CRLF HOST CRLF)},
    {"bad_request", TEXT("G@T / HTTP/1.1" CRLF HOST CRLF)},
    {"bad_request", TEXT("GETGETGETGETGETGETGETGETGETGETGET / HTTP/1.1" CRLF HOST CRLF)},
    {"bad_request", TEXT("GET x HTTP/1.1" CRLF HOST CRLF)},
    {"bad_request", TEXT("GET * HTTP/1.1" CRLF HOST CRLF)},
    {"bad_request", TEXT("CONNECT h:80 HTTP/1.1" CRLF HOST CRLF)},
    {"bad_request", TEXT("GET ftp://h/ HTTP/1.1" CRLF HOST CRLF)},
    {"bad_request", TEXT("GET http:///x HTTP/1.1" CRLF HOST CRLF)},
    {"bad_request", TEXT("GET http://u@h/ HTTP/1.1" CRLF HOST CRLF)},
    {"bad_request", TEXT("GET /#x HTTP/1.1" CRLF HOST CRLF)},
    {"bad_request", TEXT("GET /\xe4\xbd\xa0 HTTP/1.1" CRLF HOST CRLF)},
    {"bad_request", TEXT("GET /\0 HTTP/1.1" CRLF HOST CRLF)},
    {"bad_request", TEXT("PROXY TCP4 1.2.3.4 5.6.7.8 1 2" CRLF "GET / HTTP/1.1" CRLF HOST CRLF)},
    {"bad_request", TEXT("\x16\x03\x01\x02")},
    {"bad_request", TEXT("{\"model\":1}")},
    {"http_version_not_supported", TEXT("PRI * HTTP/2.0" CRLF CRLF "SM" CRLF CRLF)},
    {"http_version_not_supported", TEXT("PRI / HTTP/1.1" CRLF HOST CRLF)},
    {"http_version_not_supported", TEXT("GET / HTTP/1.2" CRLF HOST CRLF)},
    {"http_version_not_supported", TEXT("GET / HTTP/0.9" CRLF HOST CRLF)},
    {"uri_too_long",
     TEXT("GET /234567890123456789012345678901234567890123456789x HTTP/1.0" CRLF CRLF)},
    {"uri_too_long",
     TEXT("GET /2345678901234567890123456789012345678901234567890123456789012345678901")},
    /* Host. */
    {"bad_request", TEXT("GET / HTTP/1.1" CRLF CRLF)},
    {"bad_request", TEXT("GET / HTTP/1.1" CRLF HOST HOST CRLF)},
    {"bad_request", TEXT("GET / HTTP/1.0" CRLF HOST "hOST: i" CRLF CRLF)},
    {"bad_request", TEXT("GET / HTTP/1.1" CRLF "Host: h, i" CRLF CRLF)},
    {"bad_request", TEXT("GET / HTTP/1.1" CRLF "Host: u@h" CRLF CRLF)},
    {"bad_request", TEXT("GET / HTTP/1.1" CRLF "Host: h/x" CRLF CRLF)},
    {"bad_request", TEXT("GET http://i/ HTTP/1.1" CRLF HOST CRLF)},
    /* Content-Length. */
    {"bad_request", TEXT(POST "Content-Length: 3" CRLF "Content-Length: 3" CRLF CRLF "abc")},
    {"bad_request", TEXT(POST "Content-Length: 3" CRLF "content-length: 4" CRLF CRLF "abc")},
    {"bad_request", TEXT(CL("3, 3"))},
    {"bad_request", TEXT(CL("3,4"))},
    {"bad_request", TEXT(CL("+3"))},
    {"bad_request", TEXT(CL("-3"))},
    {"bad_request", TEXT(CL("0x3"))},
    {"bad_request", TEXT(CL("3 3"))},
    {"bad_request", TEXT(CL("3;"))},
    {"bad_request", TEXT(CL("3.0"))},
    {"bad_request", TEXT(CL("\"3\""))},
    {"bad_request", TEXT(CL("\xd9\xa3"))},
    {"bad_request", TEXT(CL(""))},
    {"bad_request", TEXT(CL("\t3"))},
    {"bad_request", TEXT(CL("3\t"))},
    {"bad_request", TEXT(POST "Content_Length: 3" CRLF CRLF "abc")},
    {"bad_request", TEXT(POST "CONTENT_LENGTH: 3" CRLF "Content-Length: 0" CRLF CRLF "abc")},
    {"body_too_large", TEXT(CL("33"))},
    {"body_too_large", TEXT(CL("18446744073709551619"))},
    {"body_too_large", TEXT(CL("99999999999999999999999"))},
    /* Transfer-Encoding. */
    {"bad_request",
     TEXT(POST "Content-Length: 3" CRLF "Transfer-Encoding: chunked" CRLF CRLF "0" CRLF CRLF)},
    {"bad_request",
     TEXT(POST "Transfer-Encoding: chunked" CRLF "Content-Length: 0" CRLF CRLF "0" CRLF CRLF)},
    {"bad_request",
     TEXT("POST / HTTP/1.0" CRLF "Transfer-Encoding: chunked" CRLF CRLF "0" CRLF CRLF)},
    {"bad_request", TEXT(POST "Transfer-Encoding: chunked" CRLF
                              "Transfer-Encoding: chunked" CRLF CRLF "0" CRLF CRLF)},
    {"bad_request", TEXT(POST "Transfer-Encoding: chunked" CRLF "transfer-encoding: x" CRLF CRLF)},
    {"bad_request", TEXT(TE("chunked, chunked"))},
    {"bad_request", TEXT(TE("chunked, gzip"))},
    {"bad_request", TEXT(TE("chunked,"))},
    {"bad_request", TEXT(TE(", chunked"))},
    {"bad_request", TEXT(TE(""))},
    {"bad_request", TEXT(TE("\x0b"
                            "chunked"))},
    {"bad_request", TEXT(TE("\"chunked\""))},
    {"bad_request", TEXT(TE("chunked;q=1"))},
    {"bad_request", TEXT(TE("chun ked"))},
    {"not_implemented", TEXT(TE("gzip, chunked"))},
    {"not_implemented", TEXT(TE("gzip"))},
    {"not_implemented", TEXT(TE("identity"))},
    {"not_implemented", TEXT(TE("xchunked"))},
    {"bad_request", TEXT(TE("\tchunked"))},
    {"bad_request", TEXT(TE("chunked\t"))},
    {"bad_request", TEXT(POST "Transfer_Encoding: chunked" CRLF CRLF "0" CRLF CRLF)},
    {"bad_request", TEXT(POST "transfer-encodinG: chunked" CRLF "Transfer-Encoding: x" CRLF CRLF)},
    /* Chunks. */
    {"bad_request", TEXT(CHUNKS("3\nabc" CRLF))},
    {"bad_request", TEXT(CHUNKS("3" CRLF "abcd" CRLF))},
    {"bad_request", TEXT(CHUNKS("3" CRLF "abc\n0" CRLF CRLF))},
    {"bad_request", TEXT(CHUNKS("3" CRLF "abc0" CRLF CRLF))},
    {"bad_request", TEXT(CHUNKS("3" CRLF "abc\rX"))},
    {"bad_request", TEXT(CHUNKS(CRLF "0" CRLF CRLF))},
    {"bad_request", TEXT(CHUNKS("x" CRLF))},
    {"bad_request", TEXT(CHUNKS("0x3" CRLF "abc" CRLF))},
    {"bad_request", TEXT(CHUNKS("-3" CRLF "abc" CRLF))},
    {"bad_request", TEXT(CHUNKS(" 3" CRLF "abc" CRLF))},
    {"bad_request", TEXT(CHUNKS("3 " CRLF "abc" CRLF))},
    {"bad_request", TEXT(CHUNKS("3 ;x" CRLF "abc" CRLF))},
    {"bad_request", TEXT(CHUNKS("3;" CRLF "abc" CRLF))},
    {"bad_request", TEXT(CHUNKS("3;x=" CRLF "abc" CRLF))},
    {"bad_request", TEXT(CHUNKS("3;x y" CRLF "abc" CRLF))},
    {"bad_request", TEXT(CHUNKS("3;x;" CRLF "abc" CRLF))},
    {"bad_request", TEXT(CHUNKS("3;x=\"a" CRLF "abc" CRLF))},
    {"bad_request", TEXT(CHUNKS("3;x=\"a\\\"" CRLF "abc" CRLF))},
    {"bad_request", TEXT(CHUNKS("3;x=\"a\"b" CRLF "abc" CRLF))},
    {"bad_request", TEXT(CHUNKS("3;(x)" CRLF "abc" CRLF))},
    {"bad_request", TEXT(CHUNKS("3; x" CRLF "abc" CRLF))},
    {"bad_request", TEXT(CHUNKS("+3" CRLF "abc" CRLF))},
    {"bad_request", TEXT(CHUNKS("3_0" CRLF "abc" CRLF))},
    {"bad_request", TEXT(CHUNKS("3\r\r\n"
                                "abc" CRLF))},
    {"bad_request", TEXT(CHUNKS("3;x\ry" CRLF "abc" CRLF))},
    {"bad_request", TEXT(CHUNKS("3;\0" CRLF "abc" CRLF))},
    {"bad_request", TEXT(CHUNKS("3;\nabc" CRLF))},
    {"bad_request", TEXT(CHUNKS("00000000000000003" CRLF "abc" CRLF))},
    {"bad_request", TEXT(CHUNKS("0" CRLF "\n"))},
    {"bad_request", TEXT(CHUNKS("0" CRLF "no colon" CRLF CRLF))},
    {"bad_request", TEXT(CHUNKS("0" CRLF "Content-Length: 3" CRLF CRLF))},
    {"bad_request", TEXT(CHUNKS("0" CRLF "host: x" CRLF CRLF))},
    {"body_too_large", TEXT(CHUNKS("21" CRLF))},
    {"body_too_large", TEXT(CHUNKS("8" CRLF "01234567" CRLF "19" CRLF))},
    {"body_too_large", TEXT(CHUNKS("ffffffffffffffff" CRLF))},
    {"body_too_large", TEXT(CHUNKS("8000000000000003" CRLF))},
    {"headers_too_large", TEXT(CHUNKS("3;2345678901234567890123456" CRLF "abc" CRLF))},
    {"headers_too_large", TEXT(CHUNKS("1;23456789012" CRLF "a" CRLF "1;234567890123" CRLF "b"))},
    {"headers_too_large", TEXT(CHUNKS("0" CRLF "a: 45678901" CRLF "b: 45678901234" CRLF CRLF))},
    {"headers_too_large",
     TEXT(CHUNKS("3;23456789012345678901234567890123456789012345678901234567890"))},
    /* Other limits. */
    {"headers_too_large",
     TEXT("GET / HTTP/1.0" CRLF "X: 45678901234567890123456789012345678901234567" CRLF CRLF)},
    {"headers_too_large", TEXT("GET / HTTP/1.0" CRLF "a:1" CRLF "b:2" CRLF "c:3" CRLF "d:4" CRLF
                               "e:5" CRLF "f:6" CRLF "g:7" CRLF CRLF)},
    {"headers_too_large",
     TEXT("GET / HTTP/1.0" CRLF "a: 456789012345678901234567890123456789012" CRLF
          "b: 456789012345678901234567890123456789012" CRLF
          "c: 456789012345678901234567890123456789012" CRLF
          "d: 456789012345678901234567890123456789012" CRLF CRLF)},
    {"expectation_failed", TEXT(POST "Expect: 200-ok" CRLF "Content-Length: 1" CRLF CRLF)},
};

static void refuses_what_can_be_read_in_two_ways(void **state)
{
    (void)state;
    assert_true(ARRAY_LEN(refused) >= 60);
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct buf got = transcript(refused[i].input);
        char expected[64];
        snprintf(expected, sizeof expected, "ERROR %s ", refused[i].code);
        if (got.len == 0 || !strstr(got.data, expected) || strstr(got.data, "END\n"))
            fail_msg("expected %s for\n%.*s\nbut got\n%s", refused[i].code,
                     STR_ARG(refused[i].input), got.len ? got.data : "nothing");
        buf_release(&got);
    }
}

/* A body is refused by its announced length, before any of it came. */
static void refuses_a_large_body_at_once(void **state)
{
    (void)state;
    struct http_parser parser;
    http_parser_init(&parser, &small);
    struct str input = STR(POST "Content-Length: 33" CRLF CRLF), piece;
    struct reason why;
    assert_int_equal(http_parser_next(&parser, &input, &piece, &why), HTTP_HEAD);
    assert_int_equal(http_parser_next(&parser, &input, &piece, &why), HTTP_ERROR);
    assert_string_equal(why.code, "body_too_large");
    http_parser_release(&parser);
}

/* Memory follows the bytes that came, not what a header promises. */
static void holds_no_more_than_the_head(void **state)
{
    (void)state;
    struct http_parser parser;
    http_parser_init(&parser, &http_limits_default);
    struct str input = STR(POST "Content-Length: 60000000" CRLF CRLF "abc"), piece;
    struct reason why;
    assert_int_equal(http_parser_next(&parser, &input, &piece, &why), HTTP_HEAD);
    assert_int_equal(http_parser_next(&parser, &input, &piece, &why), HTTP_BODY);
    assert_int_equal(http_parser_next(&parser, &input, &piece, &why), HTTP_MORE);
    assert_true(parser.head.cap <= 256);
    http_parser_release(&parser);
}

static void finds_headers_and_list_elements(void **state)
{
    (void)state;
    struct http_header headers[] = {{STR("A-b"), STR("1")}, {STR("a-B"), STR("2")}};
    const struct http_request request = {.headers = headers, .header_count = 2};
    assert_true(str_is(http_request_header(&request, "a-b")->value, "1"));
    assert_null(http_request_header(&request, "a"));
    assert_true(http_list_has(STR("x , Close"), "close"));
    assert_false(http_list_has(STR("closed, x-close"), "close"));
    assert_false(http_list_has(STR(""), "close"));
}

static void test_guessed_headers(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *value;
    } rows[] = {
        {"GET / HTTP/3.0\r\nHost: x\r\nAccept-Language:  zh \r\n\r\n", "zh"},
        {"accept-language:en", "en"},
        {"A: b\naccept-LANGUAGE: zh-CN,en;q=0.5\nC: d", "zh-CN,en;q=0.5"},
        {"X-Accept-Language: zh\r\n", ""},
        {"Accept-Language", ""},
        {"Accept-Language-X: zh\r\n", ""},
        {"\n\n\r\n:", ""},
        {"", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct str value = http_head_guess(str_from(rows[i].bytes), "accept-language");
        assert_int_equal(value.len, strlen(rows[i].value));
        assert_memory_equal(value.len ? value.ptr : "", rows[i].value, value.len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_guessed_headers),
        cmocka_unit_test(accepts_what_has_one_reading),
        cmocka_unit_test(refuses_what_can_be_read_in_two_ways),
        cmocka_unit_test(refuses_a_large_body_at_once),
        cmocka_unit_test(holds_no_more_than_the_head),
        cmocka_unit_test(finds_headers_and_list_elements),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
