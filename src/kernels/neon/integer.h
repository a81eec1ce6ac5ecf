/* The integer kernels in NEON, written for a struct sums that the including file offers: sums of
 * four rows, with sums_zero, sums_add (four products of signed bytes to each row: of w, by lane
 * `lane` of x) and sums_total.
 *
 * Weights are unsigned and become signed by less 128; 128 times the sum of the activations puts
 * that right again, in whole numbers. Nothing is requantised: every sub-block keeps its scale. */
#pragma once

#include "kernels/kernels.h"
#include "kernels/neon/quantize.h"
#include "kernels/neon/tiles.h"

/* Rows of x at a time, and vectors of weight rows by them. */
enum { ROWS_AT_ONCE = 4, PAIR = 2 };

ALWAYS_INLINE int8x16_t less_128(uint8x16_t values)
{
    return vreinterpretq_s8_u8(veorq_u8(values, vdupq_n_u8(0x80)));
}

/* Rows of x at one sub-block. */
struct place {
    const int32_t *high, *low; /* low NULL: one plane */
    const float *sums;         /* of the sub-block */
    size_t ld;
};

ALWAYS_INLINE struct place place_of(const struct quantized_rows *x, const float *sums, size_t group,
                                    size_t sub_groups, size_t i0)
{
    const size_t at = group * x->ld + i0;
    return (struct place){x->high + at, x->low ? x->low + at : NULL,
                          sums + group / sub_groups * x->ld + i0, x->ld};
}

/* The sums of one sub-block of one vector of weight rows by `rows` rows of x. */
struct dots {
    struct sums high[ROWS_AT_ONCE], low[ROWS_AT_ONCE];
};

ALWAYS_INLINE void dots_zero(struct dots *dots, const size_t rows)
{
#pragma GCC unroll 4
    for (size_t i = 0; i < rows; i++)
        dots->high[i] = dots->low[i] = sums_zero();
}

/* One group of one plane of x. */
ALWAYS_INLINE void add_rows(struct sums *sums, const int32_t *x, int8x16_t w, const size_t rows)
{
    if (rows < ROWS_AT_ONCE) {
#pragma GCC unroll 2
        for (size_t i = 0; i < rows; i++)
            sums[i] = sums_add(sums[i], w, vreinterpretq_s8_s32(vld1q_dup_s32(x + i)), 0);
        return;
    }
    const int8x16_t four = vreinterpretq_s8_s32(vld1q_s32(x));
    sums[0] = sums_add(sums[0], w, four, 0);
    sums[1] = sums_add(sums[1], w, four, 1);
    sums[2] = sums_add(sums[2], w, four, 2);
    sums[3] = sums_add(sums[3], w, four, 3);
}

ALWAYS_INLINE void dots_add(struct dots *dots, const struct place *at, size_t g, int8x16_t w,
                            const size_t rows, const bool fine)
{
    add_rows(dots->high, at->high + g * at->ld, w, rows);
    if (fine)
        add_rows(dots->low, at->low + g * at->ld, w, rows);
}

/* total[rows] += scale · dot - min · sum */
ALWAYS_INLINE void dots_finish(const struct dots *dots, float32x4_t *total, const float *scale,
                               const float *min, const struct place *at, const size_t rows,
                               const bool fine)
{
#pragma GCC unroll 4
    for (size_t i = 0; i < rows; i++) {
        int32x4_t dot = sums_total(dots->high[i]);
        if (fine)
            dot = vaddq_s32(vshlq_n_s32(dot, 7), sums_total(dots->low[i]));
        dot = vaddq_s32(dot, vdupq_n_s32((int32_t)at->sums[i] * 128));
        total[i] = vfmaq_f32(total[i], vcvtq_f32_s32(dot), vld1q_f32(scale));
        total[i] = vfmsq_f32(total[i], vld1q_f32(min), vdupq_n_f32(at->sums[i]));
    }
}

/* to[n] (+)= total · unit, of four sums at most. */
ALWAYS_INLINE void store_sums(float *to, float32x4_t total, float unit, bool add, size_t n)
{
    float part[VECTOR_ROWS] = {0};
    float *all = n < VECTOR_ROWS ? memcpy(part, to, n * sizeof *to) : to;
    const float32x4_t units = vdupq_n_f32(unit);
    vst1q_f32(all, add ? vfmaq_f32(vld1q_f32(all), total, units) : vmulq_f32(total, units));
    if (n < VECTOR_ROWS)
        memcpy(to, part, n * sizeof *to);
}

