/* What the five decoders share. */
#pragma once

#include "base/str.h"
#include "image/image.h"

/* Input and limits of one decode; orientation is found on the way. */
struct decode {
    const uint8_t *bytes;
    size_t len;
    const struct image_limits *limits;
    int orientation; /* EXIF 1 to 8; 0: none seen */
    struct reason *why;
};

/* One function per format; `out` is zeroed and is released by the caller on failure. */
enum status jpeg_decode(struct decode *d, struct image *out);
enum status png_decode(struct decode *d, struct image *out);
enum status webp_decode(struct decode *d, struct image *out);
enum status gif_decode(struct decode *d, struct image *out);
enum status bmp_decode(struct decode *d, struct image *out);

/* invalid_image: "The JPEG picture … ." with what is wrong in both languages. */
enum status decode_broken(struct decode *d, const char *format, const char *en, const char *zh);

/* Checks width × height against the limit, then allocates out->rgb. */
enum status decode_allocate(struct decode *d, uint64_t width, uint64_t height, struct image *out);

/* The size check alone, for decoders that allocate more before the picture. */
enum status decode_check_size(struct decode *d, uint64_t width, uint64_t height);

/* RGBA rows composited on white, as Pillow's alpha_composite rounds. */
void decode_on_white(const uint8_t *rgba, uint8_t *rgb, size_t pixels);

/* Remembers the orientation of an EXIF block (with or without "Exif\0\0" in front) or, if EXIF had
 * none, of an XMP packet. Broken blocks are ignored. */
void decode_see_exif(struct decode *d, struct str exif);
void decode_see_xmp(struct decode *d, struct str xmp);

/* Turns the picture as EXIF orientation 2 to 8 says; others change nothing. */
enum status decode_orient(struct image *image, int orientation, struct reason *why);
