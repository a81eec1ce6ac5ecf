/* The integer kernels in AVX-512 with VNNI. Compiled with the flags for these. */
#include "kernels/avx512/tiles.h"
#include "kernels/kernels.h"
#include "kernels/variants.h"

/* Adds one plane of `groups` groups to the accumulators of `rows` × two tiles. */
ALWAYS_INLINE void dot_groups(__m512i acc[ROWS_MAX][HALVES], const uint8_t *w, const int32_t *x,
                              size_t ld, size_t groups, const size_t rows)
{
#pragma GCC unroll 8
    for (size_t g = 0; g < groups; g++) {
        const __m512i first = _mm512_load_si512(w + g * HALVES * HALF_BYTES);
        const __m512i second = _mm512_load_si512(w + (g * HALVES + 1) * HALF_BYTES);
#pragma GCC unroll 12
        for (size_t i = 0; i < rows; i++) {
            const __m512i four = _mm512_set1_epi32(x[g * ld + i]);
            acc[i][0] = dot4(acc[i][0], first, four);
            acc[i][1] = dot4(acc[i][1], second, four);
        }
    }
}

/* The same for both planes at once, when there are registers for it: each weight is loaded once. */
ALWAYS_INLINE void dot_groups_both(__m512i high[ROWS_MAX][HALVES], __m512i low[ROWS_MAX][HALVES],
                                   const uint8_t *w, const int32_t *x_high, const int32_t *x_low,
                                   size_t ld, size_t groups, const size_t rows)
{
#pragma GCC unroll 8
    for (size_t g = 0; g < groups; g++) {
        const __m512i first = _mm512_load_si512(w + g * HALVES * HALF_BYTES);
        const __m512i second = _mm512_load_si512(w + (g * HALVES + 1) * HALF_BYTES);
#pragma GCC unroll 12
        for (size_t i = 0; i < rows; i++) {
            const __m512i four = _mm512_set1_epi32(x_high[g * ld + i]);
            high[i][0] = dot4(high[i][0], first, four);
            high[i][1] = dot4(high[i][1], second, four);
            const __m512i four_low = _mm512_set1_epi32(x_low[g * ld + i]);
            low[i][0] = dot4(low[i][0], first, four_low);
            low[i][1] = dot4(low[i][1], second, four_low);
        }
    }
}

enum { BOTH_ROWS_MAX = 3 };

struct dot {
    float *c;
    size_t ldc;
    const struct panel *w;
    size_t groups, sub_groups;
    const struct quantized_rows *x;
    const float *sums;
    size_t block, outputs;
    int accumulate;
};

ALWAYS_INLINE void store_row(const struct dot *job, size_t i, __m512 first, __m512 second)
{
    float *to = job->c + i * job->ldc;
    const size_t n = job->outputs;
    const __mmask16 low = n >= LANES ? 0xFFFF : (__mmask16)((1u << n) - 1);
    const __mmask16 high = n >= 2 * LANES ? 0xFFFF
                           : n <= LANES   ? 0
                                          : (__mmask16)((1u << (n - LANES)) - 1);
    const __m512 unit = _mm512_set1_ps(job->x->scale[job->block * job->x->ld + i]);
    if (job->accumulate) {
        first = _mm512_fmadd_ps(first, unit, _mm512_maskz_loadu_ps(low, to));
        second = _mm512_fmadd_ps(second, unit, _mm512_maskz_loadu_ps(high, to + LANES));
    } else {
        first = _mm512_mul_ps(first, unit);
        second = _mm512_mul_ps(second, unit);
    }
    _mm512_mask_storeu_ps(to, low, first);
    _mm512_mask_storeu_ps(to + LANES, high, second);
}

