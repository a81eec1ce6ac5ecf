/* The messages of a chat, checked and rebuilt. Part of chat_request.c. */
#pragma once

#include "api/chat_content.h"

/* An array; fills messages, images and videos of *out. */
MUST_CHECK enum status chat_messages_parse(const struct field *messages, struct arena *arena,
                                           struct chat_request *out, struct reason *why);
