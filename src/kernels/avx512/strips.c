/* Fine products straight from the tiles, in AVX-512 with VNNI: values are taken out of a tile in
 * registers, on ports that vpdpbusd leaves free, and never go through a panel. Tiles are read from
 * the beginning to the end: docs/internals/quantised.md. Compiled with the flags for VNNI. */
#include "kernels/avx512/tiles.h"
#include "kernels/kernels.h"
#include "kernels/variants.h"

/* Rows of x at a time: two planes by two halves of a tile are four accumulators of each. */
enum { ROWS_AT_ONCE = 4 };

/* How a tile of 256 columns falls into sub-blocks: `rounds` of a loop, in each of which `parts`
 * sub-blocks lie in known bits of the same bytes. */
struct shape {
    size_t rounds, parts, groups; /* groups of four columns of one sub-block */
    size_t row_bytes;             /* of one row in a tile of 256 columns */
    size_t stage_rows; /* from so many rows of x on, values are taken out once; 0: never */
    int zero; /* the value that means 0 in every sub-block; 0: each has a minimum of its own */
};

ALWAYS_INLINE struct shape shape_of(const enum dtype dtype)
{
    switch (dtype) {
    case DTYPE_Q8_0: return (struct shape){8, 1, 8, 272, 0, 128};
    case DTYPE_Q4_0: return (struct shape){8, 1, 8, 144, 0, 8};
    case DTYPE_Q6_K: return (struct shape){2, 8, 4, 210, 3, 32};
    case DTYPE_Q5_K: return (struct shape){4, 2, 8, 176, 0, 0};
    default: return (struct shape){4, 2, 8, 144, 0, 0};
    }
}

/* Group g of part `part` of round `round`: four columns of sixteen rows. */
ALWAYS_INLINE __m512i values_of(const enum dtype dtype, const uint8_t *tile, size_t round,
                                const size_t part, const size_t g, const size_t half)
{
    const size_t group_bytes = HALVES * HALF_BYTES;
    tile += half * HALF_BYTES;
    if (dtype == DTYPE_Q8_0) {
        const uint8_t *q = tile + (round * 34 + 2) * TILE_ROWS + g * group_bytes;
        return _mm512_xor_si512(_mm512_load_si512(q), _mm512_set1_epi8((char)0x80));
    }
    if (dtype == DTYPE_Q4_0) {
        const uint8_t *q = tile + (round * 18 + 2) * TILE_ROWS + g % 4 * group_bytes;
        const __m512i both = _mm512_load_si512(q);
        return g < 4 ? low_nibbles(both) : high_nibbles(both);
    }
    if (dtype == DTYPE_Q6_K) {
        const size_t group = part % 2 * 4 + g, place = part / 2;
        const uint8_t *q = tile + 18 * TILE_ROWS + (round * 8 + group) * 3 * group_bytes;
        const __m512i four = _mm512_load_si512(q + place % 2 * group_bytes);
        const __m512i two = _mm512_load_si512(q + 2 * group_bytes);
        const __m512i shifted = place == 0   ? _mm512_slli_epi16(two, 4)
                                : place == 1 ? _mm512_slli_epi16(two, 2)
                                : place == 2 ? two
                                             : _mm512_srli_epi16(two, 2);
        return _mm512_or_si512(place < 2 ? low_nibbles(four) : high_nibbles(four),
                               _mm512_and_si512(shifted, _mm512_set1_epi8(48)));
    }
    const uint8_t *fifth = tile + 16 * TILE_ROWS;
    const uint8_t *q = dtype == DTYPE_Q5_K ? fifth + 32 * TILE_ROWS : fifth;
    const __m512i both = _mm512_load_si512(q + (round * 8 + g) * group_bytes);
    const __m512i four = part == 0 ? low_nibbles(both) : high_nibbles(both);
    if (dtype != DTYPE_Q5_K)
        return four;
    const __m512i bit = _mm512_set1_epi8((char)(1 << (2 * round + part)));
    const __mmask64 set = _mm512_test_epi8_mask(_mm512_load_si512(fifth + g * group_bytes), bit);
    return _mm512_mask_add_epi8(four, set, four, _mm512_set1_epi8(16));
}

