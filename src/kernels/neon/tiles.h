/* The tiles of every block-quantised format (tile.h), in NEON: sixteen bytes of values are four
 * columns of four rows, of which a tile has eight times as many. */
#pragma once

#include "kernels/c/c.h"
#include "kernels/tile.h"

#include <arm_neon.h>
#include <string.h>

#define ALWAYS_INLINE static inline __attribute__((always_inline))

enum {
    VECTOR_ROWS = 4,
    VECTOR_BYTES = VECTOR_ROWS * GROUP_COLS,
    VECTORS = TILE_ROWS / VECTOR_ROWS,
    GROUP_BYTES = TILE_ROWS * GROUP_COLS,
};

/* How 256 columns of a strip fall into sub-blocks: `rounds` of a loop, in each of which `parts`
 * sub-blocks lie in known bits of the same bytes. Formats of 32 columns have a tile each round. */
struct shape {
    size_t rounds, parts, groups; /* groups of four columns of one sub-block */
    size_t block_bytes;           /* of one row in a tile */
    size_t values;                /* where the values start in a tile, in bytes of one row */
};

ALWAYS_INLINE struct shape shape_of(const enum dtype dtype)
{
    switch (dtype) {
    case DTYPE_Q8_0: return (struct shape){8, 1, 8, 34, 2};
    case DTYPE_Q4_1: return (struct shape){8, 1, 8, 20, 4};
    case DTYPE_Q5_0: return (struct shape){8, 1, 8, 22, 6};
    case DTYPE_Q5_1: return (struct shape){8, 1, 8, 24, 8};
    case DTYPE_Q4_K: return (struct shape){4, 2, 8, 144, 16};
    case DTYPE_Q5_K: return (struct shape){4, 2, 8, 176, 48};
    case DTYPE_Q6_K: return (struct shape){2, 8, 4, 210, 18};
    case DTYPE_IQ4_XS: return (struct shape){8, 1, 8, 136, 8};
    default: return (struct shape){8, 1, 8, 18, 2}; /* Q4_0, IQ4_NL */
    }
}

/* Whether 256 columns are one tile. */
ALWAYS_INLINE bool is_whole(const enum dtype dtype)
{
    return shape_of(dtype).block_bytes > 34;
}

ALWAYS_INLINE uint8x16_t nibbles(uint8x16_t bytes, const bool high)
{
    return high ? vshrq_n_u8(bytes, 4) : vandq_u8(bytes, vdupq_n_u8(15));
}

/* 16 in the bytes where a bit of `bits` is set that `bit` has too. */
ALWAYS_INLINE uint8x16_t sixteen_where(uint8x16_t bits, uint8x16_t bit)
{
    return vandq_u8(vtstq_u8(bits, bit), vdupq_n_u8(16));
}

/* The fifth bits of group g of Q5_0 and Q5_1: bits 4g to 4g + 3 of 32 for each row. */
ALWAYS_INLINE uint8x16_t fifth_bits(const uint8_t *bits, const size_t g)
{
    static const uint8_t rows[16] = {0, 0, 0, 0, 4, 4, 4, 4, 8, 8, 8, 8, 12, 12, 12, 12};
    const uint8x16_t byte = vaddq_u8(vld1q_u8(rows), vdupq_n_u8((uint8_t)(g / 2)));
    const uint8x16_t bit = vreinterpretq_u8_u32(vdupq_n_u32(g % 2 ? 0x80402010 : 0x08040201));
    return sixteen_where(vqtbl1q_u8(vld1q_u8(bits), byte), bit);
}

/* Levels of IQ4 as unsigned bytes. */
ALWAYS_INLINE uint8x16_t levels_of(uint8x16_t indices)
{
    const uint8x16_t levels = vreinterpretq_u8_s8(vld1q_s8(c_iq4_levels));
    return vqtbl1q_u8(vaddq_u8(levels, vdupq_n_u8(127)), indices);
}

/* Four bits and two above them. */
ALWAYS_INLINE uint8x16_t values_q6_k(const uint8_t *q, size_t round, const size_t part,
                                     const size_t g)
{
    const size_t group = part % 2 * 4 + g, place = part / 2;
    q += (round * 8 + group) * 3 * GROUP_BYTES;
    const uint8x16_t four = vld1q_u8(q + place % 2 * GROUP_BYTES);
    const uint8x16_t two = vld1q_u8(q + 2 * GROUP_BYTES);
    const uint8x16_t shifted = place == 0   ? vshlq_n_u8(two, 4)
                               : place == 1 ? vshlq_n_u8(two, 2)
                               : place == 2 ? two
                                            : vshrq_n_u8(two, 2);
    return vorrq_u8(nibbles(four, place >= 2), vandq_u8(shifted, vdupq_n_u8(48)));
}

