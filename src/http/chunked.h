/* The chunked transfer coding (RFC 9112, 7.1), decoded strictly: hexadecimal size, extensions that
 * are skipped, CRLF, data, CRLF, and trailers that are checked and dropped. */
#pragma once

#include "base/buf.h"
#include "base/status.h"

#include <stdint.h>

enum http_chunked_state { CHUNK_SIZE, CHUNK_DATA, CHUNK_DATA_END, CHUNK_TRAILER };

struct http_chunked {
    enum http_chunked_state state;
    struct buf line;        /* the size line or trailer that is being read */
    uint64_t left;          /* bytes of the current chunk */
    uint64_t total, limit;  /* bytes of the body */
    uint32_t overhead_left; /* bytes of extensions and trailers that may still come */
    uint32_t end_seen;      /* bytes of the CRLF after a chunk's data */
};

enum http_chunked_event { CHUNKED_MORE, CHUNKED_DATA, CHUNKED_END, CHUNKED_ERROR };

/* `limit`: bytes of the body; `overhead`: of all extensions and trailers. */
void http_chunked_init(struct http_chunked *chunked, uint64_t limit, uint32_t overhead);
void http_chunked_release(struct http_chunked *chunked);

/* As http_parser_next. Codes: bad_request body_too_large headers_too_large memory_full. */
enum http_chunked_event http_chunked_next(struct http_chunked *chunked, struct str *input,
                                          struct str *piece, struct reason *why);
