/* The hot inner loops: one function type per kernel, one table per instruction set.
 *
 * kernels_select starts from the portable table (c/, the readable reference) and lets each level
 * that the processor has overwrite what it does better. All activations are F32; arguments need no
 * alignment unless said; in-place is allowed where `out` may equal `x`. */
#pragma once

#include "kernels/matrix.h"
#include "kernels/tile.h"

#include <stdint.h>

/* Bounds of gemm_mr and gemm_nr. */
enum { GEMM_MR_MAX = 16, GEMM_NR_MAX = 64 };

/* Rows and columns of a tile of C in products of BF16 pairs. */
enum { PAIR_ROWS = 8, PAIR_COLS = 32 };

/* Where the running maximum of softmax_pairs starts: below every score, and finite. */
#define PAIRS_MAX_START (-1e30f)

struct kernels {
    const char *name; /* "c", "avx2", "avx512", "neon" */

    /* out[n] = w[i] · x[i] / sqrt(mean(x²) + eps); out may equal x */
    void (*rms_norm)(float *out, const float *x, const float *w, size_t n, float eps);
    /* out[n] = (x - mean) / sqrt(var + eps) · w + b, biased variance; out may equal x */
    void (*layer_norm)(float *out, const float *x, const float *w, const float *b, size_t n,
                       float eps);
    /* gate[n] = silu(gate) · up */
    void (*silu_mul)(float *gate, const float *up, size_t n);
    void (*gelu_tanh)(float *x, size_t n);           /* in place, tanh approximation */
    void (*gelu_erf)(float *x, size_t n);            /* in place, exact */
    void (*add)(float *y, const float *x, size_t n); /* y += x */
    /* Rotates the pairs (x[i], x[i+half]) by (cos[i], sin[i]), i < half; in place. */
    void (*rope)(float *x, const float *cos, const float *sin, size_t half);

    /* The decode product, one per plain dtype: y[i·ldy + r] = sum over c of W[r,c] · x[i·cols + c]
     * for i < n and r < rows. Reads the weights from memory once, whatever n is. Up to gemv_rows
     * rows of x it is faster than the packed GEMM. */
    void (*gemv[DTYPE_COUNT])(float *y, size_t ldy, const void *w, const float *x, size_t n,
                              size_t rows, size_t cols);
    size_t gemv_rows[DTYPE_COUNT];

    /* dst[n] F32 = src[n] of the dtype, n in whole blocks; the same bits in every table. The scales
     * of F8_E4M3 are left to the caller. */
    void (*to_f32[DTYPE_COUNT])(float *dst, const void *src, size_t n);
    /* The way back, to the nearest: F32, F16 and Q8_0, others are NULL. */
    void (*from_f32[DTYPE_COUNT])(void *dst, const float *src, size_t n);

    /* Panels of the packed GEMM. pack_a: panel[k][gemm_mr] = x[m][k] transposed, x rows ldx floats
     * apart. pack_b, one per plain dtype: panel[k][gemm_nr] = w[n][k] transposed, w rows ldw
     * elements apart. Columns past m ≤ gemm_mr or n ≤ gemm_nr are zero. */
    void (*pack_a)(float *panel, const float *x, size_t ldx, size_t m, size_t k);
    void (*pack_b[DTYPE_COUNT])(float *panel, const void *w, size_t ldw, size_t n, size_t k);
    /* C[m × n] (+)= A panel · B panel over k, m ≤ gemm_mr, n ≤ gemm_nr; ldc floats per row of C;
     * nothing else of C is touched. accumulate: add to C. b is 64-byte aligned. */
    void (*gemm_micro)(float *c, size_t ldc, const float *a, const float *b, size_t k, size_t m,
                       size_t n, int accumulate);
    size_t gemm_mr, gemm_nr;

    /* One step of the online softmax of one query (Milakov & Gimelshein 2018): with m the maximum
     * of *max and scale · s[i], s[i] becomes exp(scale · s[i] - m), *max becomes m, *sum becomes
     * *sum · r + sum of s[i]. Returns r = exp(old max - m), by which earlier output is to be
     * multiplied. n ≥ 1; *max starts at -INFINITY, *sum at 0. */
    float (*softmax_step)(float *s, size_t n, float scale, float *max, float *sum);
    void (*scale)(float *x, size_t n, float factor); /* x *= factor */

    /* acc[nq, d] += p[nq, nk] · V[nk, d], p rows ldp floats apart: the values of few queries
     * (decode). F32 and F16, others are NULL. */
    void (*weighted_rows[DTYPE_COUNT])(float *acc, const float *p, size_t ldp, size_t nq,
                                       const void *v, size_t nk, size_t d);

