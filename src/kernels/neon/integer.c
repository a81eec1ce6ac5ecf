/* The integer kernels in NEON without sdot: products of bytes in 16 bits, added in pairs to 32. */
#include "kernels/variants.h"

#include <arm_neon.h>

/* Two sums each of two rows: columns 0 and 1, columns 2 and 3. */
struct sums {
    int32x4_t first, last;
};

static inline struct sums sums_zero(void)
{
    return (struct sums){vdupq_n_s32(0), vdupq_n_s32(0)};
}

static inline __attribute__((always_inline)) struct sums sums_add(struct sums sums, int8x16_t w,
                                                                  int8x16_t x, const int lane)
{
    const int8x16_t four = vreinterpretq_s8_s32(vdupq_laneq_s32(vreinterpretq_s32_s8(x), lane));
    return (struct sums){
        vpadalq_s16(sums.first, vmull_s8(vget_low_s8(w), vget_low_s8(four))),
        vpadalq_s16(sums.last, vmull_high_s8(w, four)),
    };
}

static inline int32x4_t sums_total(struct sums sums)
{
    return vpaddq_s32(sums.first, sums.last);
}

#include "kernels/neon/integer.h"

void kernels_fill_neon_integer(struct kernels *kernels)
{
    fill_integer(kernels);
}
