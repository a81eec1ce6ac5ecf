/* What must hold of every answer of chat_request_parse; shared by tests and the fuzz target. */
#pragma once

#include "api/chat_request.h"

/* Parses the value; aborts if the result breaks a promise of the header, if a refusal is not one
 * of the caller's fault, or if the official templates cannot show what was accepted. */
enum status chat_check(const struct json *root, struct arena *arena, struct chat_request *out,
                       struct reason *why);
