/* A strict parser of HTTP/1.x requests (RFC 9112): bytes in, events out, no sockets.
 *
 * It takes a message only if there is one way to read it. Refused, because two programs in a row
 * may disagree about them: lines that end in LF alone, CR or NUL anywhere, blanks before a colon,
 * folded lines, two Content-Lengths or one that is not digits, Content-Length beside
 * Transfer-Encoding, Transfer-Encoding in HTTP/1.0, chunks without their CRLF, framing fields in
 * trailers. Where the input is cut into pieces makes no difference. Memory grows with the bytes
 * that came, up to the limits. */
#pragma once

#include "base/buf.h"
#include "base/status.h"
#include "http/chunked.h"
#include "http/request.h"

struct http_limits {
    uint32_t request_line; /* bytes with CRLF; beyond: uri_too_long */
    uint32_t header_line;  /* bytes with CRLF; beyond: headers_too_large */
    uint32_t header_count;
    uint32_t head;     /* bytes of all lines */
    uint64_t body;     /* beyond: body_too_large, from Content-Length before any byte of it */
    uint32_t overhead; /* chunked: bytes of extensions, and of trailers, of one body */
};

extern const struct http_limits http_limits_default;

enum http_event {
    HTTP_MORE,  /* all input is taken: wait for more */
    HTTP_HEAD,  /* parser->request is complete; what follows is body */
    HTTP_BODY,  /* *piece is a part of the body, inside the input */
    HTTP_END,   /* the request is complete; the rest of the input belongs to the next one */
    HTTP_ERROR, /* not to be continued: `why` says what is wrong */
};

enum http_parser_state {
    PARSER_START, /* before the request line; one empty line may stand before it */
    PARSER_HEADERS,
    PARSER_BODY_BEGIN, /* the head was handed out */
    PARSER_BODY,
    PARSER_CHUNKED,
    PARSER_END, /* until http_parser_reset */
};

struct http_parser {
    struct http_limits limits;
    enum http_parser_state state;
    bool skipped_empty_line;
    struct buf head; /* the lines of the head, complete with CRLF */
    size_t line;     /* where the current line begins in it */
    uint32_t header_lines;
    uint32_t header_cap; /* of request.headers */
    uint64_t body_left;
    struct http_chunked chunked;
    struct http_request request;
};

void http_parser_init(struct http_parser *parser, const struct http_limits *limits);
void http_parser_release(struct http_parser *parser);

/* Begins the next request; of the last one's memory little stays. */
void http_parser_reset(struct http_parser *parser);

/* Takes bytes off *input until something happens. Codes: bad_request uri_too_long
 * headers_too_large not_implemented http_version_not_supported body_too_large expectation_failed
 * memory_full. */
enum http_event http_parser_next(struct http_parser *parser, struct str *input, struct str *piece,
                                 struct reason *why);

/* True between the first byte of a request and the end of its head. */
static inline bool http_parser_in_head(const struct http_parser *parser)
{
    return parser->state == PARSER_HEADERS ||
           (parser->state == PARSER_START && (parser->head.len > 0 || parser->skipped_empty_line));
}
