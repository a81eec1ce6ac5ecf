/* One HTTP/1.x request as the parser hands it out: what RFC 9112 calls the head, already checked.
 *
 * All texts point into the parser's memory and live until http_parser_reset. */
#pragma once

#include "base/str.h"

#include <stdint.h>

enum http_version { HTTP_1_0, HTTP_1_1 };

struct http_header {
    struct str name, value; /* as sent; the value without surrounding blanks */
};

struct http_request {
    enum http_version version;
    struct str method; /* a token; case matters */
    struct str target; /* as sent: origin-form, absolute-form, or "*" */
    struct str path;   /* of the target, without the query; not percent-decoded; "*" for "*" */
    struct str query;  /* without the "?"; may be empty */
    struct http_header *headers;
    size_t header_count;
    uint64_t content_length; /* 0 without that header, or chunked */
    bool chunked;
    bool keep_alive;       /* the client's wish (RFC 9112, 9.3) */
    bool expects_continue; /* Expect: 100-continue, in HTTP/1.1 */
};

/* The first header of that name in any case; NULL if there is none. */
const struct http_header *http_request_header(const struct http_request *request, const char *name);

/* Whether the comma list of one header's value holds a token, in any case. */
bool http_list_has(struct str list, const char *token);

/* The next element of a comma list, without blanks; takes it off *list. False at the end. */
bool http_list_next(struct str *list, struct str *element);

/* RFC 9110, 5.6.2: letters, digits and !#$%&'*+-.^_`|~ */
bool http_is_token_char(char c);
bool http_is_token(struct str text);

/* What may stand in a header's value: visible characters, obs-text, space and tab. */
bool http_is_field_text(struct str text);
