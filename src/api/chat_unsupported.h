/* Fields of OpenAI's and vLLM's APIs that this version knows and cannot honour. */
#pragma once

#include "api/field.h"

/* invalid_value if one of them asks for something; a value that asks for nothing (false, 0, an
 * empty list) passes. */
MUST_CHECK enum status chat_unsupported_check(const struct field *body, struct reason *why);
