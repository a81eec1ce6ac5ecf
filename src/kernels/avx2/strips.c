/* Fine products of few rows of x straight from the tiles, in AVX2: the values of a tile never go
 * through a panel, so that a token waits for the memory alone. A row of the result has the same
 * bits as by way of the panel (integer.c). Compiled with the flags for AVX2. */
#include "kernels/avx2/tiles.h"
#include "kernels/variants.h"

/* Rows of x and vectors of weight rows at a time: six accumulators and four vectors of words. */
enum { ROWS_AT_ONCE = 3, PAIR = 2, PREFETCH_BYTES = 8192 };

struct scales {
    float scale[PANEL_SUBS_MAX][TILE_ROWS], min[PANEL_SUBS_MAX][TILE_ROWS];
} __attribute__((aligned(32)));

/* One block of 256 columns. */
struct block {
    const uint8_t *tiles;
    size_t rounds, first_group; /* of x */
    const struct quantized_rows *x;
    const float *sums; /* of the first sub-block, row 0 */
    const struct scales *scales;
};

/* Asks for what comes PREFETCH_BYTES after the share of sub-block `sub` in a tile. */
ALWAYS_INLINE void ask_ahead(const enum dtype dtype, const uint8_t *tiles, size_t sub)
{
    const struct shape shape = shape_of(dtype);
    const size_t row_bytes = is_whole(dtype) ? shape.block_bytes : shape.rounds * shape.block_bytes;
    const size_t share = row_bytes * TILE_ROWS / (shape.rounds * shape.parts);
    const uint8_t *from = tiles + sub * share + PREFETCH_BYTES;
#pragma GCC unroll 18
    for (size_t at = 0; at < share; at += 64)
        _mm_prefetch((const char *)from + at, _MM_HINT_T0);
}

