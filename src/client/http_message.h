/* One HTTP request and its answer, as the client sees them. */
#pragma once

#include "base/buf.h"

#include <stdint.h>

struct http_request {
    const char *method; /* "GET", "POST" */
    const char *url;
    const char *const *headers; /* "Name: value", the last one NULL; NULL: none */
    struct str body;            /* borrowed until the exchange ends */
};

/* How far an exchange came. */
enum http_phase {
    HTTP_PHASE_DNS,
    HTTP_PHASE_CONNECT,
    HTTP_PHASE_TLS,
    HTTP_PHASE_SEND,       /* connected; the request is on its way */
    HTTP_PHASE_FIRST_BYTE, /* sent; waiting */
    HTTP_PHASE_BODY,       /* the answer's head is here */
};

/* Microseconds from the start; 0: not reached, or the connection was there already. */
struct http_timings {
    int64_t dns_us, connect_us, tls_us, first_byte_us, total_us;
};

struct http_response {
    int status;      /* 0: no answer */
    struct buf head; /* status line and header lines, CRLF at the end of each */
    struct buf body; /* what the streaming callback did not take */
    struct buf sent; /* the head of the request as it went out; secrets included */
    enum http_phase phase;
    struct http_timings timings;
    char address[46]; /* of the server or the proxy; "" if not connected */
    bool streamed;    /* the callback took bytes of the body */
};

void http_response_init(struct http_response *response, size_t max_body_bytes);
void http_response_release(struct http_response *response);
void http_response_clear(struct http_response *response); /* for another try; keeps memory */

/* The value of the first header of that name, in any case; ptr NULL if there is none. */
struct str http_header(const struct http_response *response, const char *name);

/* Whether the media type of the body is this one; parameters do not count. */
bool http_content_is(const struct http_response *response, const char *media_type);

/* Whether a header's value must not be shown: Authorization, Cookie, X-API-Key, … */
bool http_header_secret(struct str name);

/* Appends the lines of a head, each with `prefix`, secrets replaced by "***" (a scheme such as
 * "Bearer" stays) and control characters dropped. */
void http_head_write(struct buf *out, struct str head, const char *prefix);
