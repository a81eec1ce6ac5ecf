/* The vector that the kernels in simd/ are written for, in AVX2: eight F32. avx512/vec.h offers the
 * same names. For files compiled with -mavx2 -mfma -mf16c only. */
#pragma once

#include "kernels/matrix.h"

#include <immintrin.h>
#include <string.h>

typedef __m256 vec;

enum {
    LANES = 8,
    /* The tile of C that gemm_micro holds in registers: 12 of 16, and 3 for A and B. */
    MR = 6,
    VECS = 2,
    NR = VECS * LANES,
};

static inline vec vec_zero(void)
{
    return _mm256_setzero_ps();
}

static inline vec vec_set(float value)
{
    return _mm256_set1_ps(value);
}

static inline vec vec_load(const float *from)
{
    return _mm256_loadu_ps(from);
}

static inline void vec_store(float *to, vec a)
{
    _mm256_storeu_ps(to, a);
}

/* All ones in the first n < LANES lanes. */
static inline __m256i lanes_mask(size_t n)
{
    static const int ones[2 * LANES] = {-1, -1, -1, -1, -1, -1, -1, -1};
    return _mm256_loadu_si256((const __m256i *)(const void *)(ones + LANES - n));
}

/* The first n < LANES lanes from memory, the others 0. Reads nothing else. */
static inline vec vec_load_part(const float *from, size_t n)
{
    return _mm256_maskload_ps(from, lanes_mask(n));
}

static inline void vec_store_part(float *to, vec a, size_t n)
{
    _mm256_maskstore_ps(to, lanes_mask(n), a);
}

static inline vec vec_add(vec a, vec b)
{
    return _mm256_add_ps(a, b);
}

static inline vec vec_sub(vec a, vec b)
{
    return _mm256_sub_ps(a, b);
}

static inline vec vec_mul(vec a, vec b)
{
    return _mm256_mul_ps(a, b);
}

static inline vec vec_div(vec a, vec b)
{
    return _mm256_div_ps(a, b);
}

/* a · b + c, rounded once */
static inline vec vec_fma(vec a, vec b, vec c)
{
    return _mm256_fmadd_ps(a, b, c);
}

/* c - a · b, rounded once */
static inline vec vec_fnma(vec a, vec b, vec c)
{
    return _mm256_fnmadd_ps(a, b, c);
}

/* Where b is NaN, the result is b. */
static inline vec vec_max(vec a, vec b)
{
    return _mm256_max_ps(a, b);
}

static inline vec vec_min(vec a, vec b)
{
    return _mm256_min_ps(a, b);
}

static inline vec vec_abs(vec a)
{
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a);
}

/* `negative` in the lanes where the sign of `by` is set, `positive` in the others. */
static inline vec vec_by_sign(vec by, vec negative, vec positive)
{
    return _mm256_blendv_ps(positive, negative, by);
}

static inline vec vec_round(vec a)
{
    return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/* a · 2ⁿ for whole n whose result is a normal number. */
static inline vec vec_scale2(vec a, vec n)
{
    const __m256i exponent = _mm256_slli_epi32(_mm256_cvtps_epi32(n), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(a), exponent));
}

static inline float vec_sum(vec a)
{
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

static inline float vec_highest(vec a)
{
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}

/* Sums in double, for norms. */
struct wide {
    __m256d low, high;
};

static inline struct wide wide_zero(void)
{
    return (struct wide){_mm256_setzero_pd(), _mm256_setzero_pd()};
}

static inline struct wide wide_add(struct wide sum, vec a)
{
    return (struct wide){
        _mm256_add_pd(sum.low, _mm256_cvtps_pd(_mm256_castps256_ps128(a))),
        _mm256_add_pd(sum.high, _mm256_cvtps_pd(_mm256_extractf128_ps(a, 1))),
    };
}

static inline struct wide wide_add_square(struct wide sum, vec a)
{
    const __m256d low = _mm256_cvtps_pd(_mm256_castps256_ps128(a));
    const __m256d high = _mm256_cvtps_pd(_mm256_extractf128_ps(a, 1));
    return (struct wide){
        _mm256_fmadd_pd(low, low, sum.low),
        _mm256_fmadd_pd(high, high, sum.high),
    };
}

static inline double wide_sum(struct wide sum)
{
    const __m256d both = _mm256_add_pd(sum.low, sum.high);
    const __m128d s = _mm_add_pd(_mm256_castpd256_pd128(both), _mm256_extractf128_pd(both, 1));
    return _mm_cvtsd_f64(_mm_add_sd(s, _mm_unpackhi_pd(s, s)));
}

/* LANES weights as F32. */
static inline vec vec_load_weights(const void *from, enum dtype dtype)
{
    if (dtype == DTYPE_F32)
        return _mm256_loadu_ps(from);
    const __m128i halves = _mm_loadu_si128(from);
    if (dtype == DTYPE_F16)
        return _mm256_cvtph_ps(halves);
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
}

/* The first n < LANES of them, the other lanes 0. Reads nothing else. */
static inline vec vec_load_weights_part(const void *from, size_t n, enum dtype dtype)
{
    if (dtype == DTYPE_F32)
        return vec_load_part(from, n);
    uint16_t halves[LANES] = {0};
    memcpy(halves, from, n * sizeof *halves);
    return vec_load_weights(halves, dtype);
}

/* LANES numbers as F16, to the nearest. */
static inline void vec_store_f16(uint16_t *to, vec a)
{
    _mm_storeu_si128((__m128i *)(void *)to, _mm256_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT));
}

/* Rows of an 8 × 8 matrix become its columns. */
static inline void vec_transpose(vec r[LANES])
{
    vec a[LANES], b[LANES];
    for (int i = 0; i < 4; i++) { /* pairs of columns */
        a[2 * i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
        a[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
    }
    for (int i = 0; i < 2; i++) { /* fours */
        b[4 * i] = _mm256_shuffle_ps(a[4 * i], a[4 * i + 2], 0x44);
        b[4 * i + 1] = _mm256_shuffle_ps(a[4 * i], a[4 * i + 2], 0xee);
        b[4 * i + 2] = _mm256_shuffle_ps(a[4 * i + 1], a[4 * i + 3], 0x44);
        b[4 * i + 3] = _mm256_shuffle_ps(a[4 * i + 1], a[4 * i + 3], 0xee);
    }
    for (int i = 0; i < 4; i++) { /* halves */
        r[i] = _mm256_permute2f128_ps(b[i], b[i + 4], 0x20);
        r[i + 4] = _mm256_permute2f128_ps(b[i], b[i + 4], 0x31);
    }
}