/* Scale and minimum of every sub-block of one block, where they are not plain halves. */
struct scales {
    float scale[PANEL_SUBS_MAX][TILE_ROWS], min[PANEL_SUBS_MAX][TILE_ROWS];
} __attribute__((aligned(64)));

/* The tile of one block of columns. */
struct block {
    const uint8_t *tile;
    size_t rounds, first_group; /* of x */
    const struct quantized_rows *x;
    size_t rows;       /* of x that are multiplied */
    const float *sums; /* of the first sub-block, row 0 */
    struct scales scales;
    /* Where values have a common zero: -zero · sums, with which the sums begin. */
    int32_t begin[PANEL_SUBS_MAX * ROWS_MAX] __attribute__((aligned(64)));
    uint8_t staged[PANEL_GROUPS][HALVES][HALF_BYTES] __attribute__((aligned(64)));
};

ALWAYS_INLINE void begin_of(const enum dtype dtype, struct block *b)
{
    const struct shape shape = shape_of(dtype);
    const size_t count = b->rounds * shape.parts * b->x->ld;
    const __m512 factor = _mm512_set1_ps((float)-shape.zero);
    for (size_t i = 0; i < count; i += LANES) {
        const __mmask16 mask = count - i >= LANES ? 0xFFFF : (__mmask16)((1u << (count - i)) - 1);
        const __m512 sums = _mm512_maskz_loadu_ps(mask, b->sums + i);
        _mm512_store_si512(b->begin + i, _mm512_cvtps_epi32(_mm512_mul_ps(sums, factor)));
    }
}

/* The values of a whole block of Q6_K, for many rows of x. */
ALWAYS_INLINE void stage(struct block *b)
{
    for (size_t quarter = 0; quarter < 4; quarter++)
#pragma GCC unroll 4
        for (size_t g = 0; g < 4; g++)
#pragma GCC unroll 2
            for (size_t t = 0; t < HALVES; t++)
#pragma GCC unroll 4
                for (size_t place = 0; place < 4; place++) {
                    const uint8_t *tile = b->tile + quarter % 2 * 12 * HALVES * HALF_BYTES;
                    const size_t sub = quarter / 2 * 8 + place * 2 + quarter % 2;
                    _mm512_store_si512(b->staged[sub * 4 + g][t],
                                       values_of(DTYPE_Q6_K, tile, quarter / 2, 2 * place, g, t));
                }
}

/* The scales of sixteen rows. */
ALWAYS_INLINE __m512 scale_of(const enum dtype dtype, const struct block *b, size_t sub,
                              size_t half)
{
    if (dtype == DTYPE_Q8_0 || dtype == DTYPE_Q4_0) {
        const size_t bytes = dtype == DTYPE_Q8_0 ? 34 : 18;
        return halves(b->tile + sub * bytes * TILE_ROWS + half * 2 * LANES);
    }
    return _mm512_load_ps(b->scales.scale[sub] + half * LANES);
}

/* Asks for what lies two blocks ahead of a sub-block, in the order of the memory. What few rows of
 * x read the processor fetches ahead by itself, and better; many rows take too long for it. */
ALWAYS_INLINE void fetch_ahead(const enum dtype dtype, const struct block *b, size_t sub)
{
    const struct shape shape = shape_of(dtype);
    const size_t bytes = shape.row_bytes * TILE_ROWS, subs = shape.rounds * shape.parts;
    const size_t lines = (bytes / 64 + subs - 1) / subs;
    const char *from = (const char *)b->tile + 2 * bytes + sub * lines * 64;
#pragma GCC unroll 20
    for (size_t i = 0; i < lines; i++)
        _mm_prefetch(from + i * 64, _MM_HINT_T1);
}

