/* Tools and their calls. Part of chat_request.c. */
#pragma once

#include "api/chat_request.h"
#include "api/field.h"

/* The body's tools and tool_choice. */
MUST_CHECK enum status chat_tools_parse(const struct field *body, struct chat_request *out,
                                        struct reason *why);

/* The tool_calls of an assistant's message (an array that is there), as the template reads them.
 * Arguments that are absent or empty become {}. */
MUST_CHECK enum status chat_tool_calls_parse(const struct field *calls, struct arena *arena,
                                             struct json *out, struct reason *why);
