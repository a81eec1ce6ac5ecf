/* The integer kernels in AVX2: panels and activations. Compiled with the flags for it.
 *
 * Fine: vpmaddwd multiplies words of 16 bits, which hold activations of 15 bits as they are; the
 * bytes of a panel become words by a mask and a shift, so the words of x lie in that order: even
 * columns of a group, then odd ones. Fast: vpmaddubsw multiplies bytes, and sums pairs in 16 bits,
 * which is exact for weights of up to six bits: 63 · 127 · 4 < 2^15. Weights of eight bits gain
 * nothing by it and are always multiplied finely; nothing is ever requantised. */
#include "kernels/avx2/tiles.h"
#include "kernels/avx2/vec.h"
#include "kernels/variants.h"

/* So many rows of x, by two vectors of weight rows, fit into sixteen registers. */
enum { FINE_ROWS = 4, FAST_ROWS = 3, PAIR = 2 };

struct dot {
    float *c;
    size_t ldc;
    const struct panel *w;
    size_t groups;
    size_t first; /* of the weight rows */
    const struct quantized_rows *x;
    const float *sums;
    size_t block, outputs;
    int accumulate;
};

/* The first of the eight weight rows of vector v. */
ALWAYS_INLINE size_t row_of(const struct dot *job, size_t v)
{
    return job->first + v * LANES;
}

ALWAYS_INLINE void store_row(const struct dot *job, size_t i, size_t v, __m256 total)
{
    const size_t row = row_of(job, v);
    if (row >= job->outputs)
        return;
    float *to = job->c + i * job->ldc + row;
    const __m256 unit = _mm256_set1_ps(job->x->scale[job->block * job->x->ld + i]);
    const size_t left = job->outputs - row;
    const bool part = left < LANES;
    __m256 out = _mm256_mul_ps(total, unit);
    if (job->accumulate)
        out = _mm256_fmadd_ps(total, unit, part ? vec_load_part(to, left) : vec_load(to));
    if (part)
        vec_store_part(to, out, left);
    else
        vec_store(to, out);
}

/* total += scale · dot - min · sum for sub-block s. */
ALWAYS_INLINE __m256 add_sub(const struct dot *job, __m256 total, __m256i dot, size_t s, size_t v,
                             float sum)
{
    const __m256 scale = _mm256_load_ps(job->w->scale[s] + row_of(job, v));
    const __m256 min = _mm256_load_ps(job->w->min[s] + row_of(job, v));
    total = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot), scale, total);
    return _mm256_fnmadd_ps(_mm256_set1_ps(sum), min, total);
}

ALWAYS_INLINE __m256i group_of(const struct dot *job, size_t g, size_t v)
{
    return _mm256_load_si256((const void *)job->w->values[g][row_of(job, v)]);
}

/* The sums of one sub-block, of words. */
ALWAYS_INLINE void fine_groups(const struct dot *job, __m256i acc[FINE_ROWS][PAIR], size_t i0,
                               const size_t rows, size_t first, const size_t groups)
{
    const size_t ld = job->x->ld, at = (job->block * PANEL_GROUPS + first) * ld + i0;
    const int32_t *x_even = job->x->high + at, *x_odd = job->x->low + at;
#pragma GCC unroll 4
    for (size_t i = 0; i < rows; i++)
        acc[i][0] = acc[i][1] = _mm256_setzero_si256();
#pragma GCC unroll 8
    for (size_t g = 0; g < groups; g++) {
        __m256i even[PAIR], odd[PAIR];
#pragma GCC unroll 2
        for (size_t v = 0; v < PAIR; v++) {
            const __m256i w = group_of(job, first + g, v);
            even[v] = _mm256_and_si256(w, _mm256_set1_epi16(255));
            odd[v] = _mm256_srli_epi16(w, 8);
        }
#pragma GCC unroll 4
        for (size_t i = 0; i < rows; i++) {
            const __m256i two = _mm256_set1_epi32(x_even[g * ld + i]);
            const __m256i others = _mm256_set1_epi32(x_odd[g * ld + i]);
#pragma GCC unroll 2
            for (size_t v = 0; v < PAIR; v++) {
                acc[i][v] = dot2(acc[i][v], even[v], two);
                acc[i][v] = dot2(acc[i][v], odd[v], others);
            }
        }
    }
}

