/* Matrices of any dtype through their F32 values: exact, and the measure of every faster path.
 *
 * Weights are converted a few rows at a time into scratch memory and meet the F32 kernels there. */
#pragma once

#include "kernels/kernels.h"

enum { EXACT_ROWS = 8 }; /* weight rows that exact_gemv converts at a time */

/* dst[count] = W[row, col … col + count), scales applied; col is a multiple of SCALE_TILE and of
 * the dtype's block, col + count too unless it is the row's end. */
void exact_row(const struct kernels *kernels, const struct matrix *w, size_t row, size_t col,
               size_t count, float *dst);

/* y[i · w->rows + r] = W[r] · x[i], for the weight rows r of [begin, end) and n rows of x.
 * scratch: EXACT_ROWS · w->cols floats. */
void exact_gemv(const struct kernels *kernels, const struct matrix *w, size_t begin, size_t end,
                const float *x, size_t n, float *y, float *scratch);

/* As pack_b, for n ≤ gemm_nr rows from `row` and the columns [col, col + depth). scratch:
 * n · depth floats. */
void exact_pack(const struct kernels *kernels, const struct matrix *w, size_t row, size_t n,
                size_t col, size_t depth, float *panel, float *scratch);
