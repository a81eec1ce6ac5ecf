/* Pictures for a chat request. */
#pragma once

#include "base/buf.h"
#include "base/status.h"

#include <stdio.h>

enum { PICTURE_BYTES_MAX = 48 << 20 };

/* The URL to send for a picture that the user named: http(s) and data URLs stay as they are; a
 * file, or standard input for "-", becomes a data URL, whose media type the first bytes give.
 * Codes: missing_file unreadable image_too_large unsupported_image memory_full. */
MUST_CHECK enum status picture_url(const char *name, struct buf *url, struct reason *why);

/* Everything that the stream still gives. `name` for messages. Codes: unreadable, too_large. */
MUST_CHECK enum status read_stream(FILE *stream, const char *name, struct buf *out,
                                   struct reason *why);

/* Whether the bytes begin like a picture. */
bool looks_like_picture(struct str bytes);
