/* data: URLs (RFC 2397) with base64 (RFC 4648) or percent-encoded content. */
#pragma once

#include "base/buf.h"
#include "base/status.h"

/* True if the scheme is "data:", in any case. */
bool data_url_is(struct str url);

/* Appends the content's bytes to `out`, whose maximum bounds them; nothing on failure. Strict: the
 * standard base64 alphabet or the URL-safe one but not both, padding right or absent, no blanks,
 * unused bits zero; the bytes outside base64 and percent escapes are URL characters (RFC 3986).
 * The media type is not looked at: the bytes themselves say what they are. Codes: invalid_data_url
 * image_too_large memory_full. */
MUST_CHECK enum status data_url_decode(struct str url, struct buf *out, struct reason *why);