struct dot {
    float *c;
    size_t ldc;
    const struct panel *w;
    size_t groups;
    const struct quantized_rows *x;
    const float *sums;
    size_t block, outputs;
    bool add;
};

/* Vectors v and v + 1 of a panel by rows [i0, i0 + rows) of x. */
ALWAYS_INLINE void panel_rows(const struct dot *job, size_t v, size_t i0, const size_t rows,
                              const size_t sub_groups, const bool fine)
{
    float32x4_t total[PAIR][ROWS_AT_ONCE];
#pragma GCC unroll 4
    for (size_t i = 0; i < rows; i++)
        total[0][i] = total[1][i] = vdupq_n_f32(0);
    for (size_t s = 0; s < job->groups / sub_groups; s++) {
        const struct place at =
            place_of(job->x, job->sums, job->block * PANEL_GROUPS + s * sub_groups, sub_groups, i0);
        const uint8_t *w = job->w->values[s * sub_groups][v * VECTOR_ROWS];
        struct dots dots[PAIR];
        dots_zero(&dots[0], rows);
        dots_zero(&dots[1], rows);
#pragma GCC unroll 8
        for (size_t g = 0; g < sub_groups; g++, w += GROUP_BYTES) {
            dots_add(&dots[0], &at, g, less_128(vld1q_u8(w)), rows, fine);
            dots_add(&dots[1], &at, g, less_128(vld1q_u8(w + VECTOR_BYTES)), rows, fine);
        }
        const float *scale = job->w->scale[s] + v * VECTOR_ROWS;
        const float *min = job->w->min[s] + v * VECTOR_ROWS;
        dots_finish(&dots[0], total[0], scale, min, &at, rows, fine);
        dots_finish(&dots[1], total[1], scale + VECTOR_ROWS, min + VECTOR_ROWS, &at, rows, fine);
    }
    for (size_t i = 0; i < rows; i++) {
        float *to = job->c + (i0 + i) * job->ldc + v * VECTOR_ROWS;
        const float unit = job->x->scale[job->block * job->x->ld + i0 + i];
        for (size_t p = 0; p < PAIR; p++, to += VECTOR_ROWS) {
            const size_t row = (v + p) * VECTOR_ROWS;
            if (row < job->outputs)
                store_sums(to, total[p][i], unit, job->add, job->outputs - row);
        }
    }
}

ALWAYS_INLINE void panel_all(const struct dot *job, size_t n, const size_t sub_groups,
                             const bool fine)
{
    for (size_t v = 0; v < VECTORS; v += PAIR) {
        size_t i = 0;
        for (; i + ROWS_AT_ONCE <= n; i += ROWS_AT_ONCE)
            panel_rows(job, v, i, ROWS_AT_ONCE, sub_groups, fine);
        for (; i < n; i++)
            panel_rows(job, v, i, 1, sub_groups, fine);
    }
}

static void neon_dot_panel(float *c, size_t ldc, const struct panel *w, size_t groups,
                           size_t sub_groups, const struct quantized_rows *x, size_t n,
                           size_t block, size_t outputs, int accumulate)
{
    const float *sums = x->sums[sub_groups == 4 ? SUM_16 : SUM_32];
    const struct dot job = {c, ldc, w, groups, x, sums, block, outputs, accumulate != 0};
    if (sub_groups == 4)
        x->low ? panel_all(&job, n, 4, true) : panel_all(&job, n, 4, false);
    else
        x->low ? panel_all(&job, n, 8, true) : panel_all(&job, n, 8, false);
}

struct scales {
    float scale[PANEL_SUBS_MAX][TILE_ROWS], min[PANEL_SUBS_MAX][TILE_ROWS];
};

/* One block of 256 columns of a strip. */
struct block {
    const uint8_t *tiles;
    size_t rounds, first_group; /* of x */
    const struct quantized_rows *x;
    const float *sums;
    const struct scales *scales;
};

