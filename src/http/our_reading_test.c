#include "llhttp_reading_test.h"

#include "http/parser.h"

#include <stdio.h>

void reading_release(struct reading *r)
{
    buf_release(&r->text);
}

void reading_field(struct buf *out, struct str name, struct str value)
{
    buf_printf(out, "[%.*s]=[%.*s]\n", STR_ARG(name), STR_ARG(value));
}

static void write_head(struct buf *out, const struct http_request *request)
{
    buf_printf(out, "%.*s %.*s HTTP/1.%d\n", STR_ARG(request->method), STR_ARG(request->target),
               request->version == HTTP_1_1);
    for (size_t i = 0; i < request->header_count; i++)
        reading_field(out, request->headers[i].name, request->headers[i].value);
    buf_putc(out, '\n');
}

static bool waits_for_a_line(const struct http_parser *parser)
{
    if (parser->state == PARSER_CHUNKED)
        return parser->chunked.state == CHUNK_SIZE || parser->chunked.state == CHUNK_TRAILER;
    return parser->state == PARSER_START || parser->state == PARSER_HEADERS;
}

void reading_by_us(struct str input, struct reading *out)
{
    *out = (struct reading){.state = READING_MORE};
    buf_init(&out->text, READING_TEXT_MAX);
    struct http_parser parser;
    struct str left = input, piece;
    struct reason why;
    http_parser_init(&parser, &http_limits_default);
    enum http_event event;
    while (out->state == READING_MORE &&
           (event = http_parser_next(&parser, &left, &piece, &why)) != HTTP_MORE) {
        switch (event) {
        case HTTP_HEAD:
            out->head = true;
            out->keep_alive = parser.request.keep_alive;
            write_head(&out->text, &parser.request);
            break;
        case HTTP_BODY: buf_add_str(&out->text, piece); break;
        case HTTP_END: out->state = READING_WHOLE; break;
        case HTTP_ERROR:
            out->state = READING_REFUSED;
            snprintf(out->why, sizeof out->why, "%s", why.message[LANG_EN]);
            break;
        case HTTP_MORE: break;
        }
    }
    out->in_line = out->state == READING_MORE && waits_for_a_line(&parser);
    out->end = input.len - left.len;
    http_parser_release(&parser);
}