/* acc[rows][2] = the integer sums of sub-block `part` of `round`, vectors v0 and v0 + 1. */
ALWAYS_INLINE void sum_groups(__m256i acc[ROWS_AT_ONCE][PAIR], const enum dtype dtype,
                              const struct block *b, size_t round, const size_t part, size_t v0,
                              size_t i0, const size_t rows)
{
    const struct shape shape = shape_of(dtype);
    const uint8_t *tile = tile_of(dtype, b->tiles, round);
    const size_t ld = b->x->ld, sub = round * shape.parts + part;
    const size_t at = (b->first_group + sub * shape.groups) * ld + i0;
    const int32_t *x_even = b->x->high + at, *x_odd = b->x->low + at;
#pragma GCC unroll 3
    for (size_t i = 0; i < rows; i++)
        acc[i][0] = acc[i][1] = _mm256_setzero_si256();
#pragma GCC unroll 8
    for (size_t g = 0; g < shape.groups; g++) {
        __m256i even[PAIR], odd[PAIR];
#pragma GCC unroll 2
        for (size_t v = 0; v < PAIR; v++) {
            const __m256i w = values_of(dtype, tile, round, part, g, v0 + v);
            even[v] = _mm256_and_si256(w, _mm256_set1_epi16(255));
            odd[v] = _mm256_srli_epi16(w, 8);
        }
#pragma GCC unroll 3
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

/* total[rows][2] += sub-block `part` of `round`. */
ALWAYS_INLINE void add_sub_block(__m256 total[ROWS_AT_ONCE][PAIR], const enum dtype dtype,
                                 const struct block *b, size_t round, const size_t part, size_t v0,
                                 size_t i0, const size_t rows)
{
    const size_t sub = round * shape_of(dtype).parts + part;
    const float *scale = b->scales->scale[sub] + v0 * VECTOR_ROWS;
    const float *min = b->scales->min[sub] + v0 * VECTOR_ROWS;
    __m256i acc[ROWS_AT_ONCE][PAIR];
    sum_groups(acc, dtype, b, round, part, v0, i0, rows);
#pragma GCC unroll 3
    for (size_t i = 0; i < rows; i++) {
        const __m256 sum = _mm256_set1_ps(b->sums[sub * b->x->ld + i0 + i]);
#pragma GCC unroll 2
        for (size_t v = 0; v < PAIR; v++) {
            total[i][v] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(acc[i][v]),
                                          _mm256_load_ps(scale + v * VECTOR_ROWS), total[i][v]);
            total[i][v] = _mm256_fnmadd_ps(sum, _mm256_load_ps(min + v * VECTOR_ROWS), total[i][v]);
        }
    }
}

/* c[rows, 32] (+)= the block, rows [i0, i0 + rows) of x. Sub-block by sub-block through all
 * vectors, so that memory is read from its start to its end. */
ALWAYS_INLINE void dot_rows(float *c, const enum dtype dtype, const struct block *b, size_t i0,
                            const size_t rows)
{
    const struct shape shape = shape_of(dtype);
    __m256 total[VECTORS / PAIR][ROWS_AT_ONCE][PAIR];
    for (size_t p = 0; p < VECTORS / PAIR; p++)
#pragma GCC unroll 3
        for (size_t i = 0; i < rows; i++)
            total[p][i][0] = total[p][i][1] = _mm256_setzero_ps();
    for (size_t round = 0; round < b->rounds; round++)
#pragma GCC unroll 8
        for (size_t part = 0; part < shape.parts; part++) {
            if (i0 == 0)
                ask_ahead(dtype, b->tiles, round * shape.parts + part);
            for (size_t p = 0; p < VECTORS / PAIR; p++) {
                add_sub_block(total[p], dtype, b, round, part, p * PAIR, i0, rows);
                /* What one part loads must not be kept for the next: registers are too few. */
                __asm__ volatile("" : "+r"(p) : : "memory");
            }
        }
    const size_t block = b->first_group / PANEL_GROUPS;
    for (size_t i = 0; i < rows; i++) {
        const __m256 unit = _mm256_set1_ps(b->x->scale[block * b->x->ld + i0 + i]);
        float *to = c + (i0 + i) * TILE_ROWS;
#pragma GCC unroll 4
        for (size_t v = 0; v < VECTORS; v++, to += VECTOR_ROWS) {
            const __m256 sum = total[v / PAIR][i][v % PAIR];
            _mm256_storeu_ps(to, block > 0 ? _mm256_fmadd_ps(sum, unit, _mm256_loadu_ps(to))
                                           : _mm256_mul_ps(sum, unit));
        }
    }
}

ALWAYS_INLINE void dot_block(float *c, const enum dtype dtype, const struct block *b, size_t n)
{
    for (size_t i = 0; i < n; i += ROWS_AT_ONCE) {
        switch (n - i) {
        case 1: dot_rows(c, dtype, b, i, 1); break;
        case 2: dot_rows(c, dtype, b, i, 2); break;
        default: dot_rows(c, dtype, b, i, 3); break;
        }
    }
}

ALWAYS_INLINE void dot_strip(float *c, const enum dtype dtype, const uint8_t *strip, size_t cols,
                             const struct quantized_rows *x, size_t n)
{
    const struct shape shape = shape_of(dtype);
    const size_t sub_cols = shape.groups * GROUP_COLS, tiles = is_whole(dtype) ? 1 : shape.rounds;
    const float *sums = x->sums[shape.groups == 4 ? SUM_16 : SUM_32];
    struct scales scales;
    for (size_t col = 0; col < cols; col += PANEL_COLS) {
        const size_t left = cols - col;
        const struct block block = {
            .tiles = strip + col / PANEL_COLS * tiles * shape.block_bytes * TILE_ROWS,
            .rounds = left < PANEL_COLS ? left / sub_cols : shape.rounds,
            .first_group = col / GROUP_COLS,
            .x = x,
            .sums = sums + col / sub_cols * x->ld,
            .scales = &scales,
        };
        scales_of(dtype, block.tiles, block.rounds,
                  (struct scale_columns){scales.scale, scales.min});
        dot_block(c, dtype, &block, n);
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

static void dot_strip_q4_1(float *c, const void *strip, size_t cols, const struct quantized_rows *x,
                           size_t n)
{
    dot_strip(c, DTYPE_Q4_1, strip, cols, x, n);
}

static void dot_strip_q5_0(float *c, const void *strip, size_t cols, const struct quantized_rows *x,
                           size_t n)
{
    dot_strip(c, DTYPE_Q5_0, strip, cols, x, n);
}

static void dot_strip_q5_1(float *c, const void *strip, size_t cols, const struct quantized_rows *x,
                           size_t n)
{
    dot_strip(c, DTYPE_Q5_1, strip, cols, x, n);
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

static void dot_strip_iq4_nl(float *c, const void *strip, size_t cols,
                             const struct quantized_rows *x, size_t n)
{
    dot_strip(c, DTYPE_IQ4_NL, strip, cols, x, n);
}

static void dot_strip_iq4_xs(float *c, const void *strip, size_t cols,
                             const struct quantized_rows *x, size_t n)
{
    dot_strip(c, DTYPE_IQ4_XS, strip, cols, x, n);
}

void kernels_fill_avx2_strips(struct kernels *kernels)
{
    kernels->dot_strip[DTYPE_Q8_0] = dot_strip_q8_0;
    kernels->dot_strip[DTYPE_Q4_0] = dot_strip_q4_0;
    kernels->dot_strip[DTYPE_Q4_1] = dot_strip_q4_1;
    kernels->dot_strip[DTYPE_Q5_0] = dot_strip_q5_0;
    kernels->dot_strip[DTYPE_Q5_1] = dot_strip_q5_1;
    kernels->dot_strip[DTYPE_Q4_K] = dot_strip_q4_k;
    kernels->dot_strip[DTYPE_Q5_K] = dot_strip_q5_k;
    kernels->dot_strip[DTYPE_Q6_K] = dot_strip_q6_k;
    kernels->dot_strip[DTYPE_IQ4_NL] = dot_strip_iq4_nl;
    kernels->dot_strip[DTYPE_IQ4_XS] = dot_strip_iq4_xs;
    kernels->strip_rows = ROWS_AT_ONCE;
}
