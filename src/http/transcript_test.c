#include "transcript_test.h"

#include <stdlib.h>

bool cut_never(size_t index, size_t arg)
{
    (void)index, (void)arg;
    return false;
}

bool cut_always(size_t index, size_t arg)
{
    (void)index, (void)arg;
    return true;
}

bool cut_at(size_t index, size_t arg)
{
    return index == arg;
}

static void write_head(struct buf *out, const struct http_request *request)
{
    buf_printf(out, "%.*s %.*s ?%.*s HTTP/1.%d", STR_ARG(request->method), STR_ARG(request->path),
               STR_ARG(request->query), request->version == HTTP_1_1);
    if (request->chunked)
        buf_puts(out, " chunked");
    else
        buf_printf(out, " length %llu", (unsigned long long)request->content_length);
    buf_printf(out, "%s%s\n", request->keep_alive ? " keep-alive" : " close",
               request->expects_continue ? " expects" : "");
    for (size_t i = 0; i < request->header_count; i++)
        buf_printf(out, "[%.*s]=[%.*s]\n", STR_ARG(request->headers[i].name),
                   STR_ARG(request->headers[i].value));
}

struct writer {
    struct buf *out;
    struct http_parser parser;
    bool in_body, failed;
};

static void end_body(struct writer *w)
{
    if (w->in_body)
        buf_putc(w->out, '\n');
    w->in_body = false;
}

/* Feeds one piece, copied into memory of exactly its size so that a sanitizer sees overreads. */
static void feed(struct writer *w, struct str bytes)
{
    char *copy = malloc(bytes.len ? bytes.len : 1);
    if (!copy)
        abort();
    memcpy(copy, bytes.ptr, bytes.len);
    struct str input = {copy, bytes.len}, piece;
    struct reason why = {0};
    enum http_event event;
    while ((event = http_parser_next(&w->parser, &input, &piece, &why)) != HTTP_MORE) {
        if (event == HTTP_BODY) {
            w->in_body = true;
            buf_add_str(w->out, piece);
            continue;
        }
        end_body(w);
        if (event == HTTP_HEAD) {
            write_head(w->out, &w->parser.request);
        } else if (event == HTTP_END) {
            buf_puts(w->out, "END\n");
            http_parser_reset(&w->parser);
        } else {
            buf_printf(w->out, "ERROR %s %s|%s\n", why.code, why.message[LANG_EN],
                       why.message[LANG_ZH]);
            w->failed = true;
            break;
        }
    }
    free(copy);
}

void transcript_write(struct buf *out, const struct http_limits *limits, struct str input,
                      cut_fn *cuts, size_t arg)
{
    struct writer w = {.out = out};
    http_parser_init(&w.parser, limits);
    size_t begin = 0;
    for (size_t i = 1; i <= input.len && !w.failed; i++) {
        if (i < input.len && !cuts(i, arg))
            continue;
        feed(&w, str_slice(input, begin, i));
        begin = i;
    }
    end_body(&w);
    http_parser_release(&w.parser);
}
