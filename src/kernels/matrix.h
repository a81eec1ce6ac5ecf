/* A weight matrix as the kernels see it, and the number formats that weights come in. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dtype {
    DTYPE_F32,
    DTYPE_F16,
    DTYPE_BF16,
    DTYPE_PLAIN_COUNT, /* those above are arrays of numbers; those below are blocks or codes */
    DTYPE_Q8_0 = DTYPE_PLAIN_COUNT,
    DTYPE_Q4_0,
    DTYPE_Q4_1,
    DTYPE_Q5_0,
    DTYPE_Q5_1,
    DTYPE_Q4_K,
    DTYPE_Q5_K,
    DTYPE_Q6_K,
    DTYPE_IQ4_NL,
    DTYPE_IQ4_XS,
    DTYPE_F8_E4M3, /* with scales, one for each SCALE_TILE × SCALE_TILE weights */
    DTYPE_COUNT
};

/* Every row is whole blocks. */
struct dtype_info {
    const char *name;       /* "Q4_K" */
    uint32_t values, bytes; /* of a block; 1 value: an array of numbers */
};

const struct dtype_info *dtype_info(enum dtype dtype);

/* Bytes of `count` values, which are whole blocks. */
size_t dtype_bytes(enum dtype dtype, size_t count);

/* Bytes of one number of a plain format; a constant where the format is one. */
static inline size_t dtype_size(enum dtype dtype)
{
    return dtype == DTYPE_F32 ? 4 : 2;
}

enum { SCALE_TILE = 128 };

/* y = W x (+ bias): W is [rows, cols], row-major, rows packed without gaps. */
struct matrix {
    const void *data;
    enum dtype dtype;
    uint32_t rows, cols;
    const float *bias;   /* [rows], or NULL */
    const float *scales; /* F8_E4M3: [ceil(rows / 128), ceil(cols / 128)], W = code · scale */
    const void *tiles;   /* the same weights as the integer kernels read them (tile.h), or NULL */
    bool tiled;          /* for the integer kernels; `tiles` may come later, from another thread */
};

static inline size_t matrix_row_bytes(const struct matrix *w)
{
    return dtype_bytes(w->dtype, w->cols);
}
