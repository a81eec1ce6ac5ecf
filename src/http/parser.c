#include "http/parser.h"

#include "http/head.h"
#include "http/line.h"

#include <stdlib.h>

const struct http_limits http_limits_default = {
    .request_line = 8 << 10,
    .header_line = 16 << 10,
    .header_count = 100,
    .head = 64 << 10,
    .body = 64 << 20,
    .overhead = 8 << 10,
};

/* What a connection keeps between its requests: enough for most of them. */
enum { KEPT_HEAD_BYTES = 1 << 10, KEPT_HEADERS = 32 };

void http_parser_init(struct http_parser *parser, const struct http_limits *limits)
{
    *parser = (struct http_parser){.limits = *limits};
    buf_init(&parser->head, limits->head);
}

void http_parser_release(struct http_parser *parser)
{
    buf_release(&parser->head);
    http_chunked_release(&parser->chunked);
    free(parser->request.headers);
    parser->request.headers = NULL;
    parser->header_cap = 0;
}

void http_parser_reset(struct http_parser *parser)
{
    http_chunked_release(&parser->chunked);
    struct buf head = parser->head;
    struct http_header *headers = parser->request.headers;
    uint32_t header_cap = parser->header_cap;
    if (head.cap > KEPT_HEAD_BYTES)
        buf_release(&head);
    buf_clear(&head);
    if (header_cap > KEPT_HEADERS) {
        free(headers);
        headers = NULL;
        header_cap = 0;
    }
    *parser = (struct http_parser){
        .limits = parser->limits,
        .head = head,
        .header_cap = header_cap,
        .request.headers = headers,
    };
}

static enum http_event too_long(const struct http_parser *parser, struct reason *why)
{
    if (parser->state == PARSER_START) {
        reason_set(why, "uri_too_long", "The request line is longer than %u bytes.",
                   "请求行超过 %u 字节。", parser->limits.request_line);
        return HTTP_ERROR;
    }
    reason_set(why, "headers_too_large",
               "The request headers are larger than %u bytes, or one of them than %u bytes.",
               "请求头总大小超过 %u 字节，或其中一个超过 %u 字节。", parser->limits.head,
               parser->limits.header_line);
    return HTTP_ERROR;
}

/* A line is judged when it comes, so that nonsense is answered at once, and read again into
 * request.headers when the head is complete and its memory stays where it is. */
static enum status judge_line(struct http_parser *parser, struct str line, struct reason *why)
{
    if (parser->state == PARSER_START) {
        struct http_request request = {0};
        return http_head_request_line(line, &request, why);
    }
    struct str name, value;
    if (++parser->header_lines > parser->limits.header_count) {
        reason_set(why, "headers_too_large", "The request has more than %u headers.",
                   "请求头的数量超过 %u 个。", parser->limits.header_count);
        return STATUS_LIMIT;
    }
    return http_field_split(line, &name, &value, why);
}

static struct str next_line(struct str *head)
{
    const char *lf = memchr(head->ptr, '\n', head->len);
    const size_t end = (size_t)(lf - head->ptr);
    const struct str line = str_slice(*head, 0, end - 1);
    *head = str_slice(*head, end + 1, head->len);
    return line;
}

static enum status reserve_headers(struct http_parser *parser, struct reason *why)
{
    struct http_request *request = &parser->request;
    const uint32_t count = parser->header_lines + 1;
    if (count <= parser->header_cap)
        return STATUS_OK;
    free(request->headers);
    request->headers = malloc(count * sizeof *request->headers);
    parser->header_cap = request->headers ? count : 0;
    return request->headers ? STATUS_OK : reason_no_memory(why, count * sizeof *request->headers);
}

static enum status finish_head(struct http_parser *parser, struct reason *why)
{
    struct http_request *request = &parser->request;
    struct str head = buf_str(&parser->head);
    enum status status = reserve_headers(parser, why);
    if (status == STATUS_OK)
        status = http_head_request_line(next_line(&head), request, why);
    if (status != STATUS_OK)
        return status;
    while (request->header_count < parser->header_lines) {
        struct http_header *header = &request->headers[request->header_count++];
        http_field_parts(next_line(&head), &header->name, &header->value);
    }
    return http_head_finish(request, why);
}

static enum http_event take_complete_line(struct http_parser *parser, struct reason *why)
{
    struct str line;
    const struct str head = buf_str(&parser->head);
    if (http_line_check(str_slice(head, parser->line, head.len), &line, why) != STATUS_OK)
        return HTTP_ERROR;
    if (parser->state == PARSER_START && line.len == 0 && !parser->skipped_empty_line) {
        parser->skipped_empty_line = true;
        buf_clear(&parser->head);
        return HTTP_MORE;
    }
    if (parser->state == PARSER_HEADERS && line.len == 0) {
        parser->state = PARSER_BODY_BEGIN;
        return finish_head(parser, why) == STATUS_OK ? HTTP_HEAD : HTTP_ERROR;
    }
    if (judge_line(parser, line, why) != STATUS_OK)
        return HTTP_ERROR;
    parser->line = head.len;
    parser->state = PARSER_HEADERS;
    return HTTP_MORE;
}