/* acc[16] += the sums of two products each of bytes, unsigned by signed. */
ALWAYS_INLINE __m256i add_pairs(__m256i acc, __m256i w, __m256i x)
{
    __m256i pairs;
    __asm__("vpmaddubsw %3, %2, %1\n\tvpaddw %1, %0, %0"
            : "+x"(acc), "=&x"(pairs)
            : "x"(w), "x"(x));
    return acc;
}

/* The sums of one sub-block, of bytes: `depth` groups meet in 16 bits. */
ALWAYS_INLINE void fast_groups(const struct dot *job, __m256i acc[FINE_ROWS][PAIR], size_t i0,
                               const size_t rows, size_t first, const size_t groups)
{
    const size_t ld = job->x->ld, depth = groups / 2;
    const int32_t *x = job->x->high + (job->block * PANEL_GROUPS + first) * ld + i0;
    const __m256i ones = _mm256_set1_epi16(1);
#pragma GCC unroll 2
    for (size_t begin = 0; begin < groups; begin += depth) {
        __m256i words[FINE_ROWS][PAIR];
#pragma GCC unroll 4
        for (size_t g = begin; g < begin + depth; g++) {
            const __m256i w[PAIR] = {group_of(job, first + g, 0), group_of(job, first + g, 1)};
#pragma GCC unroll 4
            for (size_t i = 0; i < rows; i++) {
                const __m256i four = _mm256_set1_epi32(x[g * ld + i]);
#pragma GCC unroll 2
                for (size_t v = 0; v < PAIR; v++) {
                    words[i][v] = g == begin ? _mm256_maddubs_epi16(w[v], four)
                                             : add_pairs(words[i][v], w[v], four);
                }
            }
        }
#pragma GCC unroll 4
        for (size_t i = 0; i < rows; i++)
#pragma GCC unroll 2
            for (size_t v = 0; v < PAIR; v++) {
                const __m256i fours = _mm256_madd_epi16(words[i][v], ones);
                acc[i][v] = begin == 0 ? fours : _mm256_add_epi32(acc[i][v], fours);
            }
    }
}

/* Rows [i0, i0 + rows) of x; rows, sub_groups and fine are constants. */
ALWAYS_INLINE void dot_rows(const struct dot *job, size_t i0, const size_t rows,
                            const size_t sub_groups, const bool fine)
{
    const size_t subs = job->groups / sub_groups, ld = job->x->ld;
    const float *sums = job->sums + job->block * (PANEL_GROUPS / sub_groups) * ld + i0;
    __m256 total[FINE_ROWS][PAIR];
#pragma GCC unroll 4
    for (size_t i = 0; i < rows; i++)
        total[i][0] = total[i][1] = _mm256_setzero_ps();
    for (size_t s = 0; s < subs; s++, sums += ld) {
        __m256i acc[FINE_ROWS][PAIR];
        if (fine)
            fine_groups(job, acc, i0, rows, s * sub_groups, sub_groups);
        else
            fast_groups(job, acc, i0, rows, s * sub_groups, sub_groups);
#pragma GCC unroll 4
        for (size_t i = 0; i < rows; i++)
#pragma GCC unroll 2
            for (size_t v = 0; v < PAIR; v++)
                total[i][v] = add_sub(job, total[i][v], acc[i][v], s, v, sums[i]);
    }
#pragma GCC unroll 4
    for (size_t i = 0; i < rows; i++)
#pragma GCC unroll 2
        for (size_t v = 0; v < PAIR; v++)
            store_row(job, i0 + i, v, total[i][v]);
}

ALWAYS_INLINE void dot_tile(const struct dot *job, size_t n, const size_t sub_groups,
                            const bool fine)
{
    const size_t step = fine ? FINE_ROWS : FAST_ROWS;
    size_t i = 0;
    for (; i + step <= n; i += step)
        dot_rows(job, i, step, sub_groups, fine);
    for (; i + 2 <= n; i += 2)
        dot_rows(job, i, 2, sub_groups, fine);
    if (i < n)
        dot_rows(job, i, 1, sub_groups, fine);
}

