/* The body's response_format. Part of chat_request.c. */
#pragma once

#include "api/chat_request.h"
#include "api/field.h"

#define CHAT_SCHEMA_PATH "response_format.json_schema.schema"

MUST_CHECK enum status chat_format_parse(const struct field *body, struct chat_request *out,
                                         struct reason *why);