/* The sums of sub-block `part` of `round` in integers, in two planes, rows [i0, i0 + rows) of x. */
ALWAYS_INLINE void sum_sub_block(__m512i high[ROWS_AT_ONCE][HALVES],
                                 __m512i low[ROWS_AT_ONCE][HALVES], const enum dtype dtype,
                                 const struct block *b, size_t round, const size_t part, size_t i0,
                                 const size_t rows, const bool staged)
{
    const struct shape shape = shape_of(dtype);
    const size_t ld = b->x->ld, sub = round * shape.parts + part;
    const size_t at = (b->first_group + sub * shape.groups) * ld + i0;
    const int32_t *x_high = b->x->high + at, *x_low = b->x->low + at;
#pragma GCC unroll 4
    for (size_t i = 0; i < rows; i++) {
        high[i][0] = high[i][1] = _mm512_setzero_si512();
        low[i][0] = low[i][1] = _mm512_set1_epi32(shape.zero ? b->begin[sub * ld + i0 + i] : 0);
    }
#pragma GCC unroll 8
    for (size_t g = 0; g < shape.groups; g++) {
        __m512i w[HALVES];
#pragma GCC unroll 2
        for (size_t t = 0; t < HALVES; t++)
            w[t] = staged ? _mm512_load_si512(b->staged[sub * shape.groups + g][t])
                          : values_of(dtype, b->tile, round, part, g, t);
#pragma GCC unroll 4
        for (size_t i = 0; i < rows; i++) {
            const __m512i four = _mm512_set1_epi32(x_high[g * ld + i]);
            high[i][0] = dot4(high[i][0], w[0], four);
            high[i][1] = dot4(high[i][1], w[1], four);
            const __m512i four_low = _mm512_set1_epi32(x_low[g * ld + i]);
            low[i][0] = dot4(low[i][0], w[0], four_low);
            low[i][1] = dot4(low[i][1], w[1], four_low);
        }
    }
}

/* total[rows][2] += the sub-block's sums · its scale, less its minimum. */
ALWAYS_INLINE void add_sub_block(__m512 total[ROWS_AT_ONCE][HALVES], const enum dtype dtype,
                                 const struct block *b, size_t round, const size_t part, size_t i0,
                                 const size_t rows, const bool staged)
{
    const struct shape shape = shape_of(dtype);
    const size_t sub = round * shape.parts + part;
    const float *sums = b->sums + sub * b->x->ld + i0;
    __m512i high[ROWS_AT_ONCE][HALVES], low[ROWS_AT_ONCE][HALVES];
    if (i0 == 0 && b->rows >= ROWS_AT_ONCE)
        fetch_ahead(dtype, b, sub);
    sum_sub_block(high, low, dtype, b, round, part, i0, rows, staged);
#pragma GCC unroll 4
    for (size_t i = 0; i < rows; i++) {
#pragma GCC unroll 2
        for (size_t t = 0; t < HALVES; t++) {
            const __m512i both = _mm512_add_epi32(_mm512_slli_epi32(high[i][t], 7), low[i][t]);
            const __m512 scale = scale_of(dtype, b, sub, t);
            total[i][t] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(both), scale, total[i][t]);
            if (!shape.zero)
                total[i][t] =
                    _mm512_fnmadd_ps(_mm512_set1_ps(sums[i]),
                                     _mm512_load_ps(b->scales.min[sub] + t * LANES), total[i][t]);
        }
    }
}

/* c[rows, 32] (+)= total · unit, rows [i0, i0 + rows) of x. */
ALWAYS_INLINE void store_rows(float *c, const struct block *b, __m512 total[ROWS_AT_ONCE][HALVES],
                              size_t i0, const size_t rows)
{
    const size_t block = b->first_group / PANEL_GROUPS;
#pragma GCC unroll 4
    for (size_t i = 0; i < rows; i++) {
        const __m512 unit = _mm512_set1_ps(b->x->scale[block * b->x->ld + i0 + i]);
#pragma GCC unroll 2
        for (size_t t = 0; t < HALVES; t++) {
            float *to = c + (i0 + i) * TILE_ROWS + t * LANES;
            _mm512_storeu_ps(to, block > 0 ? _mm512_fmadd_ps(total[i][t], unit, _mm512_loadu_ps(to))
                                           : _mm512_mul_ps(total[i][t], unit));
        }
    }
}