/* Rows [i, i + rows) with several sub-blocks; rows ≤ 6 and planes are constants. */
ALWAYS_INLINE void dot_rows(const struct dot *job, size_t i0, const size_t rows,
                            const size_t sub_groups, const int planes)
{
    const struct quantized_rows *x = job->x;
    const size_t ld = x->ld, subs = job->groups / sub_groups;
    __m512 total[ROWS_MAX][HALVES];
#pragma GCC unroll 12
    for (size_t i = 0; i < rows; i++)
        total[i][0] = total[i][1] = _mm512_setzero_ps();
    for (size_t s = 0; s < subs; s++) {
        const size_t group = job->block * PANEL_GROUPS + s * sub_groups;
        const uint8_t *w = &job->w->values[s * sub_groups][0][0];
        __m512i acc[ROWS_MAX][HALVES];
#pragma GCC unroll 12
        for (size_t i = 0; i < rows; i++)
            acc[i][0] = acc[i][1] = _mm512_setzero_si512();
        if (planes == 2 && rows <= BOTH_ROWS_MAX) {
            __m512i low[ROWS_MAX][HALVES];
#pragma GCC unroll 12
            for (size_t i = 0; i < rows; i++)
                low[i][0] = low[i][1] = _mm512_setzero_si512();
            dot_groups_both(acc, low, w, x->high + group * ld + i0, x->low + group * ld + i0, ld,
                            sub_groups, rows);
#pragma GCC unroll 12
            for (size_t i = 0; i < rows; i++) {
                acc[i][0] = _mm512_add_epi32(_mm512_slli_epi32(acc[i][0], 7), low[i][0]);
                acc[i][1] = _mm512_add_epi32(_mm512_slli_epi32(acc[i][1], 7), low[i][1]);
            }
        } else {
            dot_groups(acc, w, x->high + group * ld + i0, ld, sub_groups, rows);
        }
        if (planes == 2 && rows > BOTH_ROWS_MAX) {
#pragma GCC unroll 12
            for (size_t i = 0; i < rows; i++) {
                acc[i][0] = _mm512_slli_epi32(acc[i][0], 7);
                acc[i][1] = _mm512_slli_epi32(acc[i][1], 7);
            }
            dot_groups(acc, w, x->low + group * ld + i0, ld, sub_groups, rows);
        }
        const float *sums = job->sums + group / sub_groups * ld + i0;
        const __m512 scale0 = _mm512_load_ps(job->w->scale[s]);
        const __m512 scale1 = _mm512_load_ps(job->w->scale[s] + LANES);
        const __m512 min0 = _mm512_load_ps(job->w->min[s]);
        const __m512 min1 = _mm512_load_ps(job->w->min[s] + LANES);
#pragma GCC unroll 12
        for (size_t i = 0; i < rows; i++) {
            const __m512 sum = _mm512_set1_ps(sums[i]);
            total[i][0] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(acc[i][0]), scale0, total[i][0]);
            total[i][1] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(acc[i][1]), scale1, total[i][1]);
            total[i][0] = _mm512_fnmadd_ps(sum, min0, total[i][0]);
            total[i][1] = _mm512_fnmadd_ps(sum, min1, total[i][1]);
        }
    }
#pragma GCC unroll 12
    for (size_t i = 0; i < rows; i++)
        store_row(job, i0 + i, total[i][0], total[i][1]);
}

/* Rows [i, i + rows) with one sub-block and one plane: all registers are accumulators. */
ALWAYS_INLINE void dot_whole(const struct dot *job, size_t i0, const size_t rows)
{
    const struct quantized_rows *x = job->x;
    const size_t ld = x->ld;
    __m512i acc[ROWS_MAX][HALVES];
#pragma GCC unroll 12
    for (size_t i = 0; i < rows; i++)
        acc[i][0] = acc[i][1] = _mm512_setzero_si512();
    dot_groups(acc, &job->w->values[0][0][0], x->high + job->block * PANEL_GROUPS * ld + i0, ld,
               job->groups, rows);
    const float *sums = job->sums + job->block * ld + i0;
#pragma GCC unroll 12
    for (size_t i = 0; i < rows; i++) {
        const __m512 sum = _mm512_set1_ps(sums[i]);
        const __m512 first =
            _mm512_mul_ps(_mm512_cvtepi32_ps(acc[i][0]), _mm512_load_ps(job->w->scale[0]));
        const __m512 second =
            _mm512_mul_ps(_mm512_cvtepi32_ps(acc[i][1]), _mm512_load_ps(job->w->scale[0] + LANES));
        store_row(job, i0 + i, _mm512_fnmadd_ps(sum, _mm512_load_ps(job->w->min[0]), first),
                  _mm512_fnmadd_ps(sum, _mm512_load_ps(job->w->min[0] + LANES), second));
    }
}

