/* Calls of web pages from other origins (the Fetch standard, 3.2: CORS), as server.cors.origins
 * allows them.
 *
 * "*" allows every page, and never with credentials. A page of a named origin may send them: a
 * proxy in front of the service may want its cookie. Values borrow from the request. */
#pragma once

#include "config/table.h"
#include "http/server.h"

enum { CORS_FIELDS_MAX = 4, PREFLIGHT_FIELDS_MAX = 3 };

/* The headers of every answer to this request, errors too; `request` may be NULL. Returns how many;
 * 0 without CORS. */
size_t cors_fields(const struct text_list *origins, const struct http_request *request,
                   struct http_field out[CORS_FIELDS_MAX]);

/* Whether the request is a preflight of a page that may call. */
bool cors_is_preflight(const struct text_list *origins, const struct http_request *request);

/* The further headers of the answer to a preflight. `allow`: the methods of the path. */
size_t cors_preflight_fields(const struct http_request *request, struct str allow,
                             struct http_field out[PREFLIGHT_FIELDS_MAX]);