/* Group g of part `part` of round `round`: four columns of the rows of vector v, as unsigned bytes.
 * `tile` is the round's tile. */
ALWAYS_INLINE uint8x16_t values_of(const enum dtype dtype, const uint8_t *tile, size_t round,
                                   const size_t part, const size_t g, size_t v)
{
    const uint8_t *q = tile + v * VECTOR_BYTES + shape_of(dtype).values * TILE_ROWS;
    const uint8_t *half =
        q + g % 4 * GROUP_BYTES; /* of formats whose bytes hold columns 16 apart */
    switch (dtype) {
    case DTYPE_Q8_0: return veorq_u8(vld1q_u8(q + g * GROUP_BYTES), vdupq_n_u8(0x80));
    case DTYPE_Q5_0:
    case DTYPE_Q5_1:
        return vorrq_u8(nibbles(vld1q_u8(half), g >= 4), fifth_bits(q - GROUP_BYTES, g));
    case DTYPE_Q4_K: return nibbles(vld1q_u8(q + (round * 8 + g) * GROUP_BYTES), part == 1);
    case DTYPE_Q5_K: {
        const uint8x16_t bits = vld1q_u8(q - 8 * GROUP_BYTES + g * GROUP_BYTES);
        const uint8x16_t bit = vdupq_n_u8((uint8_t)(1 << (2 * round + part)));
        return vorrq_u8(nibbles(vld1q_u8(q + (round * 8 + g) * GROUP_BYTES), part == 1),
                        sixteen_where(bits, bit));
    }
    case DTYPE_Q6_K: return values_q6_k(q, round, part, g);
    case DTYPE_IQ4_NL: return levels_of(nibbles(vld1q_u8(half), g >= 4));
    case DTYPE_IQ4_XS: return levels_of(nibbles(vld1q_u8(half + round * 4 * GROUP_BYTES), g >= 4));
    default: return nibbles(vld1q_u8(half), g >= 4);
    }
}

/* The rows of vector v of the field of halves that starts after `before` bytes of each row. */
ALWAYS_INLINE float32x4_t halves(const uint8_t *tile, size_t before, size_t v)
{
    const uint8_t *field = tile + before * TILE_ROWS + v * VECTOR_ROWS * sizeof(uint16_t);
    return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(field)));
}

/* The same of a field of bytes, as 32 bits. */
ALWAYS_INLINE uint32x4_t four_bytes(const uint8_t *tile, size_t before, size_t v)
{
    uint32_t bytes;
    memcpy(&bytes, tile + before * TILE_ROWS + v * VECTOR_ROWS, sizeof bytes);
    return vmovl_u16(vget_low_u16(vmovl_u8(vcreate_u8(bytes))));
}

/* Where the scale and the minimum of a sub-block go: one column of 32 rows for each. */
struct scale_columns {
    float (*scale)[TILE_ROWS], (*min)[TILE_ROWS];
};

ALWAYS_INLINE void put_scale(struct scale_columns to, size_t sub, size_t v, float32x4_t scale,
                             float32x4_t min)
{
    vst1q_f32(to.scale[sub] + v * VECTOR_ROWS, scale);
    vst1q_f32(to.min[sub] + v * VECTOR_ROWS, min);
}

ALWAYS_INLINE float32x4_t times(float32x4_t unit, uint32x4_t number)
{
    return vmulq_f32(unit, vcvtq_f32_u32(number));
}

