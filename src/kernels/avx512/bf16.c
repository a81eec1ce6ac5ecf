/* The BF16 products in AVX-512 with BF16. Compiled with the flags for these. */
#include "kernels/avx512/vec.h"
#include "kernels/kernels.h"
#include "kernels/variants.h"

#include <math.h>

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* The vectors of a row of PAIR_COLS pairs, or of F32. */
enum { HALVES = PAIR_COLS / LANES };

/* `first` in the lower half of every pair, `second` in the upper. */
ALWAYS_INLINE __m512i interleave(vec first, vec second)
{
    const __m512i order =
        _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
                         21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    return _mm512_permutexvar_epi16(order, (__m512i)_mm512_cvtne2ps_pbh(second, first));
}

/* 32 numbers that follow each other: sixteen pairs; those past count are zero. */
ALWAYS_INLINE __m512i load_pairs(const char *from, size_t count, enum dtype dtype)
{
    const __mmask32 all = count >= 32 ? UINT32_MAX : (1u << count) - 1;
    const __mmask16 low = (__mmask16)all, high = (__mmask16)(all >> LANES);
    if (dtype == DTYPE_BF16)
        return _mm512_maskz_loadu_epi16(all, from);
    if (dtype == DTYPE_F32)
        return (__m512i)_mm512_cvtne2ps_pbh(
            _mm512_maskz_loadu_ps(high, (const float *)from + LANES),
            _mm512_maskz_loadu_ps(low, from));
    const __m256i first = _mm256_maskz_loadu_epi16(low, from);
    const __m256i second = _mm256_maskz_loadu_epi16(high, (const uint16_t *)from + LANES);
    return (__m512i)_mm512_cvtne2ps_pbh(_mm512_cvtph_ps(second), _mm512_cvtph_ps(first));
}

/* Pairs of sixteen rows, transposed: at[c] holds pair c of every row, and belongs c · width behind
 * `to`; the second eight go to a panel of their own if panels are that narrow. */
ALWAYS_INLINE void store_pairs(uint32_t *to, size_t width, size_t panel, const vec at[LANES],
                               size_t pairs, bool second)
{
    for (size_t c = 0; c < pairs; c++) {
        uint32_t *line = to + c * width;
        if (width >= LANES) {
            _mm512_storeu_ps(line, at[c]);
            continue;
        }
        _mm256_storeu_ps((float *)line, _mm512_castps512_ps256(at[c]));
        if (second)
            _mm256_storeu_ps((float *)(line + panel), _mm512_extractf32x8_ps(at[c], 1));
    }
}

ALWAYS_INLINE void pair_rows(uint32_t *panels, const size_t width, const void *x, size_t ldx,
                             size_t n, size_t k, enum dtype dtype)
{
    const size_t element = dtype_size(dtype), panel = (k + 1) / 2 * width;
    const size_t end = (n + width - 1) / width * width;
    for (size_t i = 0; i < end; i += LANES) {
        uint32_t *to = panels + i / width * panel + i % width;
        const size_t rows = n <= i ? 0 : n - i < LANES ? n - i : LANES;
        for (size_t p = 0; p < k; p += 2 * LANES) {
            const size_t count = k - p < 2 * LANES ? k - p : 2 * LANES;
            const char *from = (const char *)x + (i * ldx + p) * element;
            vec at[LANES];
            if (rows == LANES && count == 2 * LANES)
#pragma GCC unroll 16
                for (size_t r = 0; r < LANES; r++)
                    at[r] = (vec)load_pairs(from + r * ldx * element, 2 * LANES, dtype);
            else
                for (size_t r = 0; r < LANES; r++)
                    at[r] = r < rows ? (vec)load_pairs(from + r * ldx * element, count, dtype)
                                     : vec_zero();
            vec_transpose(at);
            store_pairs(to + p / 2 * width, width, panel, at, (count + 1) / 2, end - i >= LANES);
        }
    }
}

ALWAYS_INLINE void pair_rows_of(uint32_t *panels, size_t width, const void *x, size_t ldx, size_t n,
                                size_t k, enum dtype dtype)
{
    if (width == PAIR_ROWS)
        pair_rows(panels, PAIR_ROWS, x, ldx, n, k, dtype);
    else
        pair_rows(panels, PAIR_COLS, x, ldx, n, k, dtype);
}

static void bf16_pair_rows_f32(uint32_t *panels, size_t width, const void *x, size_t ldx, size_t n,
                               size_t k)
{
    pair_rows_of(panels, width, x, ldx, n, k, DTYPE_F32);
}

static void bf16_pair_rows_f16(uint32_t *panels, size_t width, const void *x, size_t ldx, size_t n,
                               size_t k)
{
    pair_rows_of(panels, width, x, ldx, n, k, DTYPE_F16);
}

static void bf16_pair_rows_bf16(uint32_t *panels, size_t width, const void *x, size_t ldx, size_t n,
                                size_t k)
{
    pair_rows_of(panels, width, x, ldx, n, k, DTYPE_BF16);
}

