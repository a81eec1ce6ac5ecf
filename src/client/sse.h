/* Server-sent events, the client's side (WHATWG HTML, section 9.2.6).
 *
 * Bytes come in pieces of any size; where they are cut makes no difference. Lines end in CR, LF or
 * CRLF; a byte order mark at the start is skipped; comments and unknown fields are ignored; an
 * event that the stream's end cuts off is dropped. `id` and `retry` are for reconnecting, which
 * nobody here does. */
#pragma once

#include "base/buf.h"
#include "base/status.h"

struct sse_event {
    struct str type; /* "message" if the stream names none */
    struct str data; /* lines joined by LF */
};

struct sse_parser {
    struct buf line, type, data;
    size_t max_event_bytes;
    int bom_seen; /* bytes of the byte order mark so far; -1: the start is behind */
    bool after_cr;
    bool has_data;
    bool failed; /* an event over the maximum: the stream cannot be read further */
    /* Returns false to stop reading. The event's bytes live until the function returns. */
    bool (*on_event)(void *context, const struct sse_event *event);
    void *context;
};

void sse_init(struct sse_parser *sse, size_t max_event_bytes,
              bool (*on_event)(void *context, const struct sse_event *event), void *context);
void sse_release(struct sse_parser *sse);

/* False: on_event asked to stop, or the parser failed; the rest of the bytes is not looked at. */
bool sse_feed(struct sse_parser *sse, struct str bytes);
