/* From F32 to block-quantised weights (specification 10.5), with a search for the scales that makes
 * the sum of squared errors small (scale_search.h). */
#pragma once

#include "kernels/kernels.h"

#include <stdbool.h>

/* Whether there is a quantiser: Q8_0 Q4_0 Q4_1 Q5_0 Q5_1 Q4_K Q5_K Q6_K. */
bool quantize_supports(enum dtype dtype);

/* n values, a multiple of the dtype's block → blocks. Values that are not finite are taken as 0,
 * those beyond a format's range as its largest. Any thread. */
void quantize(enum dtype dtype, const float *x, size_t n, void *blocks);

/* The same for F32, F16 and BF16 too. */
void quantize_row(const struct kernels *kernels, enum dtype dtype, const float *x, size_t n,
                  void *out);
