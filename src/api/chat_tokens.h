/* What a request says about single tokens: logit_bias, stop_token_ids, allowed_token_ids, logprobs.
 * Part of chat_request.c. */
#pragma once

#include "api/chat_request.h"
#include "api/field.h"

/* Whether ids are tokens of the model is not looked at. */
MUST_CHECK enum status chat_tokens_parse(const struct field *body, struct arena *arena,
                                         struct chat_request *out, struct reason *why);
