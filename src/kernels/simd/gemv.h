/* The decode product, written for any vec.h: memory bound, so every weight is read once and meets
 * all rows of x while it is in a register. Include after gemm.h. */
#pragma once

#include "kernels/kernels.h"

#include <string.h>

enum {
    TILE_MAX = 12,        /* accumulators of one tile: rows of W × rows of x */
    X_MAX = 6,            /* rows of x in one tile */
    STEP = 2 * LANES,     /* columns between two prefetches: a cache line of F32 or half of one */
    PREFETCH_BYTES = 512, /* how far ahead of its use a weight is asked for */
};

/* acc[i, r] += W[r, LANES columns] · x[i, LANES columns]; `part` of them if that is not 0. */
ALWAYS_INLINE void gemv_step(vec acc[TILE_MAX], const char *w, size_t row_bytes, const float *x,
                             size_t ldx, const size_t n, const size_t rows, size_t part,
                             enum dtype dtype)
{
    vec weights[TILE_MAX];
#pragma GCC unroll 16
    for (size_t r = 0; r < rows; r++)
        weights[r] = part ? vec_load_weights_part(w + r * row_bytes, part, dtype)
                          : vec_load_weights(w + r * row_bytes, dtype);
#pragma GCC unroll 16
    for (size_t i = 0; i < n; i++) {
        const vec xs = part ? vec_load_part(x + i * ldx, part) : vec_load(x + i * ldx);
#pragma GCC unroll 16
        for (size_t r = 0; r < rows; r++)
            acc[i * rows + r] = vec_fma(weights[r], xs, acc[i * rows + r]);
    }
}

/* y[i, r · stripe] for `rows` weight rows, `stripe` rows apart, and n rows of x; rows and n are
 * constants. */
ALWAYS_INLINE void gemv_tile(float *y, size_t ldy, const char *w, size_t stripe, const float *x,
                             const size_t n, const size_t rows, size_t cols, enum dtype dtype)
{
    const size_t element = dtype_size(dtype), row_bytes = stripe * cols * element;
    vec acc[TILE_MAX];
#pragma GCC unroll 16
    for (size_t i = 0; i < n * rows; i++)
        acc[i] = vec_zero();
    size_t c = 0;
    for (; c + STEP <= cols; c += STEP) {
#pragma GCC unroll 16
        for (size_t r = 0; r < rows; r++)
            __builtin_prefetch(w + r * row_bytes + c * element + PREFETCH_BYTES);
#pragma GCC unroll 2
        for (size_t half = 0; half < STEP; half += LANES)
            gemv_step(acc, w + (c + half) * element, row_bytes, x + c + half, cols, n, rows, 0,
                      dtype);
    }
    if (c + LANES <= cols) {
        gemv_step(acc, w + c * element, row_bytes, x + c, cols, n, rows, 0, dtype);
        c += LANES;
    }
    if (c < cols)
        gemv_step(acc, w + c * element, row_bytes, x + c, cols, n, rows, cols - c, dtype);
#pragma GCC unroll 16
    for (size_t i = 0; i < n; i++)
#pragma GCC unroll 16
        for (size_t r = 0; r < rows; r++)
            y[i * ldy + r * stripe] = vec_sum(acc[i * rows + r]);
}

/* The weight rows in `rows` stripes, one row of each at a time: every stripe is read from its start
 * to its end, which suits the memory and lets prefetches cross from row to row. */
ALWAYS_INLINE void gemv_strip(float *y, size_t ldy, const char *w, const float *x, const size_t n,
                              const size_t rows, size_t count, size_t cols, enum dtype dtype)
{
    const size_t row_bytes = cols * dtype_size(dtype), stripe = count / rows;
    for (size_t r = 0; r < stripe; r++)
        gemv_tile(y + r, ldy, w + r * row_bytes, stripe, x, n, rows, cols, dtype);
    for (size_t r = stripe * rows; r < count; r++)
        gemv_tile(y + r, ldy, w + r * row_bytes, 1, x, n, 1, cols, dtype);
}

/* More rows of x than one tile takes pass over the same few weight rows again, which are in the
 * first-level cache by then. */
ALWAYS_INLINE void gemv_any(float *y, size_t ldy, const void *weights, const float *x, size_t n,
                            size_t rows, size_t cols, enum dtype dtype)
{
    const size_t row_bytes = cols * dtype_size(dtype);
    const size_t strip = n > X_MAX ? 4 : rows;
    for (size_t r = 0; r < rows; r += strip) {
        const size_t count = rows - r < strip ? rows - r : strip;
        const char *w = (const char *)weights + r * row_bytes;
        for (size_t i = 0; i < n; i += X_MAX) {
            float *to = y + i * ldy + r;
            const float *from = x + i * cols;
            switch (n - i) {
            case 1: gemv_strip(to, ldy, w, from, 1, 8, count, cols, dtype); break;
            case 2: gemv_strip(to, ldy, w, from, 2, 4, count, cols, dtype); break;
            case 3: gemv_strip(to, ldy, w, from, 3, 3, count, cols, dtype); break;
            case 4: gemv_strip(to, ldy, w, from, 4, 3, count, cols, dtype); break;
            case 5: gemv_strip(to, ldy, w, from, 5, 2, count, cols, dtype); break;
            default: gemv_strip(to, ldy, w, from, 6, 2, count, cols, dtype); break;
            }
        }
    }
}

