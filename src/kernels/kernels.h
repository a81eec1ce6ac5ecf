/* The hot inner loops: one function type per kernel, one table per instruction set.
 *
 * kernels_select starts from the portable table (c/, the readable reference) and lets each level
 * that the processor has overwrite what it does better. All activations are F32; arguments need no
 * alignment unless said; in-place is allowed where `out` may equal `x`. */
#pragma once

#include "kernels/matrix.h"

#include <stdint.h>

/* Shape of the packed GEMM micro-kernel: it makes MR rows of Y times NR columns. */
enum { GEMM_MR_MAX = 16, GEMM_NR_MAX = 64 };

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

    /* y[r] = sum over c of W[r,c] · x[c], r < rows: the decode product. One per dtype. */
    void (*gemv[DTYPE_COUNT])(float *y, const void *w, const float *x, size_t rows, size_t cols);

    /* dst[n] F32 = src[n] of the dtype. */
    void (*to_f32[DTYPE_COUNT])(float *dst, const void *src, size_t n);

    /* C[mr × nr] (+)= A panel [k][mr] · B panel [k][nr], both packed F32; ldc floats per row of C;
     * only `m` ≤ mr rows and `n` ≤ nr columns of C are written. accumulate: add to C. */
    void (*gemm_micro)(float *c, size_t ldc, const float *a, const float *b, size_t k, size_t m,
                       size_t n, int accumulate);
    size_t gemm_mr, gemm_nr;

    /* Online softmax over one block of keys (tiled attention, Milakov & Gimelshein 2018; Dao et
     * al. 2022). For each of `nq` queries q[i] (d floats, row stride ldq): scores s_j = scale ·
     * q·k_j for the first visible[i] ≤ nk keys (visible NULL: all), then the running maximum
     * max[i], sum[i] and acc[i][d] (row stride d) are updated. max starts at -INFINITY, sum and
     * acc at 0. K and V rows have strides ldk and ldv. nk ≤ ATTEND_KEYS_MAX. */
    void (*attend)(float *acc, float *max, float *sum, const float *q, size_t ldq, size_t nq,
                   const float *k, size_t ldk, const float *v, size_t ldv, size_t nk,
                   const uint32_t *visible, size_t d, float scale);
};

enum { ATTEND_KEYS_MAX = 128, ATTEND_DIM_MAX = 256 };

/* The best table for this processor under os/cpu.h's mask; static storage. */
const struct kernels *kernels_select(void);

/* The portable table (the reference of the tests). */
const struct kernels *kernels_portable(void);