/* Six rows at a time keep half of the registers free, which GCC needs to keep accumulators in the
 * others; three rows are best where sub-blocks are short. */
static void dot_all_whole(const struct dot *job, size_t n)
{
    size_t i = 0;
    for (; i + 6 <= n; i += 6)
        dot_whole(job, i, 6);
    for (; i + 2 <= n; i += 2)
        dot_whole(job, i, 2);
    for (; i < n; i++)
        dot_whole(job, i, 1);
}

ALWAYS_INLINE void dot_all(const struct dot *job, size_t n, const size_t sub_groups,
                           const int planes)
{
    size_t i = 0;
    for (; i + 3 <= n && n - i != 4; i += 3)
        dot_rows(job, i, 3, sub_groups, planes);
    for (; i + 2 <= n; i += 2)
        dot_rows(job, i, 2, sub_groups, planes);
    for (; i < n; i++)
        dot_rows(job, i, 1, sub_groups, planes);
}

static void vnni_dot_panel(float *c, size_t ldc, const struct panel *w, size_t groups,
                           size_t sub_groups, const struct quantized_rows *x, size_t n,
                           size_t block, size_t outputs, int accumulate)
{
    struct dot job = {c, ldc, w, groups, sub_groups, x, NULL, block, outputs, accumulate};
    if (sub_groups == 4) {
        job.sums = x->sums[SUM_16];
        x->low ? dot_all(&job, n, 4, 2) : dot_all(&job, n, 4, 1);
    } else if (sub_groups == 8) {
        job.sums = x->sums[SUM_32];
        x->low ? dot_all(&job, n, 8, 2) : dot_all(&job, n, 8, 1);
    } else {
        job.sums = x->sums[SUM_256];
        dot_all_whole(&job, n);
    }
}

ALWAYS_INLINE void put(struct panel *panel, size_t half, size_t group, __m512i values)
{
    _mm512_store_si512(panel->values[group][half * LANES], values);
}

ALWAYS_INLINE void put_scale(struct panel *panel, size_t half, size_t sub, __m512 scale, __m512 min)
{
    _mm512_store_ps(panel->scale[sub] + half * LANES, scale);
    _mm512_store_ps(panel->min[sub] + half * LANES, min);
}

/* Half a group: four columns of sixteen rows. */
ALWAYS_INLINE __m512i load_half(const uint8_t *groups, size_t group, size_t half)
{
    return _mm512_load_si512(groups + (group * HALVES + half) * HALF_BYTES);
}

static void vnni_unpack_q8_0(struct panel *panel, const void *src, size_t groups)
{
    const uint8_t *from = src;
    const __m512i flip = _mm512_set1_epi8((char)0x80);
    for (size_t s = 0; s < groups / 8; s++, from += 34 * TILE_ROWS) {
        for (size_t half = 0; half < HALVES; half++) {
            const __m512 d = halves(from + half * 2 * LANES);
            put_scale(panel, half, s, d, _mm512_mul_ps(d, _mm512_set1_ps(128)));
            for (size_t g = 0; g < 8; g++)
                put(panel, half, s * 8 + g,
                    _mm512_xor_si512(load_half(from + 2 * TILE_ROWS, g, half), flip));
        }
    }
}

static void vnni_unpack_q4_0(struct panel *panel, const void *src, size_t groups)
{
    const uint8_t *from = src;
    for (size_t s = 0; s < groups / 8; s++, from += 18 * TILE_ROWS) {
        for (size_t half = 0; half < HALVES; half++) {
            const __m512 d = halves(from + half * 2 * LANES);
            put_scale(panel, half, s, d, _mm512_mul_ps(d, _mm512_set1_ps(8)));
            for (size_t g = 0; g < 4; g++) {
                const __m512i q = load_half(from + 2 * TILE_ROWS, g, half);
                put(panel, half, s * 8 + g, low_nibbles(q));
                put(panel, half, s * 8 + 4 + g, high_nibbles(q));
            }
        }
    }
}

