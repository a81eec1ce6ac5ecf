/* Operations in BF16 with F32 sums, for ops.h: about 0.3 % of noise, at twice the speed of F32.
 *
 * Each row of a result depends on its own row of the arguments alone. */
#pragma once

#include "kernels/ops.h"

/* y[n, w->rows] = x · Wᵀ + bias for weights of any dtype, n ≥ 1. */
void bf16_matmul(struct compute *compute, const struct matrix *w, const float *x, size_t n,
                 float *y);

/* attention_full and attention_paged (ops.h), the latter for what bf16_attention_takes. */
bool bf16_attention_takes(const struct attention_cache *cache, size_t heads);
void bf16_attention_full(struct compute *compute, float *out, const float *q, const float *k,
                         const float *v, size_t stride, size_t n, size_t heads, size_t d,
                         float scale);
void bf16_attention_paged(struct compute *compute, float *out, const float *q,
                          const struct attention_row *rows, size_t n, size_t heads,
                          const struct attention_cache *cache, float scale);

/* Floats of scratch that one thread needs. */
size_t bf16_scratch_floats(void);
size_t bf16_attention_scratch_floats(void);