/* What cannot begin a request is told apart at the first byte, not at the first line's end. */
static enum status judge_first_byte(const struct http_parser *parser, struct str input,
                                    struct reason *why)
{
    if (parser->state != PARSER_START || parser->head.len > 0 || input.len == 0)
        return STATUS_OK;
    if (http_is_token_char(input.ptr[0]) || input.ptr[0] == '\r' || input.ptr[0] == '\n')
        return STATUS_OK;
    if (input.ptr[0] == 0x16) { /* a TLS handshake record */
        reason_set(why, "bad_request",
                   "This port speaks plain HTTP, and the client began with TLS.",
                   "该端口使用明文 HTTP，而客户端发起了 TLS 握手。");
        reason_hint(why, "Use http:// instead of https://.", "请把 https:// 改为 http://。");
        return STATUS_INVALID;
    }
    reason_set(why, "bad_request", "The request does not begin with a method.",
               "请求没有以方法名开头。");
    return STATUS_INVALID;
}

static enum http_event take_head(struct http_parser *parser, struct str *input, struct reason *why)
{
    if (judge_first_byte(parser, *input, why) != STATUS_OK)
        return HTTP_ERROR;
    const size_t line_len = parser->head.len - parser->line;
    const size_t line_max =
        parser->state == PARSER_START ? parser->limits.request_line : parser->limits.header_line;
    const size_t head_room = parser->limits.head - parser->head.len;
    const size_t line_room = line_max - line_len;
    switch (http_line_take(&parser->head, input, line_room < head_room ? line_room : head_room)) {
    case LINE_PARTIAL: return HTTP_MORE;
    case LINE_TOO_LONG: return too_long(parser, why);
    case LINE_NO_MEMORY: (void)reason_no_memory(why, parser->limits.head); return HTTP_ERROR;
    case LINE_COMPLETE: break;
    }
    return take_complete_line(parser, why);
}

static enum http_event begin_body(struct http_parser *parser, struct reason *why)
{
    if (parser->request.chunked) {
        http_chunked_init(&parser->chunked, parser->limits.body, parser->limits.overhead);
        parser->state = PARSER_CHUNKED;
        return HTTP_MORE;
    }
    if (parser->request.content_length > parser->limits.body) {
        reason_set(why, "body_too_large",
                   "The request body of %llu bytes is larger than the limit of %llu bytes.",
                   "请求体为 %llu 字节，超过 %llu 字节的上限。",
                   (unsigned long long)parser->request.content_length,
                   (unsigned long long)parser->limits.body);
        return HTTP_ERROR;
    }
    parser->body_left = parser->request.content_length;
    parser->state = PARSER_BODY;
    return HTTP_MORE;
}

static enum http_event take_body(struct http_parser *parser, struct str *input, struct str *piece)
{
    if (parser->body_left == 0) {
        parser->state = PARSER_END;
        return HTTP_END;
    }
    const size_t len = input->len < parser->body_left ? input->len : (size_t)parser->body_left;
    *piece = str_slice(*input, 0, len);
    *input = str_slice(*input, len, input->len);
    parser->body_left -= len;
    return HTTP_BODY;
}

static enum http_event take_chunked(struct http_parser *parser, struct str *input,
                                    struct str *piece, struct reason *why)
{
    switch (http_chunked_next(&parser->chunked, input, piece, why)) {
    case CHUNKED_MORE: return HTTP_MORE;
    case CHUNKED_DATA: return HTTP_BODY;
    case CHUNKED_ERROR: return HTTP_ERROR;
    case CHUNKED_END: break;
    }
    parser->state = PARSER_END;
    return HTTP_END;
}

/* One step. */
static enum http_event take(struct http_parser *parser, struct str *input, struct str *piece,
                            struct reason *why)
{
    switch (parser->state) {
    case PARSER_START:
    case PARSER_HEADERS: return take_head(parser, input, why);
    case PARSER_BODY_BEGIN: return begin_body(parser, why);
    case PARSER_BODY: return take_body(parser, input, piece);
    case PARSER_CHUNKED: return take_chunked(parser, input, piece, why);
    case PARSER_END: break;
    }
    return HTTP_MORE;
}

/* Steps that need no input: the body's beginning, and the end of a body that is complete. */
static bool goes_on_by_itself(const struct http_parser *parser)
{
    return parser->state == PARSER_BODY_BEGIN ||
           (parser->state == PARSER_BODY && parser->body_left == 0);
}

enum http_event http_parser_next(struct http_parser *parser, struct str *input, struct str *piece,
                                 struct reason *why)
{
    while (parser->state != PARSER_END && (input->len > 0 || goes_on_by_itself(parser))) {
        const enum http_event event = take(parser, input, piece, why);
        if (event == HTTP_ERROR)
            parser->state = PARSER_END;
        if (event != HTTP_MORE)
            return event;
    }
    return HTTP_MORE;
}
