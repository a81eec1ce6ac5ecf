/* The vector that the kernels in simd/ are written for, in AVX-512 (F, BW, DQ, VL): sixteen F32.
 * avx2/vec.h says what each name means. For files compiled with the flags for these only. */
#pragma once

#include "kernels/matrix.h"

#include <immintrin.h>

typedef __m512 vec;

enum {
    LANES = 16,
    /* The tile of C that gemm_micro holds in registers: 24 of 32, and 2 for B. */
    MR = 12,
    VECS = 2,
    NR = VECS * LANES,
};

static inline vec vec_zero(void)
{
    return _mm512_setzero_ps();
}

static inline vec vec_set(float value)
{
    return _mm512_set1_ps(value);
}

static inline vec vec_load(const float *from)
{
    return _mm512_loadu_ps(from);
}

static inline void vec_store(float *to, vec a)
{
    _mm512_storeu_ps(to, a);
}

static inline __mmask16 lanes_mask(size_t n)
{
    return (__mmask16)((1u << n) - 1);
}

static inline vec vec_load_part(const float *from, size_t n)
{
    return _mm512_maskz_loadu_ps(lanes_mask(n), from);
}

static inline void vec_store_part(float *to, vec a, size_t n)
{
    _mm512_mask_storeu_ps(to, lanes_mask(n), a);
}

static inline vec vec_add(vec a, vec b)
{
    return _mm512_add_ps(a, b);
}

static inline vec vec_sub(vec a, vec b)
{
    return _mm512_sub_ps(a, b);
}

static inline vec vec_mul(vec a, vec b)
{
    return _mm512_mul_ps(a, b);
}

static inline vec vec_div(vec a, vec b)
{
    return _mm512_div_ps(a, b);
}

static inline vec vec_fma(vec a, vec b, vec c)
{
    return _mm512_fmadd_ps(a, b, c);
}

static inline vec vec_fnma(vec a, vec b, vec c)
{
    return _mm512_fnmadd_ps(a, b, c);
}

static inline vec vec_max(vec a, vec b)
{
    return _mm512_max_ps(a, b);
}

static inline vec vec_min(vec a, vec b)
{
    return _mm512_min_ps(a, b);
}

static inline vec vec_abs(vec a)
{
    return _mm512_abs_ps(a);
}

static inline vec vec_by_sign(vec by, vec negative, vec positive)
{
    return _mm512_mask_blend_ps(_mm512_movepi32_mask(_mm512_castps_si512(by)), positive, negative);
}

static inline vec vec_round(vec a)
{
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

static inline vec vec_scale2(vec a, vec n)
{
    return _mm512_scalef_ps(a, n);
}

static inline float vec_sum(vec a)
{
    return _mm512_reduce_add_ps(a);
}

static inline float vec_highest(vec a)
{
    return _mm512_reduce_max_ps(a);
}

struct wide {
    __m512d low, high;
};

static inline struct wide wide_zero(void)
{
    return (struct wide){_mm512_setzero_pd(), _mm512_setzero_pd()};
}

static inline __m512d wide_low(vec a)
{
    return _mm512_cvtps_pd(_mm512_castps512_ps256(a));
}

static inline __m512d wide_high(vec a)
{
    return _mm512_cvtps_pd(_mm512_extractf32x8_ps(a, 1));
}

static inline struct wide wide_add(struct wide sum, vec a)
{
    return (struct wide){
        _mm512_add_pd(sum.low, wide_low(a)),
        _mm512_add_pd(sum.high, wide_high(a)),
    };
}

static inline struct wide wide_add_square(struct wide sum, vec a)
{
    const __m512d low = wide_low(a), high = wide_high(a);
    return (struct wide){
        _mm512_fmadd_pd(low, low, sum.low),
        _mm512_fmadd_pd(high, high, sum.high),
    };
}

static inline double wide_sum(struct wide sum)
{
    return _mm512_reduce_add_pd(_mm512_add_pd(sum.low, sum.high));
}

static inline vec halves_to_vec(__m256i halves, enum dtype dtype)
{
    if (dtype == DTYPE_F16)
        return _mm512_cvtph_ps(halves);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
}

static inline vec vec_load_weights(const void *from, enum dtype dtype)
{
    if (dtype == DTYPE_F32)
        return _mm512_loadu_ps(from);
    return halves_to_vec(_mm256_loadu_si256(from), dtype);
}

static inline vec vec_load_weights_part(const void *from, size_t n, enum dtype dtype)
{
    if (dtype == DTYPE_F32)
        return vec_load_part(from, n);
    return halves_to_vec(_mm256_maskz_loadu_epi16(lanes_mask(n), from), dtype);
}

static inline void vec_store_f16(uint16_t *to, vec a)
{
    _mm256_storeu_si256((__m256i *)(void *)to, _mm512_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT));
}

/* Rows of a 16 × 16 matrix become its columns. */
static inline void vec_transpose(vec r[LANES])
{
    vec a[LANES], b[LANES];
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) { /* pairs of columns, within each 128 bits */
        a[2 * i] = _mm512_unpacklo_ps(r[2 * i], r[2 * i + 1]);
        a[2 * i + 1] = _mm512_unpackhi_ps(r[2 * i], r[2 * i + 1]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) { /* fours: b[4i + c] holds columns c, c+4, c+8, c+12 */
        b[4 * i] = _mm512_shuffle_ps(a[4 * i], a[4 * i + 2], 0x44);
        b[4 * i + 1] = _mm512_shuffle_ps(a[4 * i], a[4 * i + 2], 0xee);
        b[4 * i + 2] = _mm512_shuffle_ps(a[4 * i + 1], a[4 * i + 3], 0x44);
        b[4 * i + 3] = _mm512_shuffle_ps(a[4 * i + 1], a[4 * i + 3], 0xee);
    }
#pragma GCC unroll 4
    for (int c = 0; c < 4; c++) { /* a 4 × 4 transposition of 128-bit blocks */
        const vec low = _mm512_shuffle_f32x4(b[c], b[c + 4], 0x44);
        const vec high = _mm512_shuffle_f32x4(b[c], b[c + 4], 0xee);
        const vec low2 = _mm512_shuffle_f32x4(b[c + 8], b[c + 12], 0x44);
        const vec high2 = _mm512_shuffle_f32x4(b[c + 8], b[c + 12], 0xee);
        r[c] = _mm512_shuffle_f32x4(low, low2, 0x88);
        r[c + 4] = _mm512_shuffle_f32x4(low, low2, 0xdd);
        r[c + 8] = _mm512_shuffle_f32x4(high, high2, 0x88);
        r[c + 12] = _mm512_shuffle_f32x4(high, high2, 0xdd);
    }
}