static void vnni_unpack_q4_k(struct panel *panel, const void *src, size_t groups)
{
    (void)groups;
    const uint8_t *q = (const uint8_t *)src + 16 * TILE_ROWS;
    k_scales(src, panel->scale, panel->min);
    for (size_t t = 0; t < 4; t++) {
        for (size_t g = 0; g < 8; g++) {
#pragma GCC unroll 2
            for (size_t half = 0; half < HALVES; half++) {
                const __m512i both = load_half(q, t * 8 + g, half);
                put(panel, half, t * 16 + g, low_nibbles(both));
                put(panel, half, t * 16 + 8 + g, high_nibbles(both));
            }
        }
    }
}

static void vnni_unpack_q5_k(struct panel *panel, const void *src, size_t groups)
{
    (void)groups;
    const uint8_t *high = (const uint8_t *)src + 16 * TILE_ROWS, *q = high + 32 * TILE_ROWS;
    const __m512i fifth = _mm512_set1_epi8(16);
    k_scales(src, panel->scale, panel->min);
    for (size_t t = 0; t < 4; t++) {
        const __m512i even = _mm512_set1_epi8((char)(1 << (2 * t)));
        const __m512i odd = _mm512_set1_epi8((char)(2 << (2 * t)));
        for (size_t i = 0; i < 8 * HALVES; i++) {
            const size_t g = i / HALVES, half = i % HALVES;
            const __m512i both = load_half(q, t * 8 + g, half), bits = load_half(high, g, half);
            const __m512i low = low_nibbles(both), top = high_nibbles(both);
            put(panel, half, t * 16 + g,
                _mm512_mask_add_epi8(low, _mm512_test_epi8_mask(bits, even), low, fifth));
            put(panel, half, t * 16 + 8 + g,
                _mm512_mask_add_epi8(top, _mm512_test_epi8_mask(bits, odd), top, fifth));
        }
    }
}

static void vnni_unpack_q6_k(struct panel *panel, const void *src, size_t groups)
{
    (void)groups;
    const uint8_t *q = (const uint8_t *)src + 18 * TILE_ROWS;
    q6_scales(src, panel->scale);
    for (size_t j = 0; j < 16; j++)
        for (size_t half = 0; half < HALVES; half++)
            put_scale(
                panel, half, j, _mm512_load_ps(panel->scale[j] + half * LANES),
                _mm512_mul_ps(_mm512_load_ps(panel->scale[j] + half * LANES), _mm512_set1_ps(32)));
    const __m512i top = _mm512_set1_epi8(48);
    for (size_t i = 0; i < 2 * 8 * HALVES; i++) {
        const size_t h = i / (8 * HALVES), g = i / HALVES % 8, half = i % HALVES;
        const __m512i a = load_half(q, (h * 8 + g) * 3, half),
                      b = load_half(q, (h * 8 + g) * 3 + 1, half);
        const __m512i bits = load_half(q, (h * 8 + g) * 3 + 2, half);
        const size_t group = h * 32 + g;
        put(panel, half, group,
            _mm512_or_si512(low_nibbles(a), _mm512_and_si512(_mm512_slli_epi16(bits, 4), top)));
        put(panel, half, group + 8,
            _mm512_or_si512(low_nibbles(b), _mm512_and_si512(_mm512_slli_epi16(bits, 2), top)));
        put(panel, half, group + 16, _mm512_or_si512(high_nibbles(a), _mm512_and_si512(bits, top)));
        put(panel, half, group + 24,
            _mm512_or_si512(high_nibbles(b), _mm512_and_si512(_mm512_srli_epi16(bits, 2), top)));
    }
}