static void avx2_dot_panel(float *c, size_t ldc, const struct panel *w, size_t groups,
                           size_t sub_groups, const struct quantized_rows *x, size_t n,
                           size_t block, size_t outputs, int accumulate)
{
    const float *sums = x->sums[sub_groups == 4 ? SUM_16 : SUM_32];
    for (size_t row = 0; row < TILE_ROWS; row += PAIR * LANES) {
        const struct dot job = {c, ldc, w, groups, row, x, sums, block, outputs, accumulate};
        if (sub_groups == 4)
            x->low ? dot_tile(&job, n, 4, true) : dot_tile(&job, n, 4, false);
        else
            x->low ? dot_tile(&job, n, 8, true) : dot_tile(&job, n, 8, false);
    }
}

ALWAYS_INLINE void unpack(struct panel *panel, const void *src, size_t groups,
                          const enum dtype dtype)
{
    const struct shape shape = shape_of(dtype);
    const size_t rounds = is_whole(dtype) ? shape.rounds : groups / shape.groups;
    scales_of(dtype, src, rounds, (struct scale_columns){panel->scale, panel->min});
    for (size_t round = 0; round < rounds; round++) {
        const uint8_t *from = tile_of(dtype, src, round);
#pragma GCC unroll 8
        for (size_t part = 0; part < shape.parts; part++)
#pragma GCC unroll 8
            for (size_t g = 0; g < shape.groups; g++) {
                const size_t group = (round * shape.parts + part) * shape.groups + g;
#pragma GCC unroll 4
                for (size_t v = 0; v < VECTORS; v++)
                    _mm256_store_si256((void *)panel->values[group][v * VECTOR_ROWS],
                                       values_of(dtype, from, round, part, g, v));
            }
    }
}

static void unpack_q8_0(struct panel *panel, const void *src, size_t groups)
{
    unpack(panel, src, groups, DTYPE_Q8_0);
}

static void unpack_q4_0(struct panel *panel, const void *src, size_t groups)
{
    unpack(panel, src, groups, DTYPE_Q4_0);
}

static void unpack_q4_1(struct panel *panel, const void *src, size_t groups)
{
    unpack(panel, src, groups, DTYPE_Q4_1);
}

static void unpack_q5_0(struct panel *panel, const void *src, size_t groups)
{
    unpack(panel, src, groups, DTYPE_Q5_0);
}

static void unpack_q5_1(struct panel *panel, const void *src, size_t groups)
{
    unpack(panel, src, groups, DTYPE_Q5_1);
}

static void unpack_q4_k(struct panel *panel, const void *src, size_t groups)
{
    unpack(panel, src, groups, DTYPE_Q4_K);
}

static void unpack_q5_k(struct panel *panel, const void *src, size_t groups)
{
    unpack(panel, src, groups, DTYPE_Q5_K);
}

static void unpack_q6_k(struct panel *panel, const void *src, size_t groups)
{
    unpack(panel, src, groups, DTYPE_Q6_K);
}

static void unpack_iq4_nl(struct panel *panel, const void *src, size_t groups)
{
    unpack(panel, src, groups, DTYPE_IQ4_NL);
}

static void unpack_iq4_xs(struct panel *panel, const void *src, size_t groups)
{
    unpack(panel, src, groups, DTYPE_IQ4_XS);
}

ALWAYS_INLINE int sum_of(__m256i a)
{
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1)));
}

/* Eight floats of x from column c on; those past n are zero. */
ALWAYS_INLINE __m256 eight_of(const float *x, size_t c, size_t n)
{
    return c + LANES <= n ? vec_load(x + c) : c < n ? vec_load_part(x + c, n - c) : vec_zero();
}

ALWAYS_INLINE float magnitude(const float *x, size_t n)
{
    __m256 most = vec_zero();
    for (size_t c = 0; c < n; c += LANES)
        most = vec_max(most, vec_abs(eight_of(x, c, n)));
    return vec_highest(most);
}

