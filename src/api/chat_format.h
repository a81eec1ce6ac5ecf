/* The body's response_format. Part of chat_request.c. */
#pragma once

#include "api/chat_request.h"

#define CHAT_SCHEMA_PATH "response_format.json_schema.schema"

/* `to` is the chat_request. */
field_parse_fn chat_format_parse;