static void simd_gemv_f32(float *y, size_t ldy, const void *w, const float *x, size_t n,
                          size_t rows, size_t cols)
{
    gemv_any(y, ldy, w, x, n, rows, cols, DTYPE_F32);
}

static void simd_gemv_f16(float *y, size_t ldy, const void *w, const float *x, size_t n,
                          size_t rows, size_t cols)
{
    gemv_any(y, ldy, w, x, n, rows, cols, DTYPE_F16);
}

static void simd_gemv_bf16(float *y, size_t ldy, const void *w, const float *x, size_t n,
                           size_t rows, size_t cols)
{
    gemv_any(y, ldy, w, x, n, rows, cols, DTYPE_BF16);
}

ALWAYS_INLINE void convert(float *dst, const void *src, size_t n, enum dtype dtype)
{
    const char *from = src;
    const size_t element = dtype_size(dtype);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        vec_store(dst + i, vec_load_weights(from + i * element, dtype));
    if (i < n)
        vec_store_part(dst + i, vec_load_weights_part(from + i * element, n - i, dtype), n - i);
}

static void simd_f16_to_f32(float *dst, const void *src, size_t n)
{
    convert(dst, src, n, DTYPE_F16);
}

static void simd_bf16_to_f32(float *dst, const void *src, size_t n)
{
    convert(dst, src, n, DTYPE_BF16);
}

static void simd_f16_from_f32(void *dst, const float *src, size_t n)
{
    uint16_t *to = dst;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        vec_store_f16(to + i, vec_load(src + i));
    if (i < n) {
        uint16_t rest[LANES];
        vec_store_f16(rest, vec_load_part(src + i, n - i));
        memcpy(to + i, rest, (n - i) * sizeof *rest);
    }
}

/* acc[nq, `vectors` vectors of columns] += p[nq, nk] · V; nq and vectors are constants. */
ALWAYS_INLINE void weighted_tile(float *acc, const float *p, size_t ldp, const size_t nq,
                                 const char *v, size_t nk, size_t d, const size_t vectors,
                                 enum dtype dtype)
{
    const size_t element = dtype_size(dtype);
    vec sum[TILE_MAX];
#pragma GCC unroll 16
    for (size_t i = 0; i < nq; i++)
#pragma GCC unroll 16
        for (size_t e = 0; e < vectors; e++)
            sum[i * vectors + e] = vec_load(acc + i * d + e * LANES);
    for (size_t j = 0; j < nk; j++) {
        vec values[TILE_MAX];
#pragma GCC unroll 16
        for (size_t e = 0; e < vectors; e++)
            values[e] = vec_load_weights(v + (j * d + e * LANES) * element, dtype);
#pragma GCC unroll 16
        for (size_t i = 0; i < nq; i++) {
            const vec weight = vec_set(p[i * ldp + j]);
#pragma GCC unroll 16
            for (size_t e = 0; e < vectors; e++)
                sum[i * vectors + e] = vec_fma(weight, values[e], sum[i * vectors + e]);
        }
    }
#pragma GCC unroll 16
    for (size_t i = 0; i < nq; i++)
#pragma GCC unroll 16
        for (size_t e = 0; e < vectors; e++)
            vec_store(acc + i * d + e * LANES, sum[i * vectors + e]);
}

/* All columns for nq queries, a constant; those behind the last whole vector one by one. */
ALWAYS_INLINE void weighted_strip(float *acc, const float *p, size_t ldp, const size_t nq,
                                  const char *v, size_t nk, size_t d, enum dtype dtype)
{
    const size_t element = dtype_size(dtype);
    size_t e = 0;
    for (; e + 4 * LANES <= d; e += 4 * LANES)
        weighted_tile(acc + e, p, ldp, nq, v + e * element, nk, d, 4, dtype);
    for (; e + LANES <= d; e += LANES)
        weighted_tile(acc + e, p, ldp, nq, v + e * element, nk, d, 1, dtype);
    for (size_t j = 0; e < d && j < nk; j++) {
        const vec values = vec_load_weights_part(v + (j * d + e) * element, d - e, dtype);
        for (size_t i = 0; i < nq; i++) {
            float *to = acc + i * d + e;
            vec_store_part(to, vec_fma(vec_set(p[i * ldp + j]), values, vec_load_part(to, d - e)),
                           d - e);
        }
    }
}

ALWAYS_INLINE void weighted_any(float *acc, const float *p, size_t ldp, size_t nq, const void *v,
                                size_t nk, size_t d, enum dtype dtype)
{
    size_t i = 0;
    for (; i + 2 <= nq; i += 2)
        weighted_strip(acc + i * d, p + i * ldp, ldp, 2, v, nk, d, dtype);
    if (i < nq)
        weighted_strip(acc + i * d, p + i * ldp, ldp, 1, v, nk, d, dtype);
}

static void simd_weighted_rows_f32(float *acc, const float *p, size_t ldp, size_t nq, const void *v,
                                   size_t nk, size_t d)
{
    weighted_any(acc, p, ldp, nq, v, nk, d, DTYPE_F32);
}

static void simd_weighted_rows_f16(float *acc, const float *p, size_t ldp, size_t nq, const void *v,
                                   size_t nk, size_t d)
{
    weighted_any(acc, p, ldp, nq, v, nk, d, DTYPE_F16);
}
