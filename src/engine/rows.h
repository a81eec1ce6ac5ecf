/* What the vision tower and the decoder share: loops over rows, spread over the compute threads. */
#pragma once

#include "kernels/ops.h"
#include "model/config.h"

/* y[n] += x[n] */
void add_floats(struct compute *compute, float *y, const float *x, size_t n);

/* y[n, cols] = x · Wᵀ + bias, then added to acc[n, cols]; y is scratch. The residual step of every
 * block. */
void matmul_add(struct compute *compute, const struct matrix *w, const float *x, size_t n, float *y,
                float *acc);

/* Of everything that a model multiplies, in batches of so many rows and pictures. */
struct compute_limits compute_limits_of(const struct model_config *config, size_t rows);

/* count × size bytes, 64-byte aligned; free() them. NULL on overflow or out of memory. */
void *aligned_array(size_t count, size_t size);
