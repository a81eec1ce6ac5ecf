/* The integer kernels in NEON with sdot (FEAT_DotProd). Compiled with the flags for it. */
#include "kernels/variants.h"

#include <arm_neon.h>

struct sums {
    int32x4_t rows;
};

static inline struct sums sums_zero(void)
{
    return (struct sums){vdupq_n_s32(0)};
}

static inline __attribute__((always_inline)) struct sums sums_add(struct sums sums, int8x16_t w,
                                                                  int8x16_t x, const int lane)
{
    return (struct sums){vdotq_laneq_s32(sums.rows, w, x, lane)};
}

static inline int32x4_t sums_total(struct sums sums)
{
    return sums.rows;
}

#include "kernels/neon/integer.h"

void kernels_fill_neon_dotprod(struct kernels *kernels)
{
    fill_integer(kernels);
}