/* total[32 rows][rows] += sub-block `part` of `round`. */
ALWAYS_INLINE void strip_sub(float32x4_t total[VECTORS][ROWS_AT_ONCE], const enum dtype dtype,
                             const struct block *b, size_t round, const size_t part, size_t i0,
                             const size_t rows)
{
    const struct shape shape = shape_of(dtype);
    const size_t sub = round * shape.parts + part;
    const uint8_t *tile = tile_of(dtype, b->tiles, round);
    const struct place at =
        place_of(b->x, b->sums, b->first_group + sub * shape.groups, shape.groups, i0);
    for (size_t v = 0; v < VECTORS; v += PAIR) {
        struct dots dots[PAIR];
        dots_zero(&dots[0], rows);
        dots_zero(&dots[1], rows);
#pragma GCC unroll 8
        for (size_t g = 0; g < shape.groups; g++) {
            dots_add(&dots[0], &at, g, less_128(values_of(dtype, tile, round, part, g, v)), rows,
                     true);
            dots_add(&dots[1], &at, g, less_128(values_of(dtype, tile, round, part, g, v + 1)),
                     rows, true);
        }
        const float *scale = b->scales->scale[sub] + v * VECTOR_ROWS;
        const float *min = b->scales->min[sub] + v * VECTOR_ROWS;
        dots_finish(&dots[0], total[v], scale, min, &at, rows, true);
        dots_finish(&dots[1], total[v + 1], scale + VECTOR_ROWS, min + VECTOR_ROWS, &at, rows,
                    true);
    }
}

/* c[rows, 32] (+)= the block. Sub-block by sub-block through all vectors, so that memory is read
 * from its start to its end. */
ALWAYS_INLINE void strip_rows(float *c, const enum dtype dtype, const struct block *b, size_t i0,
                              const size_t rows)
{
    float32x4_t total[VECTORS][ROWS_AT_ONCE];
    for (size_t v = 0; v < VECTORS; v++)
        for (size_t i = 0; i < rows; i++)
            total[v][i] = vdupq_n_f32(0);
    for (size_t round = 0; round < b->rounds; round++)
#pragma GCC unroll 8
        for (size_t part = 0; part < shape_of(dtype).parts; part++)
            strip_sub(total, dtype, b, round, part, i0, rows);
    const size_t block = b->first_group / PANEL_GROUPS;
    for (size_t i = 0; i < rows; i++)
        for (size_t v = 0; v < VECTORS; v++)
            store_sums(c + (i0 + i) * TILE_ROWS + v * VECTOR_ROWS, total[v][i],
                       b->x->scale[block * b->x->ld + i0 + i], block > 0, VECTOR_ROWS);
}

ALWAYS_INLINE void dot_strip(float *c, const enum dtype dtype, const uint8_t *strip, size_t cols,
                             const struct quantized_rows *x, size_t n)
{
    const struct shape shape = shape_of(dtype);
    const size_t sub_cols = shape.groups * GROUP_COLS, tiles = is_whole(dtype) ? 1 : shape.rounds;
    struct scales scales;
    for (size_t col = 0; col < cols; col += PANEL_COLS) {
        const size_t left = cols - col;
        const struct block block = {
            .tiles = strip + col / PANEL_COLS * tiles * shape.block_bytes * TILE_ROWS,
            .rounds = left < PANEL_COLS ? left / sub_cols : shape.rounds,
            .first_group = col / GROUP_COLS,
            .x = x,
            .sums = x->sums[shape.groups == 4 ? SUM_16 : SUM_32],
            .scales = &scales,
        };
        scales_of(dtype, block.tiles, block.rounds,
                  (struct scale_columns){scales.scale, scales.min});
        size_t i = 0;
        for (; i + 2 <= n; i += 2)
            strip_rows(c, dtype, &block, i, 2);
        if (i < n)
            strip_rows(c, dtype, &block, i, 1);
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
                for (size_t v = 0; v < VECTORS; v++)
                    vst1q_u8(panel->values[group][v * VECTOR_ROWS],
                             values_of(dtype, from, round, part, g, v));
            }
    }
}

static void unpack_q8_0(struct panel *panel, const void *src, size_t groups)
{
    unpack(panel, src, groups, DTYPE_Q8_0);
}

static void dot_strip_q8_0(float *c, const void *strip, size_t cols, const struct quantized_rows *x,
                           size_t n)
{
    dot_strip(c, DTYPE_Q8_0, strip, cols, x, n);
}

static void unpack_q4_0(struct panel *panel, const void *src, size_t groups)
{
    unpack(panel, src, groups, DTYPE_Q4_0);
}

static void dot_strip_q4_0(float *c, const void *strip, size_t cols, const struct quantized_rows *x,
                           size_t n)
{
    dot_strip(c, DTYPE_Q4_0, strip, cols, x, n);
}

static void unpack_q4_1(struct panel *panel, const void *src, size_t groups)
{
    unpack(panel, src, groups, DTYPE_Q4_1);
}

static void dot_strip_q4_1(float *c, const void *strip, size_t cols, const struct quantized_rows *x,
                           size_t n)
{
    dot_strip(c, DTYPE_Q4_1, strip, cols, x, n);
}

static void unpack_q5_0(struct panel *panel, const void *src, size_t groups)
{
    unpack(panel, src, groups, DTYPE_Q5_0);
}

