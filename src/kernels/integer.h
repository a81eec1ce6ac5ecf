/* Products of matrices that were packed into tiles (tile.h). For matmul.c. */
#pragma once

#include "kernels/ops.h"

#include <stdbool.h>

/* Rows [first, first + n) of each product's y, n ≥ 1; all have tiles, and as many columns. Each row
 * of y depends on its row of x alone. */
void integer_matmul(struct compute *compute, const struct projection *projections, size_t count,
                    const float *x, size_t first, size_t n, bool fine);

/* Floats of scratch that one thread needs; the largest blocks are those of Q8_0. */
size_t integer_scratch_floats(struct compute_limits limits);