ALWAYS_INLINE vec load_some(const char *from, size_t count, enum dtype dtype)
{
    if (count == LANES)
        return vec_load_weights(from, dtype);
    return vec_load_weights_part(from, count, dtype);
}

ALWAYS_INLINE void pair_columns(uint32_t *panels, size_t stride, const void *v, size_t ldv,
                                size_t n, size_t d, enum dtype dtype)
{
    const size_t element = dtype_size(dtype);
    for (size_t p = 0; p < (n + 1) / 2; p++) {
        const char *from = (const char *)v + 2 * p * ldv * element;
        for (size_t e = 0; e < d; e += LANES) {
            const size_t count = d - e < LANES ? d - e : LANES;
            const vec first = load_some(from + e * element, count, dtype);
            const vec second =
                2 * p + 1 < n ? load_some(from + (ldv + e) * element, count, dtype) : vec_zero();
            const __m512i pairs = interleave(first, second);
            uint32_t *to = panels + e / PAIR_ROWS * stride + p * PAIR_ROWS;
            _mm256_storeu_si256((__m256i *)(void *)to, _mm512_castsi512_si256(pairs));
            if (count > PAIR_ROWS)
                _mm256_storeu_si256((__m256i *)(void *)(to + stride),
                                    _mm512_extracti64x4_epi64(pairs, 1));
        }
    }
}

static void bf16_pair_columns_f32(uint32_t *panels, size_t stride, const void *v, size_t ldv,
                                  size_t n, size_t d)
{
    pair_columns(panels, stride, v, ldv, n, d, DTYPE_F32);
}

static void bf16_pair_columns_f16(uint32_t *panels, size_t stride, const void *v, size_t ldv,
                                  size_t n, size_t d)
{
    pair_columns(panels, stride, v, ldv, n, d, DTYPE_F16);
}

/* acc[16] += two products each. As an instruction of its own: the intrinsic makes GCC 12 copy the
 * accumulators of a loop to memory and back. */
ALWAYS_INLINE vec dot2(vec acc, __m512i a, __m512i b)
{
    __asm__("vdpbf16ps %2, %1, %0" : "+v"(acc) : "v"(a), "v"(b));
    return acc;
}

ALWAYS_INLINE vec sum_up(vec sum, const float *c, const float *keep, const float *add)
{
    if (add)
        sum = vec_add(sum, vec_load(add));
    return keep ? vec_fma(vec_load(c), vec_load(keep), sum) : sum;
}

/* The whole of a tile of C. */
ALWAYS_INLINE void store_tile(float *c, size_t ldc, vec acc[PAIR_ROWS][HALVES], const float *keep,
                              const float *add)
{
    const float *keep_high = keep ? keep + LANES : NULL, *add_high = add ? add + LANES : NULL;
#pragma GCC unroll 8
    for (size_t i = 0; i < PAIR_ROWS; i++, c += ldc) {
        vec_store(c, sum_up(acc[i][0], c, keep, add));
        vec_store(c + LANES, sum_up(acc[i][1], c + LANES, keep_high, add_high));
    }
}

/* A tile at an edge of C, which stands in `whole`. */
static void store_edge(float *c, size_t ldc, float whole[PAIR_ROWS][PAIR_COLS], size_t m, size_t n,
                       const float *keep, const float *add)
{
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < n; j++) {
            const float sum = add ? whole[i][j] + add[j] : whole[i][j];
            c[i * ldc + j] = keep ? fmaf(c[i * ldc + j], keep[j], sum) : sum;
        }
    }
}

/* m ≤ PAIR_ROWS rows of C. */
ALWAYS_INLINE void gemm_strip(float *c, size_t ldc, const uint32_t *a, const uint32_t *b,
                              size_t pairs, size_t m, size_t n, const float *keep, const float *add)
{
    vec acc[PAIR_ROWS][HALVES];
#pragma GCC unroll 8
    for (size_t i = 0; i < PAIR_ROWS; i++)
        acc[i][0] = acc[i][1] = vec_zero();
#pragma GCC unroll 2
    for (size_t p = 0; p < pairs; p++, a += PAIR_ROWS, b += PAIR_COLS) {
        const __m512i first = _mm512_loadu_si512(b), second = _mm512_loadu_si512(b + LANES);
#pragma GCC unroll 8
        for (size_t i = 0; i < PAIR_ROWS; i++) {
            const __m512i two = _mm512_set1_epi32((int)a[i]);
            acc[i][0] = dot2(acc[i][0], two, first);
            acc[i][1] = dot2(acc[i][1], two, second);
        }
    }
    if (m < PAIR_ROWS || n < PAIR_COLS) {
        float whole[PAIR_ROWS][PAIR_COLS];
#pragma GCC unroll 8
        for (size_t i = 0; i < PAIR_ROWS; i++) {
            vec_store(whole[i], acc[i][0]);
            vec_store(whole[i] + LANES, acc[i][1]);
        }
        store_edge(c, ldc, whole, m, n, keep, add);
        return;
    }
    if (!keep)
        store_tile(c, ldc, acc, NULL, add);
    else
        store_tile(c, ldc, acc, keep, add);
}