static void dot_strip_q5_0(float *c, const void *strip, size_t cols, const struct quantized_rows *x,
                           size_t n)
{
    dot_strip(c, DTYPE_Q5_0, strip, cols, x, n);
}

static void unpack_q5_1(struct panel *panel, const void *src, size_t groups)
{
    unpack(panel, src, groups, DTYPE_Q5_1);
}

static void dot_strip_q5_1(float *c, const void *strip, size_t cols, const struct quantized_rows *x,
                           size_t n)
{
    dot_strip(c, DTYPE_Q5_1, strip, cols, x, n);
}

static void unpack_q4_k(struct panel *panel, const void *src, size_t groups)
{
    unpack(panel, src, groups, DTYPE_Q4_K);
}

static void dot_strip_q4_k(float *c, const void *strip, size_t cols, const struct quantized_rows *x,
                           size_t n)
{
    dot_strip(c, DTYPE_Q4_K, strip, cols, x, n);
}

static void unpack_q5_k(struct panel *panel, const void *src, size_t groups)
{
    unpack(panel, src, groups, DTYPE_Q5_K);
}

static void dot_strip_q5_k(float *c, const void *strip, size_t cols, const struct quantized_rows *x,
                           size_t n)
{
    dot_strip(c, DTYPE_Q5_K, strip, cols, x, n);
}

static void unpack_q6_k(struct panel *panel, const void *src, size_t groups)
{
    unpack(panel, src, groups, DTYPE_Q6_K);
}

static void dot_strip_q6_k(float *c, const void *strip, size_t cols, const struct quantized_rows *x,
                           size_t n)
{
    dot_strip(c, DTYPE_Q6_K, strip, cols, x, n);
}

static void unpack_iq4_nl(struct panel *panel, const void *src, size_t groups)
{
    unpack(panel, src, groups, DTYPE_IQ4_NL);
}

static void dot_strip_iq4_nl(float *c, const void *strip, size_t cols,
                             const struct quantized_rows *x, size_t n)
{
    dot_strip(c, DTYPE_IQ4_NL, strip, cols, x, n);
}

static void unpack_iq4_xs(struct panel *panel, const void *src, size_t groups)
{
    unpack(panel, src, groups, DTYPE_IQ4_XS);
}

static void dot_strip_iq4_xs(float *c, const void *strip, size_t cols,
                             const struct quantized_rows *x, size_t n)
{
    dot_strip(c, DTYPE_IQ4_XS, strip, cols, x, n);
}

static void fill_integer(struct kernels *kernels)
{
    kernels->integer = true;
    kernels->unpack[DTYPE_Q8_0] = unpack_q8_0;
    kernels->dot_strip[DTYPE_Q8_0] = dot_strip_q8_0;
    kernels->unpack[DTYPE_Q4_0] = unpack_q4_0;
    kernels->dot_strip[DTYPE_Q4_0] = dot_strip_q4_0;
    kernels->unpack[DTYPE_Q4_1] = unpack_q4_1;
    kernels->dot_strip[DTYPE_Q4_1] = dot_strip_q4_1;
    kernels->unpack[DTYPE_Q5_0] = unpack_q5_0;
    kernels->dot_strip[DTYPE_Q5_0] = dot_strip_q5_0;
    kernels->unpack[DTYPE_Q5_1] = unpack_q5_1;
    kernels->dot_strip[DTYPE_Q5_1] = dot_strip_q5_1;
    kernels->unpack[DTYPE_Q4_K] = unpack_q4_k;
    kernels->dot_strip[DTYPE_Q4_K] = dot_strip_q4_k;
    kernels->unpack[DTYPE_Q5_K] = unpack_q5_k;
    kernels->dot_strip[DTYPE_Q5_K] = dot_strip_q5_k;
    kernels->unpack[DTYPE_Q6_K] = unpack_q6_k;
    kernels->dot_strip[DTYPE_Q6_K] = dot_strip_q6_k;
    kernels->unpack[DTYPE_IQ4_NL] = unpack_iq4_nl;
    kernels->dot_strip[DTYPE_IQ4_NL] = dot_strip_iq4_nl;
    kernels->unpack[DTYPE_IQ4_XS] = unpack_iq4_xs;
    kernels->dot_strip[DTYPE_IQ4_XS] = dot_strip_iq4_xs;
    kernels->strip_rows = 2;
    kernels->requantize = NULL;
    kernels->quantize_rows = neon_quantize_rows;
    kernels->dot_panel = neon_dot_panel;
}