/* Four columns of sixteen rows, as floats: the weights of column k. */
ALWAYS_INLINE __m512 column(__m512i values, const int k, __m512 scale, __m512 min)
{
    const __m512i byte =
        _mm512_and_si512(_mm512_srli_epi32(values, 8 * (unsigned)k), _mm512_set1_epi32(255));
    return _mm512_fmsub_ps(_mm512_cvtepi32_ps(byte), scale, min);
}

/* The largest and smallest byte of each row and sub-block bound its weights. */
ALWAYS_INLINE __m512 largest(const struct panel *panel, size_t half, size_t groups,
                             size_t sub_groups)
{
    __m512 most = _mm512_setzero_ps();
    const __m512i byte = _mm512_set1_epi32(255);
    for (size_t s = 0; s * sub_groups < groups; s++) {
        __m512i high = _mm512_setzero_si512(), low = _mm512_set1_epi8((char)255);
        for (size_t g = s * sub_groups; g < (s + 1) * sub_groups; g++) {
            const __m512i v = _mm512_load_si512(panel->values[g][half * LANES]);
            high = _mm512_max_epu8(high, v);
            low = _mm512_min_epu8(low, v);
        }
        high = _mm512_max_epu8(high, _mm512_srli_epi32(high, 16));
        high = _mm512_and_si512(_mm512_max_epu8(high, _mm512_srli_epi32(high, 8)), byte);
        low = _mm512_min_epu8(
            low, _mm512_or_si512(_mm512_srli_epi32(low, 16), _mm512_set1_epi32((int)0xFFFF0000)));
        low = _mm512_min_epu8(
            low, _mm512_or_si512(_mm512_srli_epi32(low, 8), _mm512_set1_epi32((int)0xFFFFFF00)));
        low = _mm512_and_si512(low, byte);
        const __m512 scale = _mm512_load_ps(panel->scale[s] + half * LANES);
        const __m512 min = _mm512_load_ps(panel->min[s] + half * LANES);
        most = _mm512_max_ps(most,
                             _mm512_abs_ps(_mm512_fmsub_ps(_mm512_cvtepi32_ps(high), scale, min)));
        most = _mm512_max_ps(most,
                             _mm512_abs_ps(_mm512_fmsub_ps(_mm512_cvtepi32_ps(low), scale, min)));
    }
    return most;
}

static void requantize_half(struct panel *panel, size_t half, size_t groups, size_t sub_groups)
{
    const __m512 most = largest(panel, half, groups, sub_groups);
    const __m512 unit = _mm512_mul_ps(most, _mm512_set1_ps(1.0f / 127));
    const __mmask16 any = _mm512_cmp_ps_mask(most, _mm512_setzero_ps(), _CMP_GT_OQ);
    const __m512 inverse = _mm512_maskz_div_ps(any, _mm512_set1_ps(127), most);
    const __m512i offset = _mm512_set1_epi32(128);
    for (size_t s = 0; s * sub_groups < groups; s++) {
        const __m512 scale = _mm512_mul_ps(_mm512_load_ps(panel->scale[s] + half * LANES), inverse);
        const __m512 min = _mm512_mul_ps(_mm512_load_ps(panel->min[s] + half * LANES), inverse);
        for (size_t g = s * sub_groups; g < (s + 1) * sub_groups; g++) {
            const __m512i v = _mm512_load_si512(panel->values[g][half * LANES]);
            __m512i packed = _mm512_setzero_si512();
#pragma GCC unroll 4
            for (int k = 0; k < 4; k++) {
                const __m512i q = _mm512_cvtps_epi32(column(v, k, scale, min));
                packed = _mm512_or_si512(
                    packed, _mm512_slli_epi32(_mm512_add_epi32(q, offset), 8 * (unsigned)k));
            }
            put(panel, half, g, packed);
        }
    }
    put_scale(panel, half, 0, unit, _mm512_mul_ps(unit, _mm512_set1_ps(128)));
}

static void vnni_requantize(struct panel *panel, size_t groups, size_t sub_groups)
{
    for (size_t half = 0; half < HALVES; half++)
        requantize_half(panel, half, groups, sub_groups);
}

