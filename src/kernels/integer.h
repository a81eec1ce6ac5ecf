/* Products of matrices that were packed into tiles (tile.h). For matmul.c. */
#pragma once

#include "kernels/ops.h"

#include <stdbool.h>

/* y[n, w->rows] = x · Wᵀ + bias, n ≥ 1; w->tiles is set. Each row of y depends on its row of x
 * alone. */
void integer_matmul(struct compute *compute, const struct matrix *w, const float *x, size_t n,
                    bool fine, float *y);

/* Floats of scratch that one thread needs for max_rows rows of x. */
size_t integer_scratch_floats(size_t max_rows);