ALWAYS_INLINE void dot_rows(float *c, const enum dtype dtype, const struct block *b, size_t i0,
                            const size_t rows, const bool staged)
{
    const struct shape shape = shape_of(dtype);
    __m512 total[ROWS_AT_ONCE][HALVES];
#pragma GCC unroll 4
    for (size_t i = 0; i < rows; i++)
        total[i][0] = total[i][1] = _mm512_setzero_ps();
    if (staged) {
        for (size_t sub = 0; sub < b->rounds * shape.parts; sub++)
            add_sub_block(total, dtype, b, sub / shape.parts, sub % shape.parts, i0, rows, true);
    } else {
        for (size_t round = 0; round < b->rounds; round++)
#pragma GCC unroll 8
            for (size_t part = 0; part < shape.parts; part++)
                add_sub_block(total, dtype, b, round, part, i0, rows, false);
    }
    store_rows(c, b, total, i0, rows);
}

/* c[1, 32] (+)= a block of Q6_K · one row of x: the four places of the same bytes go side by side,
 * so that each byte is loaded once. */
ALWAYS_INLINE void dot_one_q6_k(float *c, const struct block *b)
{
    const size_t places = 4, groups = 4, ld = b->x->ld;
    __m512 total[ROWS_AT_ONCE][HALVES] = {{_mm512_setzero_ps(), _mm512_setzero_ps()}};
    for (size_t quarter = 0; quarter < 4; quarter++) {
        const size_t round = quarter / 2, first = round * 8 + quarter % 2;
        const size_t at = (b->first_group + first * groups) * ld;
        const int32_t *x_high = b->x->high + at, *x_low = b->x->low + at;
        const uint8_t *tile = b->tile + quarter % 2 * groups * 3 * HALVES * HALF_BYTES;
        __m512i high[4][HALVES], low[4][HALVES];
#pragma GCC unroll 4
        for (size_t place = 0; place < places; place++) {
            high[place][0] = high[place][1] = _mm512_setzero_si512();
            low[place][0] = low[place][1] = _mm512_set1_epi32(b->begin[(first + 2 * place) * ld]);
        }
#pragma GCC unroll 4
        for (size_t g = 0; g < groups; g++)
#pragma GCC unroll 2
            for (size_t t = 0; t < HALVES; t++)
#pragma GCC unroll 4
                for (size_t place = 0; place < places; place++) {
                    const __m512i w = values_of(DTYPE_Q6_K, tile, round, 2 * place, g, t);
                    const size_t group = (2 * place * groups + g) * ld;
                    high[place][t] = dot4(high[place][t], w, _mm512_set1_epi32(x_high[group]));
                    low[place][t] = dot4(low[place][t], w, _mm512_set1_epi32(x_low[group]));
                }
#pragma GCC unroll 4
        for (size_t place = 0; place < places; place++)
#pragma GCC unroll 2
            for (size_t t = 0; t < HALVES; t++) {
                const __m512i both =
                    _mm512_add_epi32(_mm512_slli_epi32(high[place][t], 7), low[place][t]);
                const float *scale = b->scales.scale[first + 2 * place] + t * LANES;
                total[0][t] =
                    _mm512_fmadd_ps(_mm512_cvtepi32_ps(both), _mm512_load_ps(scale), total[0][t]);
            }
    }
    store_rows(c, b, total, 0, 1);
}

/* So many of the `left` rows next, that no single row is left over. */
static size_t rows_next(size_t left)
{
    return left == 5 || left == 6 || left == 9 ? 3 : left < ROWS_AT_ONCE ? left : ROWS_AT_ONCE;
}

