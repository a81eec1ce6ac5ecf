/* What must hold of whatever the parsers of requests say; shared by tests and fuzz targets. */
#pragma once

#include "api/chat_request.h"

/* Parses the value; aborts if the result breaks a promise of the header, if a refusal is not one
 * of the caller's fault, or if the official templates cannot show what was accepted. */
enum status chat_check(const struct json *root, struct arena *arena, struct chat_request *out,
                       struct reason *why);

enum request_route { REQUEST_CHAT, REQUEST_COMPLETION, REQUEST_TOKENIZE, REQUEST_DETOKENIZE };

/* The same for any route; the list of unknown members is made too. */
enum status request_check(enum request_route route, const struct json *root, struct arena *arena);
