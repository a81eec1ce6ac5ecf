/* Whole operations: kernels spread over a thread pool.
 *
 * A `struct compute` is a kernels table, a pool and scratch memory. One job at a time: it belongs
 * to one thread (the scheduler). Nothing here allocates after compute_create. Matrices are
 * row-major F32 unless said. */
#pragma once

#include "base/status.h"
#include "kernels/kernels.h"
#include "os/pool.h"

#include <stdbool.h>

struct compute;

struct compute_limits {
    size_t max_rows; /* most rows of X in one matmul (larger ones are done in blocks) */
    size_t max_cols; /* most columns of a weight matrix */
};

/* threads ≥ 1. */
MUST_CHECK enum status compute_create(int threads, struct compute_limits limits,
                                      struct compute **out, struct reason *why);
void compute_destroy(struct compute *compute); /* takes NULL */
const struct kernels *compute_kernels(const struct compute *compute);
struct pool *compute_pool(struct compute *compute);

/* Whether every product is that of the weights' F32 values with F32 activations, whatever faster
 * arithmetic the processor has. At first: no. Matrices with tiles are the caller's business: it
 * makes none. */
void compute_set_exact(struct compute *compute, bool exact);

/* How precisely the rows of x and of q are treated from now on: the first `rows` of them finely,
 * within 5e-5 of the exact product, the others fast, as the processor can: matrices with tiles in
 * bytes, with about 1 % of noise; other matrices, and attention, in BF16, with 0.3 %. At first: all
 * finely. Either way a row of the result depends on its own row alone. */
void compute_set_fine_rows(struct compute *compute, size_t rows);

/* y[n, w->rows] = x[n, w->cols] · Wᵀ + bias. y must not overlap x. Few rows take the
 * bandwidth-bound path (gemv), many the packed GEMM. */
void matmul(struct compute *compute, const struct matrix *w, const float *x, size_t n, float *y);

/* y[n, w->rows] of several matrices with as many columns, for the same x: what they share is done
 * once, and the threads meet once. */
struct projection {
    const struct matrix *w;
    float *y;
};

void matmul_several(struct compute *compute, const struct projection *projections, size_t count,
                    const float *x, size_t n);

/* Row-wise kernels over x[n, dim], threads sharing the rows. bias NULL in norm_rows: RMSNorm. */
void norm_rows(struct compute *compute, float *out, const float *x, size_t n, size_t dim,
               const float *weight, const float *bias, float eps);
void gelu_tanh_rows(struct compute *compute, float *x, size_t n, size_t dim);
void gelu_erf_rows(struct compute *compute, float *x, size_t n, size_t dim);
void silu_mul_rows(struct compute *compute, float *gate, const float *up, size_t n, size_t dim);

/* Bidirectional attention of one segment (vision), fast if no row is fine. q, k, v point at [n,
 * heads·d] slices of rows of `stride` floats; out[n, heads·d]. */
void attention_full(struct compute *compute, float *out, const float *q, const float *k,
                    const float *v, size_t stride, size_t n, size_t heads, size_t d, float scale);

/* Where attention finds K and V of one layer. A page holds page_tokens tokens; K and V of one page
 * and kv head are [page_tokens, d] of dtype, contiguous, and the kv heads follow each other. Page p
 * is p · page_bytes behind page 0. */
struct attention_cache {
    size_t kv_heads, d, page_tokens;
    enum dtype dtype; /* one that kernels->from_f32 has */
    const void *keys, *values;
    size_t page_bytes;
};

/* Causal attention of one batch over paged K and V (text). Row r of q and out is [heads·d]; it sees
 * the first `visible` tokens of its sequence. */
struct attention_row {
    const uint32_t *pages; /* of the row's sequence; rows of one sequence have the same pointer */
    uint32_t visible;      /* ≥ 1 */
};

void attention_paged(struct compute *compute, float *out, const float *q,
                     const struct attention_row *rows, size_t n, size_t heads,
                     const struct attention_cache *cache, float scale);
