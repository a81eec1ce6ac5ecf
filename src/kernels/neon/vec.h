/* The vector that the kernels in simd/ are written for, in NEON of AArch64: four F32. avx2/vec.h
 * says what each name means. */
#pragma once

#include "kernels/matrix.h"

#include <arm_neon.h>
#include <string.h>

typedef float32x4_t vec;

enum {
    LANES = 4,
    /* The tile of C that gemm_micro holds in registers: 24 of 32, and 5 for A and B. */
    MR = 6,
    VECS = 4,
    NR = VECS * LANES,
};

static inline vec vec_zero(void)
{
    return vdupq_n_f32(0);
}

static inline vec vec_set(float value)
{
    return vdupq_n_f32(value);
}

static inline vec vec_load(const float *from)
{
    return vld1q_f32(from);
}

static inline void vec_store(float *to, vec a)
{
    vst1q_f32(to, a);
}

static inline vec vec_load_part(const float *from, size_t n)
{
    float lanes[LANES] = {0};
    memcpy(lanes, from, n * sizeof *lanes);
    return vld1q_f32(lanes);
}

static inline void vec_store_part(float *to, vec a, size_t n)
{
    float lanes[LANES];
    vst1q_f32(lanes, a);
    memcpy(to, lanes, n * sizeof *lanes);
}

static inline vec vec_add(vec a, vec b)
{
    return vaddq_f32(a, b);
}

static inline vec vec_sub(vec a, vec b)
{
    return vsubq_f32(a, b);
}

static inline vec vec_mul(vec a, vec b)
{
    return vmulq_f32(a, b);
}

static inline vec vec_div(vec a, vec b)
{
    return vdivq_f32(a, b);
}

static inline vec vec_fma(vec a, vec b, vec c)
{
    return vfmaq_f32(c, a, b);
}

static inline vec vec_fnma(vec a, vec b, vec c)
{
    return vfmsq_f32(c, a, b);
}

static inline vec vec_max(vec a, vec b)
{
    return vmaxq_f32(a, b);
}

static inline vec vec_min(vec a, vec b)
{
    return vminq_f32(a, b);
}

static inline vec vec_abs(vec a)
{
    return vabsq_f32(a);
}

static inline vec vec_by_sign(vec by, vec negative, vec positive)
{
    const uint32x4_t sign = vcltzq_s32(vreinterpretq_s32_f32(by));
    return vbslq_f32(sign, negative, positive);
}

static inline vec vec_round(vec a)
{
    return vrndnq_f32(a);
}

static inline vec vec_scale2(vec a, vec n)
{
    const int32x4_t exponent = vshlq_n_s32(vcvtnq_s32_f32(n), 23);
    return vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(a), exponent));
}

static inline float vec_sum(vec a)
{
    return vaddvq_f32(a);
}

static inline float vec_highest(vec a)
{
    return vmaxvq_f32(a);
}

struct wide {
    float64x2_t low, high;
};

static inline struct wide wide_zero(void)
{
    return (struct wide){vdupq_n_f64(0), vdupq_n_f64(0)};
}

static inline struct wide wide_add(struct wide sum, vec a)
{
    return (struct wide){
        vaddq_f64(sum.low, vcvt_f64_f32(vget_low_f32(a))),
        vaddq_f64(sum.high, vcvt_high_f64_f32(a)),
    };
}

static inline struct wide wide_add_square(struct wide sum, vec a)
{
    const float64x2_t low = vcvt_f64_f32(vget_low_f32(a)), high = vcvt_high_f64_f32(a);
    return (struct wide){vfmaq_f64(sum.low, low, low), vfmaq_f64(sum.high, high, high)};
}

static inline double wide_sum(struct wide sum)
{
    return vaddvq_f64(vaddq_f64(sum.low, sum.high));
}

static inline vec vec_load_weights(const void *from, enum dtype dtype)
{
    if (dtype == DTYPE_F32)
        return vld1q_f32(from);
    const uint16x4_t halves = vld1_u16(from);
    if (dtype == DTYPE_F16)
        return vcvt_f32_f16(vreinterpret_f16_u16(halves));
    return vreinterpretq_f32_u32(vshll_n_u16(halves, 16));
}

static inline vec vec_load_weights_part(const void *from, size_t n, enum dtype dtype)
{
    if (dtype == DTYPE_F32)
        return vec_load_part(from, n);
    uint16_t halves[LANES] = {0};
    memcpy(halves, from, n * sizeof *halves);
    return vec_load_weights(halves, dtype);
}

static inline void vec_store_f16(uint16_t *to, vec a)
{
    vst1_u16(to, vreinterpret_u16_f16(vcvt_f16_f32(a)));
}

/* Rows of a 4 × 4 matrix become its columns. */
static inline void vec_transpose(vec r[LANES])
{
    const float32x4x2_t a = vtrnq_f32(r[0], r[1]), b = vtrnq_f32(r[2], r[3]);
    r[0] = vcombine_f32(vget_low_f32(a.val[0]), vget_low_f32(b.val[0]));
    r[1] = vcombine_f32(vget_low_f32(a.val[1]), vget_low_f32(b.val[1]));
    r[2] = vcombine_f32(vget_high_f32(a.val[0]), vget_high_f32(b.val[0]));
    r[3] = vcombine_f32(vget_high_f32(a.val[1]), vget_high_f32(b.val[1]));
}
