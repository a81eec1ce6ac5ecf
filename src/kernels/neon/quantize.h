/* What the integer kernels with and without sdot have in common. */
#pragma once

#include "kernels/tile.h"

/* quantize_rows of struct kernels. */
void neon_quantize_rows(struct quantized_rows *out, const float *x, size_t ldx, size_t n,
                        size_t cols);