static void bf16_gemm_pairs(float *c, size_t ldc, const uint32_t *a, size_t lda, const uint32_t *b,
                            size_t pairs, size_t m, size_t n, const float *keep, const float *add)
{
    for (size_t i = 0; i < m; i += PAIR_ROWS, a += lda, c += PAIR_ROWS * ldc)
        gemm_strip(c, ldc, a, b, pairs, m - i < PAIR_ROWS ? m - i : PAIR_ROWS, n, keep, add);
}

/* 2^x within 9e-5 for x ≤ 0, a fraction of a rounding to BF16, and 1 for 0: x = n + f, n its floor,
 * and a minimax polynomial of 2^f. */
ALWAYS_INLINE vec exp2_near(vec x)
{
    const vec f = _mm512_reduce_ps(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
    vec p = vec_set(0.07706704f);
    p = vec_fma(p, f, vec_set(0.227645f));
    p = vec_fma(p, f, vec_set(0.69511676f));
    p = vec_fma(p, f, vec_set(1.0f));
    return vec_scale2(p, x);
}

/* One of the HALVES of all queries. `masked` is a constant. */
ALWAYS_INLINE void softmax_half(uint32_t *p, const float *s, size_t n, __m512i visible, vec factor,
                                float *max, float *sum, float *keep, const bool masked)
{
    const vec old = vec_load(max);
    vec highest = old, total = vec_zero();
    for (size_t j = 0; j < n; j++) {
        const vec row = vec_load(s + j * PAIR_COLS);
        if (masked)
            highest = _mm512_mask_max_ps(
                highest, _mm512_cmpgt_epi32_mask(visible, _mm512_set1_epi32((int)j)), highest, row);
        else
            highest = vec_max(highest, row);
    }
    const vec top = vec_mul(highest, factor);
    for (size_t j = 0; j < n; j += 2) {
        vec e[2];
#pragma GCC unroll 2
        for (size_t i = 0; i < 2; i++) {
            if (j + i >= n) {
                e[i] = vec_zero();
                break;
            }
            e[i] = exp2_near(_mm512_fmsub_ps(vec_load(s + (j + i) * PAIR_COLS), factor, top));
            if (masked)
                e[i] = _mm512_maskz_mov_ps(
                    _mm512_cmpgt_epi32_mask(visible, _mm512_set1_epi32((int)(j + i))), e[i]);
            total = vec_add(total, e[i]);
        }
        _mm512_storeu_si512(p + j / 2 * PAIR_COLS, interleave(e[0], e[1]));
    }
    const vec kept = exp2_near(vec_mul(vec_sub(old, highest), factor)); /* 1 if nothing changed */
    vec_store(keep, kept);
    vec_store(max, highest);
    vec_store(sum, vec_fma(vec_load(sum), kept, total));
}

static void bf16_softmax_pairs(uint32_t *p, const float *s, size_t n, const uint32_t *visible,
                               float factor, float *max, float *sum, float *keep)
{
    const vec factors = vec_set(factor);
    for (size_t i = 0; i < PAIR_COLS; i += LANES) {
        if (visible)
            softmax_half(p + i, s + i, n, _mm512_loadu_si512(visible + i), factors, max + i,
                         sum + i, keep + i, true);
        else
            softmax_half(p + i, s + i, n, _mm512_setzero_si512(), factors, max + i, sum + i,
                         keep + i, false);
    }
}

static void bf16_divide_lanes(float *out, size_t ldo, const float *acc, const float *sum, size_t n,
                              size_t d)
{
    for (size_t i = 0; i < n; i += LANES) {
        const size_t rows = n - i < LANES ? n - i : LANES;
        const vec factor = vec_div(vec_set(1.0f), vec_load_part(sum + i, rows));
        for (size_t e = 0; e < d; e += LANES) {
            const size_t count = d - e < LANES ? d - e : LANES;
            vec at[LANES];
#pragma GCC unroll 16
            for (size_t j = 0; j < LANES; j++)
                at[j] = j < count ? vec_mul(vec_load(acc + (e + j) * PAIR_COLS + i), factor)
                                  : vec_zero();
            vec_transpose(at);
            for (size_t r = 0; r < rows; r++)
                vec_store_part(out + (i + r) * ldo + e, at[r], count);
        }
    }
}

void kernels_fill_avx512_bf16(struct kernels *kernels)
{
    kernels->bf16 = true;
    kernels->pair_rows[DTYPE_F32] = bf16_pair_rows_f32;
    kernels->pair_rows[DTYPE_F16] = bf16_pair_rows_f16;
    kernels->pair_rows[DTYPE_BF16] = bf16_pair_rows_bf16;
    kernels->pair_columns[DTYPE_F32] = bf16_pair_columns_f32;
    kernels->pair_columns[DTYPE_F16] = bf16_pair_columns_f16;
    kernels->gemm_pairs = bf16_gemm_pairs;
    kernels->softmax_pairs = bf16_softmax_pairs;
    kernels->divide_lanes = bf16_divide_lanes;
}
