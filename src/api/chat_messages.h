/* The messages of a chat, checked and rebuilt. Part of chat_request.c. */
#pragma once

#include "api/chat_content.h"

/* Fills messages, images and videos of *out. */
MUST_CHECK enum status chat_messages_parse(const struct field *body, struct arena *arena,
                                           struct chat_request *out, struct reason *why);
