#include "client/sse.h"

#include "base/test.h"

static bool record(void *context, const struct sse_event *event)
{
    buf_printf(context, "%.*s=[%.*s]\n", STR_ARG(event->type), STR_ARG(event->data));
    return !str_is(event->data, "stop");
}

/* What the parser makes of the text when it is cut at `cut`; 0: byte by byte. */
static struct buf transcript(struct str text, size_t cut, size_t max)
{
    struct buf out;
    struct sse_parser sse;
    buf_init(&out, 1 << 16);
    sse_init(&sse, max, record, &out);
    bool go_on = true;
    for (size_t at = 0; at < text.len && go_on;) {
        const size_t end = cut == 0 ? at + 1 : at < cut ? cut : text.len;
        go_on = sse_feed(&sse, str_slice(text, at, end));
        at = end;
    }
    if (!go_on)
        buf_puts(&out, sse.failed ? "FAILED\n" : "STOPPED\n");
    buf_puts(&out, "");
    sse_release(&sse);
    return out;
}

struct sse_case {
    const char *text;
    const char *expected;
};

static const struct sse_case cases[] = {
    {"", ""},
    {"data: a\n\n", "message=[a]\n"},
    {"data: a\r\n\r\n", "message=[a]\n"},
    {"data: a\r\r", "message=[a]\n"},
    {"data: a\n\r\ndata: b\r\n\n", "message=[a]\nmessage=[b]\n"},
    {"data:a\n\n", "message=[a]\n"},
    {"data:  a \n\n", "message=[ a ]\n"},
    {"data: a\ndata: b\n\n", "message=[a\nb]\n"},
    {"data\n\n", "message=[]\n"},
    {"data:\n\n", "message=[]\n"},
    {"data\ndata\n\n", "message=[\n]\n"},
    {"data: a", ""},
    {"data: a\n", ""},
    {"data: a\n\ndata: b\n", "message=[a]\n"},
    {": comment\n\ndata: a\n:x\n\n", "message=[a]\n"},
    {"event: error\ndata: a\n\ndata: b\n\n", "error=[a]\nmessage=[b]\n"},
    {"event: error\n\ndata: b\n\n", "message=[b]\n"},
    {"event: x\nevent: y\ndata: a\n\n", "y=[a]\n"},
    {"id: 1\nretry: 5\nfoo: bar\nfoo\ndata: a\n\n", "message=[a]\n"},
    {"\xef\xbb\xbf"
     "data: a\n\n",
     "message=[a]\n"},
    {"\xef\xbb"
     "data: a\n\ndata: b\n\n",
     "message=[b]\n"},
    {"data: \xef\xbb\xbf\n\n", "message=[\xef\xbb\xbf]\n"},
    {"data: a\n\n\n\n\n", "message=[a]\n"},
    {"data: a:b: c\n\n", "message=[a:b: c]\n"},
    {" data: a\n\n", ""},
    {"data: a\n\ndata: stop\n\ndata: b\n\n", "message=[a]\nmessage=[stop]\nSTOPPED\n"},
    {"data: 0123456789abcdef\n\n", "message=[0123456789abcdef]\n"},
    {"data: 0123456789abcdef01234567890\n\n", "FAILED\n"},
    {"data: 0123456789\ndata: 0123456789\ndata: 0\ndata: 0\n\n", "message=[0123456789\n"
                                                                 "0123456789\n0\n0]\n"},
    {"data: 0123456789\ndata: 0123456789\ndata: 01234\n\n", "FAILED\n"},
    {":0123456789012345678901234567890\n\n", "FAILED\n"},
};

static void reads_alike_wherever_it_is_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct str text = str_from(cases[i].text);
        for (size_t cut = 0; cut <= text.len; cut++) {
            struct buf got = transcript(text, cut, 26);
            if (!str_is(buf_str(&got), cases[i].expected))
                fail_msg("cut at %zu, this:\n%s\ngives\n%.*s\ninstead of\n%s", cut, text.ptr,
                         STR_ARG(buf_str(&got)), cases[i].expected);
            buf_release(&got);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_alike_wherever_it_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
