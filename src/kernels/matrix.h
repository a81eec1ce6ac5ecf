/* A weight matrix as the kernels see it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum dtype { DTYPE_F32, DTYPE_F16, DTYPE_BF16, DTYPE_COUNT };

/* y = W x (+ bias): W is [rows, cols], row-major, rows packed without gaps. */
struct matrix {
    const void *data;
    enum dtype dtype;
    uint32_t rows, cols;
    const float *bias; /* [rows], or NULL */
};

static inline size_t dtype_size(enum dtype dtype)
{
    return dtype == DTYPE_F32 ? 4 : 2;
}