/* The largest magnitude of up to 256 floats. */
ALWAYS_INLINE float magnitude(const float *x, size_t n)
{
    __m512 most = _mm512_setzero_ps();
    for (size_t c = 0; c < n; c += LANES) {
        const __mmask16 mask = n - c >= LANES ? 0xFFFF : (__mmask16)((1u << (n - c)) - 1);
        most = _mm512_max_ps(most, _mm512_abs_ps(_mm512_maskz_loadu_ps(mask, x + c)));
    }
    return _mm512_reduce_max_ps(most);
}

ALWAYS_INLINE void quantize_block(struct quantized_rows *out, size_t i, const float *x,
                                  size_t block, size_t n, const int planes)
{
    const float levels = planes == 2 ? 127 * 128 : 127, most = magnitude(x, n);
    const size_t ld = out->ld;
    const __m512 inverse = _mm512_set1_ps(most > 0 ? levels / most : 0);
    int32_t *high_to = out->high + block * PANEL_GROUPS * ld + i;
    int32_t *low_to = planes == 2 ? out->low + block * PANEL_GROUPS * ld + i : NULL;
    int total = 0, pair = 0;
    out->scale[block * ld + i] = most / levels;
    for (size_t c = 0; c < PANEL_COLS; c += LANES) {
        const __mmask16 mask = c >= n           ? 0
                               : n - c >= LANES ? 0xFFFF
                                                : (__mmask16)((1u << (n - c)) - 1);
        const __m512i q =
            _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_maskz_loadu_ps(mask, x + c), inverse));
        const int sum = _mm512_reduce_add_epi32(q);
        const size_t s = (block * PANEL_COLS + c) / 16;
        out->sums[SUM_16][s * ld + i] = (float)sum;
        total += sum;
        if (c / LANES % 2) {
            out->sums[SUM_32][s / 2 * ld + i] = (float)(pair + sum);
        }
        pair = sum;
        __m512i high = q;
        if (planes == 2)
            high = _mm512_srai_epi32(_mm512_add_epi32(q, _mm512_set1_epi32(64)), 7);
        int32_t words[4];
        _mm_storeu_si128((void *)words, _mm512_cvtepi32_epi8(high));
        for (size_t g = 0; g < 4; g++)
            high_to[(c / 4 + g) * ld] = words[g];
        if (planes == 2) {
            const __m512i low = _mm512_sub_epi32(q, _mm512_slli_epi32(high, 7));
            _mm_storeu_si128((void *)words, _mm512_cvtepi32_epi8(low));
            for (size_t g = 0; g < 4; g++)
                low_to[(c / 4 + g) * ld] = words[g];
        }
    }
    out->sums[SUM_256][block * ld + i] = (float)total;
}

static void vnni_quantize_rows(struct quantized_rows *out, const float *x, size_t ldx, size_t n,
                               size_t cols)
{
    for (size_t i = 0; i < out->ld; i++) {
        for (size_t b = 0; b * PANEL_COLS < cols; b++) {
            const size_t left = cols - b * PANEL_COLS;
            const size_t count = i >= n ? 0 : left < PANEL_COLS ? left : PANEL_COLS;
            const float *from = i < n ? x + i * ldx + b * PANEL_COLS : x;
            if (out->low)
                quantize_block(out, i, from, b, count, 2);
            else
                quantize_block(out, i, from, b, count, 1);
        }
    }
}

void kernels_fill_avx512_vnni(struct kernels *kernels)
{
    kernels->integer = true;
    kernels->unpack[DTYPE_Q8_0] = vnni_unpack_q8_0;
    kernels->unpack[DTYPE_Q4_0] = vnni_unpack_q4_0;
    kernels->unpack[DTYPE_Q4_K] = vnni_unpack_q4_k;
    kernels->unpack[DTYPE_Q5_K] = vnni_unpack_q5_k;
    kernels->unpack[DTYPE_Q6_K] = vnni_unpack_q6_k;
    kernels->requantize = vnni_requantize;
    kernels->quantize_rows = vnni_quantize_rows;
    kernels->dot_panel = vnni_dot_panel;
}