    /* Integer products of block-quantised matrices (tile.h). `integer`: they are faster than the
     * conversion to F32. */
    bool integer;
    bool fine_only[DTYPE_COUNT]; /* one plane would be no faster than two */
    bool words;                  /* quantize_rows makes words of two planes (tile.h) */
    /* Decodes one tile, or the tiles of 32 columns each that follow it, over 4 · groups columns
     * into a panel. */
    void (*unpack[DTYPE_COUNT])(struct panel *panel, const void *src, size_t groups);
    /* c[n, TILE_ROWS] = rows of x with two planes · a strip of `cols` columns, n ≤ ROWS_MAX, where
     * it lies in memory. NULL where unpack and dot_panel are as good; they are, with the same bits,
     * for products of more than strip_rows rows of x. */
    void (*dot_strip[DTYPE_COUNT])(float *c, const void *strip, size_t cols,
                                   const struct quantized_rows *x, size_t n);
    size_t strip_rows;
    /* One scale per row for all columns of the panel: value = 128 + round(weight / scale). Then
     * sub_groups is PANEL_GROUPS. NULL where dot_panel gains nothing by it. */
    void (*requantize)(struct panel *panel, size_t groups, size_t sub_groups);
    /* n ≤ out->ld rows of x, ldx floats apart; rows past n are zero. */
    void (*quantize_rows)(struct quantized_rows *out, const float *x, size_t ldx, size_t n,
                          size_t cols);
    /* c[n, outputs] (+)= the product of rows of x with the panel, which holds block `block` of the
     * columns. With sub_groups PANEL_GROUPS the rows must have one plane. */
    void (*dot_panel)(float *c, size_t ldc, const struct panel *w, size_t groups, size_t sub_groups,
                      const struct quantized_rows *x, size_t n, size_t block, size_t outputs,
                      int accumulate);

    /* Products in BF16 with F32 sums. Two numbers that follow each other along k are a pair, the
     * first in its lower half; a panel is [ceil(k / 2)][PAIR_ROWS or PAIR_COLS] pairs. `bf16`: the
     * processor has an instruction for them. Subnormal numbers may become zero.
     *
     * pair_rows: n rows of x, ldx numbers apart, become ceil(n / width) panels of `width` rows, 8
     * or 32, each; numbers past n and k are zero. One per plain dtype. */
    bool bf16;
    void (*pair_rows[DTYPE_COUNT])(uint32_t *panels, size_t width, const void *x, size_t ldx,
                                   size_t n, size_t k);
    /* The transpose: the d columns of v[n, d], ldv numbers apart, become ceil(d / PAIR_ROWS) panels
     * along n, `stride` pairs apart. F32 and F16, others are NULL. */
    void (*pair_columns[DTYPE_COUNT])(uint32_t *panels, size_t stride, const void *v, size_t ldv,
                                      size_t n, size_t d);
    /* C[m, n] = A · panel b (+ C · keep[n]) (+ add[n]), n ≤ PAIR_COLS; A is panels of PAIR_ROWS
     * rows, lda pairs apart; keep and add may be NULL, without keep C is not read; ldc floats per
     * row of C. */
    void (*gemm_pairs)(float *c, size_t ldc, const uint32_t *a, size_t lda, const uint32_t *b,
                       size_t pairs, size_t m, size_t n, const float *keep, const float *add);
    /* softmax_step for PAIR_COLS queries side by side, in powers of two: s[n][PAIR_COLS] becomes
     * the pairs p[ceil(n / 2)][PAIR_COLS] of 2^(factor · (s - max)), factor > 0, and
     * keep[PAIR_COLS] is by what earlier output is to be multiplied. A query sees its first
     * visible[] rows (NULL: all see all). */
    void (*softmax_pairs)(uint32_t *p, const float *s, size_t n, const uint32_t *visible,
                          float factor, float *max, float *sum, float *keep);
    /* out[i · ldo + e] = acc[e][i] / sum[i], i < n ≤ PAIR_COLS, e < d; acc is [d][PAIR_COLS]. */
    void (*divide_lanes)(float *out, size_t ldo, const float *acc, const float *sum, size_t n,
                         size_t d);
};

/* Most keys of one block and most floats of one head that attention handles. */
enum { ATTEND_KEYS_MAX = 128, ATTEND_DIM_MAX = 256 };

/* The best table for this processor under os/cpu.h's mask. */
void kernels_select(struct kernels *out);

/* The portable table (the reference of the tests). */
void kernels_portable(struct kernels *out);
