/* What the lines of a request's head mean (RFC 9112, sections 3, 6 and 9.3; RFC 9110, 10.1.1). */
#pragma once

#include "base/status.h"
#include "http/request.h"

/* "GET /path HTTP/1.1" into method, target, path, query and version. Codes: bad_request
 * http_version_not_supported. */
MUST_CHECK enum status http_head_request_line(struct str line, struct http_request *request,
                                              struct reason *why);

/* Reads framing, Host, Expect and Connection from the headers of a complete head. Codes:
 * bad_request not_implemented expectation_failed. A Content-Length beyond 19 digits is
 * UINT64_MAX: longer than any limit. */
MUST_CHECK enum status http_head_finish(struct http_request *request, struct reason *why);

/* The value of a header in bytes that may be a part of a head, or nonsense; empty if there is none.
 * Only for what need not be right: the language of a refusal. */
struct str http_head_guess(struct str bytes, const char *name);