/* Two groups of q, at group `at` of the row: bytes, or words of even and of odd columns. */
ALWAYS_INLINE void put_groups(struct quantized_rows *out, size_t at, size_t ld, __m256i q)
{
    int32_t to[LANES];
    if (!out->low) {
        const __m256i words = _mm256_packs_epi32(q, q), bytes = _mm256_packs_epi16(words, words);
        _mm256_storeu_si256((void *)to, bytes);
        out->high[at] = to[0];
        out->high[at + ld] = to[4];
        return;
    }
    const __m256i next = _mm256_slli_epi32(_mm256_srli_si256(q, 8), 16);
    _mm256_storeu_si256((void *)to, _mm256_blend_epi16(q, next, 0xaa));
    out->high[at] = to[0];
    out->low[at] = to[1];
    out->high[at + ld] = to[4];
    out->low[at + ld] = to[5];
}

static void quantize_block(struct quantized_rows *out, size_t i, const float *x, size_t block,
                           size_t n)
{
    const float levels = out->low ? 127 * 128 : 127, most = magnitude(x, n);
    const size_t ld = out->ld;
    const __m256 inverse = vec_set(most > 0 ? levels / most : 0);
    out->scale[block * ld + i] = most / levels;
    int sums[PANEL_COLS / 16] = {0}, total = 0;
    for (size_t c = 0; c < PANEL_COLS; c += LANES) {
        const __m256i q = _mm256_cvtps_epi32(_mm256_mul_ps(eight_of(x, c, n), inverse));
        sums[c / 16] += sum_of(q);
        put_groups(out, (block * PANEL_GROUPS + c / GROUP_COLS) * ld + i, ld, q);
    }
    for (size_t s = 0; s < PANEL_COLS / 16; s++) {
        const size_t at = block * (PANEL_COLS / 16) + s;
        out->sums[SUM_16][at * ld + i] = (float)sums[s];
        if (s % 2)
            out->sums[SUM_32][at / 2 * ld + i] = (float)(sums[s - 1] + sums[s]);
        total += sums[s];
    }
    out->sums[SUM_256][block * ld + i] = (float)total;
}

static void avx2_quantize_rows(struct quantized_rows *out, const float *x, size_t ldx, size_t n,
                               size_t cols)
{
    for (size_t i = 0; i < out->ld; i++) {
        const float *from = i < n ? x + i * ldx : x;
        for (size_t b = 0; b * PANEL_COLS < cols; b++) {
            const size_t left = cols - b * PANEL_COLS;
            const size_t count = i >= n ? 0 : left < PANEL_COLS ? left : PANEL_COLS;
            quantize_block(out, i, from + b * PANEL_COLS, b, count);
        }
    }
}

void kernels_fill_avx2_unpack(struct kernels *kernels)
{
    kernels->unpack[DTYPE_Q8_0] = unpack_q8_0;
    kernels->unpack[DTYPE_Q4_0] = unpack_q4_0;
    kernels->unpack[DTYPE_Q4_1] = unpack_q4_1;
    kernels->unpack[DTYPE_Q5_0] = unpack_q5_0;
    kernels->unpack[DTYPE_Q5_1] = unpack_q5_1;
    kernels->unpack[DTYPE_Q4_K] = unpack_q4_k;
    kernels->unpack[DTYPE_Q5_K] = unpack_q5_k;
    kernels->unpack[DTYPE_Q6_K] = unpack_q6_k;
    kernels->unpack[DTYPE_IQ4_NL] = unpack_iq4_nl;
    kernels->unpack[DTYPE_IQ4_XS] = unpack_iq4_xs;
}

void kernels_fill_avx2_integer(struct kernels *kernels)
{
    kernels->integer = true;
    kernels->words = true;
    kernels->fine_only[DTYPE_Q8_0] = true;
    kernels->fine_only[DTYPE_IQ4_NL] = kernels->fine_only[DTYPE_IQ4_XS] = true;
    kernels->requantize = NULL;
    kernels->quantize_rows = avx2_quantize_rows;
    kernels->dot_panel = avx2_dot_panel;
}