ALWAYS_INLINE void dot_some(float *c, const enum dtype dtype, const struct block *b, size_t n,
                            const bool staged)
{
    for (size_t i = 0, rows; i < n; i += rows) {
        rows = rows_next(n - i);
        switch (rows) {
        case 4: dot_rows(c, dtype, b, i, 4, staged); break;
        case 3: dot_rows(c, dtype, b, i, 3, staged); break;
        case 2: dot_rows(c, dtype, b, i, 2, staged); break;
        default: dot_rows(c, dtype, b, i, 1, staged); break;
        }
    }
}

ALWAYS_INLINE void dot_block(float *c, const enum dtype dtype, struct block *b, size_t n)
{
    const struct shape shape = shape_of(dtype);
    if (dtype == DTYPE_Q4_K || dtype == DTYPE_Q5_K)
        k_scales(b->tile, b->scales.scale, b->scales.min);
    if (dtype == DTYPE_Q6_K)
        q6_scales(b->tile, b->scales.scale);
    if (shape.zero)
        begin_of(dtype, b);
    if (dtype == DTYPE_Q6_K && n == 1) {
        dot_one_q6_k(c, b);
    } else if (shape.stage_rows && n >= shape.stage_rows) {
        stage(b);
        dot_some(c, dtype, b, n, true);
    } else {
        dot_some(c, dtype, b, n, false);
    }
}

ALWAYS_INLINE void dot_strip(float *c, const enum dtype dtype, const uint8_t *strip, size_t cols,
                             const struct quantized_rows *x, size_t n)
{
    const struct shape shape = shape_of(dtype);
    struct block b;
    b.x = x;
    b.rows = n;
    for (size_t col = 0; col < cols; col += PANEL_COLS) {
        const size_t left = cols - col;
        b.tile = strip + col / PANEL_COLS * shape.row_bytes * TILE_ROWS;
        b.rounds = left < PANEL_COLS ? left / (GROUP_COLS * shape.groups) : shape.rounds;
        b.first_group = col / GROUP_COLS;
        b.sums = x->sums[shape.groups == 4 ? SUM_16 : SUM_32] +
                 col / (GROUP_COLS * shape.groups) * x->ld;
        dot_block(c, dtype, &b, n);
    }
}

static void dot_strip_q8_0(float *c, const void *strip, size_t cols, const struct quantized_rows *x,
                           size_t n)
{
    dot_strip(c, DTYPE_Q8_0, strip, cols, x, n);
}

static void dot_strip_q4_0(float *c, const void *strip, size_t cols, const struct quantized_rows *x,
                           size_t n)
{
    dot_strip(c, DTYPE_Q4_0, strip, cols, x, n);
}

static void dot_strip_q4_k(float *c, const void *strip, size_t cols, const struct quantized_rows *x,
                           size_t n)
{
    dot_strip(c, DTYPE_Q4_K, strip, cols, x, n);
}

static void dot_strip_q5_k(float *c, const void *strip, size_t cols, const struct quantized_rows *x,
                           size_t n)
{
    dot_strip(c, DTYPE_Q5_K, strip, cols, x, n);
}

static void dot_strip_q6_k(float *c, const void *strip, size_t cols, const struct quantized_rows *x,
                           size_t n)
{
    dot_strip(c, DTYPE_Q6_K, strip, cols, x, n);
}

void kernels_fill_avx512_strips(struct kernels *kernels)
{
    kernels->dot_strip[DTYPE_Q8_0] = dot_strip_q8_0;
    kernels->dot_strip[DTYPE_Q4_0] = dot_strip_q4_0;
    kernels->dot_strip[DTYPE_Q4_K] = dot_strip_q4_k;
    kernels->dot_strip[DTYPE_Q5_K] = dot_strip_q5_k;
    kernels->dot_strip[DTYPE_Q6_K] = dot_strip_q6_k;
}
