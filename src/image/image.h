/* Pictures: decode, orient, bring to 8-bit RGB.
 *
 * JPEG, PNG, WebP, GIF (first frame), BMP, found by their first bytes, never by name. EXIF
 * orientation is applied, transparency is composited on white; the choices are tabled in
 * docs/internals/images.md. Sizes are checked against the limits before anything is allocated. */
#pragma once

#include "base/status.h"

#include <stdint.h>

struct image {
    uint32_t width, height;
    uint8_t *rgb; /* height × width × 3, rows top to bottom; owned */
};

struct image_limits {
    uint64_t max_pixels; /* width × height of the coded picture, GIF: of its screen too */
    uint64_t max_bytes;  /* of the file */
};

/* Errors: image_not_an_image, unsupported_image, invalid_image (broken or cut), image_too_large. */
MUST_CHECK enum status image_decode(const uint8_t *bytes, size_t len,
                                    const struct image_limits *limits, struct image *out,
                                    struct reason *why);
void image_release(struct image *image); /* takes a zeroed image too */

/* The format by its first bytes: "jpeg", "png", "webp", "gif", "bmp"; NULL if none. */
const char *image_format(const uint8_t *bytes, size_t len);
