/* Which texts a chat's answers may be: response_format, tool_choice. */
#pragma once

#include "api/chat_request.h"
#include "engine/grammar.h"
#include "engine/model.h"

/* The form that response_format gives. As below. */
MUST_CHECK enum status response_grammar_make(const struct generation_params *params,
                                             struct grammar **out, struct reason *why);

/* *out is NULL if the answer is free. On a thread that may wait. Codes: invalid_schema,
 * invalid_value (too many tools to choose from), memory_full. */
MUST_CHECK enum status chat_grammar_make(const struct chat_request *request,
                                         const struct model *model, struct grammar **out,
                                         struct reason *why);

/* The token behind which the answer begins: </think> if the prompt ends while thinking, else -1. */
int32_t chat_grammar_after(const struct model *model, const struct token_list *prompt);
