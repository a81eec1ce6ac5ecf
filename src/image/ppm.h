/* A stream of PPM pictures (netpbm's "P6", 8 bits), as ffmpeg writes frames to a pipe. */
#pragma once

#include "image/image.h"

#include <stdbool.h>
#include <stddef.h>

enum { PPM_HEAD_BYTES = 32 };

/* Takes a picture, which the callee owns from now on. Anything but STATUS_OK ends the reading. */
typedef enum status ppm_picture_fn(void *arg, struct image *picture, struct reason *why);

struct ppm_reader {
    uint64_t max_pixels; /* of one picture */
    ppm_picture_fn *on_picture;
    void *arg;
    char head[PPM_HEAD_BYTES];
    size_t head_len;
    struct image picture; /* begun; rgb is NULL while the head is read */
    size_t filled;
};

/* Reads on, in pieces of any size. Codes: invalid_video (not such a stream, or a picture that is
 * too large), memory_full, those of on_picture. */
MUST_CHECK enum status ppm_reader_add(struct ppm_reader *reader, const void *bytes, size_t len,
                                      struct reason *why);
/* True if the stream may end here: between two pictures. */
bool ppm_reader_is_between(const struct ppm_reader *reader);
void ppm_reader_release(struct ppm_reader *reader);