/* Q4_K and Q5_K: six bits for each of eight scales and minima. */
ALWAYS_INLINE void scales_k(const uint8_t *tile, size_t v, struct scale_columns to)
{
    const float32x4_t d = halves(tile, 0, v), dmin = halves(tile, 2, v);
    const uint32x4_t six = vdupq_n_u32(63), four = vdupq_n_u32(15);
    for (size_t j = 0; j < 4; j++) {
        const uint32x4_t a = four_bytes(tile, 4 + j, v), b = four_bytes(tile, 8 + j, v);
        const uint32x4_t c = four_bytes(tile, 12 + j, v);
        put_scale(to, j, v, times(d, vandq_u32(a, six)), times(dmin, vandq_u32(b, six)));
        const uint32x4_t scale = vsliq_n_u32(vandq_u32(c, four), vshrq_n_u32(a, 6), 4);
        const uint32x4_t min = vsliq_n_u32(vshrq_n_u32(c, 4), vshrq_n_u32(b, 6), 4);
        put_scale(to, j + 4, v, times(d, scale), times(dmin, min));
    }
}

ALWAYS_INLINE void scales_q6_k(const uint8_t *tile, size_t v, struct scale_columns to)
{
    const float32x4_t d = halves(tile, 0, v);
    for (size_t j = 0; j < 16; j++) {
        const uint32x4_t byte = four_bytes(tile, 2 + j, v);
        const int32x4_t number = vshrq_n_s32(vshlq_n_s32(vreinterpretq_s32_u32(byte), 24), 24);
        const float32x4_t scale = vmulq_f32(d, vcvtq_f32_s32(number));
        put_scale(to, j, v, scale, vmulq_n_f32(scale, 32));
    }
}

/* Six bits less 32: four in the low bytes, two for each sub-block in the high words. */
ALWAYS_INLINE void scales_iq4_xs(const uint8_t *tile, size_t v, struct scale_columns to)
{
    const float32x4_t d = halves(tile, 0, v);
    const uint8_t *words = tile + 2 * TILE_ROWS + v * VECTOR_ROWS * sizeof(uint16_t);
    const uint32x4_t tops = vmovl_u16(vreinterpret_u16_u8(vld1_u8(words)));
    for (size_t j = 0; j < 8; j++) {
        const uint32x4_t bytes = four_bytes(tile, 4 + j / 2, v);
        const uint32x4_t four =
            vandq_u32(vshlq_u32(bytes, vdupq_n_s32(-(int)(j % 2 * 4))), vdupq_n_u32(15));
        const uint32x4_t two = vshlq_u32(tops, vdupq_n_s32(-(int)(2 * j)));
        const uint32x4_t bits = vorrq_u32(four, vshlq_n_u32(vandq_u32(two, vdupq_n_u32(3)), 4));
        const int32x4_t number = vsubq_s32(vreinterpretq_s32_u32(bits), vdupq_n_s32(32));
        const float32x4_t scale = vmulq_f32(d, vcvtq_f32_s32(number));
        put_scale(to, j, v, scale, vmulq_n_f32(scale, 127));
    }
}

/* Formats of 32 columns: one scale, and a minimum of their own or a fixed zero. */
ALWAYS_INLINE void scale_small(const enum dtype dtype, const uint8_t *tile, size_t round, size_t v,
                               struct scale_columns to)
{
    const float32x4_t d = halves(tile, 0, v);
    const float zero = dtype == DTYPE_Q8_0     ? 128
                       : dtype == DTYPE_Q4_0   ? 8
                       : dtype == DTYPE_IQ4_NL ? 127
                                               : 16;
    put_scale(to, round, v, d,
              dtype == DTYPE_Q4_1 || dtype == DTYPE_Q5_1 ? vnegq_f32(halves(tile, 2, v))
                                                         : vmulq_n_f32(d, zero));
}

/* Scales and minima of the sub-blocks of `rounds` rounds. */
ALWAYS_INLINE void scales_of(const enum dtype dtype, const uint8_t *tile, size_t rounds,
                             struct scale_columns to)
{
    for (size_t v = 0; v < VECTORS; v++) {
        if (dtype == DTYPE_Q4_K || dtype == DTYPE_Q5_K)
            scales_k(tile, v, to);
        else if (dtype == DTYPE_Q6_K)
            scales_q6_k(tile, v, to);
        else if (dtype == DTYPE_IQ4_XS)
            scales_iq4_xs(tile, v, to);
        else
            for (size_t r = 0; r < rounds; r++)
                scale_small(dtype, tile + r * shape_of(dtype).block_bytes * TILE_ROWS, r, v, to);
    }
}

/* The tile of a round. */
ALWAYS_INLINE const uint8_t *tile_of(const enum dtype dtype, const uint8_t *block, size_t round)
{
    return is_whole(dtype) ? block : block + round * shape_of(dtype).block_bytes * TILE_ROWS;
}
