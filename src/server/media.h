/* Pictures and videos that are here already: data: URLs, and file: URLs below one directory. Those
 * of the network come by remote.h; here their URLs are refused. */
#pragma once

#include "base/buf.h"
#include "base/status.h"

#include <stdint.h>

enum media_kind { MEDIA_PICTURE, MEDIA_VIDEO };

/* Appends the bytes of a picture to `out`, whose maximum bounds them. Codes: those of data_url.h,
 * image_too_large, image_fetch_disabled, image_scheme_not_supported, invalid_value (no scheme, or
 * no file below file_root), memory_full. `file_root` "": no files. */
MUST_CHECK enum status media_read_picture(struct str url, const char *file_root, struct buf *out,
                                          struct reason *why);

/* A descriptor of a video's bytes, to be closed; what came in a data: URL has no name in any
 * directory. Codes as above, but invalid_video for what is too large. */
MUST_CHECK enum status media_open_video(struct str url, const char *file_root, uint64_t max_bytes,
                                        int *fd, struct reason *why);
