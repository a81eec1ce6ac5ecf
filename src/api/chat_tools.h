/* Tools and their calls. Part of chat_request.c. */
#pragma once

#include "api/chat_request.h"

/* tools, tool_choice (after tools) and parallel_tool_calls (after tool_choice) of a body; `to` is
 * the chat_request. */
field_parse_fn chat_tools_parse, chat_tool_choice_parse, chat_parallel_calls_parse;

/* The tool_calls of an assistant's message (an array that is there), as the template reads them.
 * Arguments that are absent or empty become {}. */
MUST_CHECK enum status chat_tool_calls_parse(const struct field *calls, struct arena *arena,
                                             struct json *out, struct reason *why);
