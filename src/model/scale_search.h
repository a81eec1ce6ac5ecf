/* The scales of one sub-block of 16 or 32 values, for quantize.c.
 *
 * A few spans around the obvious one are tried; each gives integers, to which the best scale is
 * fitted by least squares; the one with the smallest sum of squared errors wins (the idea of ggml's
 * make_qkx2_quants and make_qx_quants, without importance weights). Values are finite, at most 1e30
 * in magnitude. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { FIT_VALUES_MAX = 32 };

/* x ≈ scale · q - min with 0 ≤ q ≤ levels. */
struct affine_fit {
    float scale, min;
};

/* positive_min: min ≥ 0, as the K formats store it. */
struct affine_fit fit_affine(const float *x, size_t n, int levels, bool positive_min);

/* x ≈ scale · q with -half ≤ q ≤ half - 1; the scale may be negative. */
float fit_signed(const float *x, size_t n, int half);
