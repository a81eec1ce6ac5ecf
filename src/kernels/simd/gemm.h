/* The packed GEMM (Goto & van de Geijn 2008), written for any vec.h: C is held in MR × VECS
 * registers while one column of the A panel and one row of the B panel come in per step. */
#pragma once

#include "kernels/kernels.h"

#include <string.h>

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* The first `rows` rows of a tile; rows is a constant ≤ MR, so that everything unrolls. */
ALWAYS_INLINE void gemm_tile(float *c, size_t ldc, const float *a, const float *b, size_t k,
                             const size_t rows, size_t m, size_t n, int accumulate)
{
    vec tile[MR][VECS];
#pragma GCC unroll 16
    for (size_t i = 0; i < rows; i++)
#pragma GCC unroll 4
        for (size_t j = 0; j < VECS; j++)
            tile[i][j] = vec_zero();
    for (size_t p = 0; p < k; p++, a += MR, b += NR) {
        vec row[VECS];
#pragma GCC unroll 4
        for (size_t j = 0; j < VECS; j++)
            row[j] = vec_load(b + j * LANES);
#pragma GCC unroll 16
        for (size_t i = 0; i < rows; i++) {
            const vec x = vec_set(a[i]);
#pragma GCC unroll 4
            for (size_t j = 0; j < VECS; j++)
                tile[i][j] = vec_fma(x, row[j], tile[i][j]);
        }
    }
    if (m == rows && n == NR) {
#pragma GCC unroll 16
        for (size_t i = 0; i < rows; i++)
#pragma GCC unroll 4
            for (size_t j = 0; j < VECS; j++) {
                float *to = c + i * ldc + j * LANES;
                vec_store(to, accumulate ? vec_add(vec_load(to), tile[i][j]) : tile[i][j]);
            }
        return;
    }
    float edge[MR][NR];
#pragma GCC unroll 16
    for (size_t i = 0; i < rows; i++)
#pragma GCC unroll 4
        for (size_t j = 0; j < VECS; j++)
            vec_store(&edge[i][j * LANES], tile[i][j]);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++)
            c[i * ldc + j] = accumulate ? c[i * ldc + j] + edge[i][j] : edge[i][j];
}

static void simd_gemm_micro(float *c, size_t ldc, const float *a, const float *b, size_t k,
                            size_t m, size_t n, int accumulate)
{
    if (m > MR / 2)
        gemm_tile(c, ldc, a, b, k, MR, m, n, accumulate);
    else
        gemm_tile(c, ldc, a, b, k, MR / 2, m, n, accumulate);
}

/* Transposes n ≤ LANES rows of LANES weights, `row` bytes apart; to[p][lane] `ldt` floats apart. */
ALWAYS_INLINE void pack_square(float *to, size_t ldt, const char *w, size_t row, size_t n,
                               enum dtype dtype)
{
    vec r[LANES];
#pragma GCC unroll 16
    for (size_t i = 0; i < LANES; i++)
        r[i] = i < n ? vec_load_weights(w + i * row, dtype) : vec_zero();
    vec_transpose(r);
#pragma GCC unroll 16
    for (size_t i = 0; i < LANES; i++)
        vec_store(to + i * ldt, r[i]);
}

/* Columns k that do not fill a square. */
ALWAYS_INLINE void pack_rest(float *to, size_t ldt, const char *w, size_t row, size_t n, size_t k,
                             enum dtype dtype)
{
    float line[LANES];
    for (size_t i = 0; i < LANES; i++) {
        vec_store(line, i < n ? vec_load_weights_part(w + i * row, k, dtype) : vec_zero());
        for (size_t p = 0; p < k; p++)
            to[p * ldt + i] = line[p];
    }
}

ALWAYS_INLINE void pack_panel(float *panel, const void *w, size_t ldw, size_t n, size_t k,
                              enum dtype dtype)
{
    const size_t element = dtype_size(dtype), row = ldw * element;
    for (size_t j = 0; j < NR; j += LANES) {
        const char *from = (const char *)w + j * row;
        const size_t rows = n <= j ? 0 : n - j < LANES ? n - j : LANES;
        size_t p = 0;
        if (rows == LANES)
            for (; p + LANES <= k; p += LANES)
                pack_square(panel + p * NR + j, NR, from + p * element, row, LANES, dtype);
        else
            for (; p + LANES <= k; p += LANES)
                pack_square(panel + p * NR + j, NR, from + p * element, row, rows, dtype);
        if (p < k)
            pack_rest(panel + p * NR + j, NR, from + p * element, row, rows, k - p, dtype);
    }
}

static void simd_pack_b_f32(float *panel, const void *w, size_t ldw, size_t n, size_t k)
{
    pack_panel(panel, w, ldw, n, k, DTYPE_F32);
}

static void simd_pack_b_f16(float *panel, const void *w, size_t ldw, size_t n, size_t k)
{
    pack_panel(panel, w, ldw, n, k, DTYPE_F16);
}

static void simd_pack_b_bf16(float *panel, const void *w, size_t ldw, size_t n, size_t k)
{
    pack_panel(panel, w, ldw, n, k, DTYPE_BF16);
}

/* MR ≤ LANES or not, rows go through squares of LANES; only MR of each line are kept. */
static void simd_pack_a(float *panel, const float *x, size_t ldx, size_t m, size_t k)
{
    float square[LANES * LANES];
    for (size_t i = 0; i < MR; i += LANES) {
        const float *from = x + i * ldx;
        const size_t keep = MR - i < LANES ? MR - i : LANES;
        const size_t rows = m <= i ? 0 : m - i < keep ? m - i : keep;
        for (size_t p = 0; p < k; p += LANES) {
            const size_t columns = k - p < LANES ? k - p : LANES;
            if (columns == LANES)
                pack_square(square, LANES, (const char *)(from + p), ldx * sizeof(float), rows,
                            DTYPE_F32);
            else
                pack_rest(square, LANES, (const char *)(from + p), ldx * sizeof(float), rows,
                          columns, DTYPE_F32);
            for (size_t c = 0; c < columns; c++)
                memcpy(panel + (p + c) * MR + i, square + c * LANES, keep * sizeof(float));
        }
    }
}
