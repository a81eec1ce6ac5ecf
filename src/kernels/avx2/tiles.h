/* The tiles of every block-quantised format (tile.h), in AVX2: 32 bytes of values are four columns
 * of eight rows, of which a tile has four times as many. For files compiled with -mavx2 -mfma
 * -mf16c. */
#pragma once

#include "kernels/c/c.h"
#include "kernels/tile.h"

#include <immintrin.h>

#define ALWAYS_INLINE static inline __attribute__((always_inline))

enum {
    VECTOR_ROWS = 8,
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

/* acc[8] += the sums of two products each of words. As instructions of their own: from intrinsics
 * GCC 12 makes a tree of sums whose leaves go through memory. */
ALWAYS_INLINE __m256i dot2(__m256i acc, __m256i w, __m256i x)
{
    __m256i products;
    __asm__("vpmaddwd %3, %2, %1\n\tvpaddd %1, %0, %0"
            : "+x"(acc), "=&x"(products)
            : "x"(w), "x"(x));
    return acc;
}

ALWAYS_INLINE __m256i load(const uint8_t *bytes)
{
    return _mm256_loadu_si256((const void *)bytes);
}

ALWAYS_INLINE __m256i nibbles(__m256i bytes, const bool high)
{
    return _mm256_and_si256(high ? _mm256_srli_epi16(bytes, 4) : bytes, _mm256_set1_epi8(15));
}

/* 16 in the bytes where a bit of `bits` is set that `bit` has too. */
ALWAYS_INLINE __m256i sixteen_where(__m256i bits, __m256i bit)
{
    const __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(bits, bit), bit);
    return _mm256_and_si256(set, _mm256_set1_epi8(16));
}

/* The fifth bits of group g of Q5_0 and Q5_1: bits 4g to 4g + 3 of 32 for each row. */
ALWAYS_INLINE __m256i fifth_bits(const uint8_t *bits, const size_t g)
{
    const __m256i rows = _mm256_set_epi32(12, 8, 4, 0, 12, 8, 4, 0);
    const __m256i first = _mm256_mullo_epi32(rows, _mm256_set1_epi32(0x01010101));
    const __m256i byte = _mm256_add_epi8(first, _mm256_set1_epi8((char)(g / 2)));
    const __m256i bit = _mm256_set1_epi32(g % 2 ? (int)0x80402010 : 0x08040201);
    return sixteen_where(_mm256_shuffle_epi8(load(bits), byte), bit);
}

/* Levels of IQ4 as unsigned bytes. */
ALWAYS_INLINE __m256i levels_of(__m256i indices)
{
    const __m128i levels = _mm_loadu_si128((const void *)c_iq4_levels);
    const __m128i bytes = _mm_add_epi8(levels, _mm_set1_epi8(127));
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(bytes), indices);
}

/* Four bits and two above them. */
ALWAYS_INLINE __m256i values_q6_k(const uint8_t *q, size_t round, const size_t part, const size_t g)
{
    const size_t group = part % 2 * 4 + g, place = part / 2;
    q += (round * 8 + group) * 3 * GROUP_BYTES;
    const __m256i four = load(q + place % 2 * GROUP_BYTES), two = load(q + 2 * GROUP_BYTES);
    const __m256i shifted = place == 0   ? _mm256_slli_epi16(two, 4)
                            : place == 1 ? _mm256_slli_epi16(two, 2)
                            : place == 2 ? two
                                         : _mm256_srli_epi16(two, 2);
    return _mm256_or_si256(nibbles(four, place >= 2),
                           _mm256_and_si256(shifted, _mm256_set1_epi8(48)));
}

/* Group g of part `part` of round `round`: four columns of the rows of vector v, as unsigned bytes.
 * `tile` is the round's tile. */
ALWAYS_INLINE __m256i values_of(const enum dtype dtype, const uint8_t *tile, size_t round,
                                const size_t part, const size_t g, const size_t v)
{
    const uint8_t *q = tile + v * VECTOR_BYTES + shape_of(dtype).values * TILE_ROWS;
    switch (dtype) {
    case DTYPE_Q8_0:
        return _mm256_xor_si256(load(q + g * GROUP_BYTES), _mm256_set1_epi8((char)0x80));
    case DTYPE_Q5_0:
        return _mm256_or_si256(nibbles(load(q + g % 4 * GROUP_BYTES), g >= 4),
                               fifth_bits(q - GROUP_BYTES, g));
    case DTYPE_Q5_1:
        return _mm256_or_si256(nibbles(load(q + g % 4 * GROUP_BYTES), g >= 4),
                               fifth_bits(q - GROUP_BYTES, g));
    case DTYPE_Q4_K: return nibbles(load(q + (round * 8 + g) * GROUP_BYTES), part == 1);
    case DTYPE_Q5_K: {
        const __m256i bits = load(q - 8 * GROUP_BYTES + g * GROUP_BYTES);
        const __m256i bit = _mm256_set1_epi8((char)(1 << (2 * round + part)));
        return _mm256_or_si256(nibbles(load(q + (round * 8 + g) * GROUP_BYTES), part == 1),
                               sixteen_where(bits, bit));
    }
    case DTYPE_Q6_K: return values_q6_k(q, round, part, g);
    case DTYPE_IQ4_NL: return levels_of(nibbles(load(q + g % 4 * GROUP_BYTES), g >= 4));
    case DTYPE_IQ4_XS:
        return levels_of(nibbles(load(q + (round * 4 + g % 4) * GROUP_BYTES), g >= 4));
    default: return nibbles(load(q + g % 4 * GROUP_BYTES), g >= 4);
    }
}

/* The rows of vector v of the field of halves that starts after `before` bytes of each row. */
ALWAYS_INLINE __m256 halves(const uint8_t *tile, size_t before, size_t v)
{
    const uint8_t *field = tile + before * TILE_ROWS + v * VECTOR_ROWS * sizeof(uint16_t);
    return _mm256_cvtph_ps(_mm_loadu_si128((const void *)field));
}

ALWAYS_INLINE __m128i eight_bytes(const uint8_t *from)
{
    return _mm_loadl_epi64((const void *)from);
}

ALWAYS_INLINE __m256 small_numbers(__m128i bytes)
{
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes));
}

/* Where the scale and the minimum of a sub-block go: one column of 32 rows for each. */
struct scale_columns {
    float (*scale)[TILE_ROWS], (*min)[TILE_ROWS];
};

ALWAYS_INLINE void put_scale(struct scale_columns to, size_t sub, size_t v, __m256 scale,
                             __m256 min)
{
    _mm256_store_ps(to.scale[sub] + v * VECTOR_ROWS, scale);
    _mm256_store_ps(to.min[sub] + v * VECTOR_ROWS, min);
}

/* Q4_K and Q5_K: six bits for each of eight scales and minima. */
ALWAYS_INLINE void scales_k(const uint8_t *tile, size_t v, struct scale_columns to)
{
    const __m256 d = halves(tile, 0, v), dmin = halves(tile, 2, v);
    const uint8_t *s = tile + 4 * TILE_ROWS + v * VECTOR_ROWS;
    const __m128i six = _mm_set1_epi8(63), four = _mm_set1_epi8(15), top = _mm_set1_epi8(48);
    for (size_t j = 0; j < 4; j++, s += TILE_ROWS) {
        const __m128i a = eight_bytes(s), b = eight_bytes(s + 4 * TILE_ROWS);
        const __m128i c = eight_bytes(s + 8 * TILE_ROWS);
        const __m128i scale =
            _mm_or_si128(_mm_and_si128(c, four), _mm_and_si128(_mm_srli_epi16(a, 2), top));
        const __m128i min = _mm_or_si128(_mm_and_si128(_mm_srli_epi16(c, 4), four),
                                         _mm_and_si128(_mm_srli_epi16(b, 2), top));
        put_scale(to, j, v, _mm256_mul_ps(d, small_numbers(_mm_and_si128(a, six))),
                  _mm256_mul_ps(dmin, small_numbers(_mm_and_si128(b, six))));
        put_scale(to, j + 4, v, _mm256_mul_ps(d, small_numbers(scale)),
                  _mm256_mul_ps(dmin, small_numbers(min)));
    }
}

ALWAYS_INLINE void scales_q6_k(const uint8_t *tile, size_t v, struct scale_columns to)
{
    const __m256 d = halves(tile, 0, v);
    const uint8_t *s = tile + 2 * TILE_ROWS + v * VECTOR_ROWS;
    for (size_t j = 0; j < 16; j++, s += TILE_ROWS) {
        const __m256 number = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(eight_bytes(s)));
        const __m256 scale = _mm256_mul_ps(d, number);
        put_scale(to, j, v, scale, _mm256_mul_ps(scale, _mm256_set1_ps(32)));
    }
}

/* Six bits less 32: four in the low bytes, two for each sub-block in the high words. */
ALWAYS_INLINE void scales_iq4_xs(const uint8_t *tile, size_t v, struct scale_columns to)
{
    const __m256 d = halves(tile, 0, v);
    const __m256i tops =
        _mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)(tile + 2 * TILE_ROWS + v * 16)));
    const uint8_t *low = tile + 4 * TILE_ROWS + v * VECTOR_ROWS;
    for (size_t j = 0; j < 8; j++) {
        const __m256i bytes = _mm256_cvtepu8_epi32(eight_bytes(low + j / 2 * TILE_ROWS));
        const __m256i four =
            _mm256_and_si256(_mm256_srli_epi32(bytes, (int)(j % 2 * 4)), _mm256_set1_epi32(15));
        const __m256i two =
            _mm256_and_si256(_mm256_srli_epi32(tops, (int)(2 * j)), _mm256_set1_epi32(3));
        const __m256i bits = _mm256_or_si256(four, _mm256_slli_epi32(two, 4));
        const __m256i number = _mm256_sub_epi32(bits, _mm256_set1_epi32(32));
        const __m256 scale = _mm256_mul_ps(d, _mm256_cvtepi32_ps(number));
        put_scale(to, j, v, scale, _mm256_mul_ps(scale, _mm256_set1_ps(127)));
    }
}

/* Formats of 32 columns: one scale, and a minimum of their own or a fixed zero. */
ALWAYS_INLINE void scale_small(const enum dtype dtype, const uint8_t *tile, size_t round, size_t v,
                               struct scale_columns to)
{
    const __m256 d = halves(tile, 0, v);
    __m256 min;
    if (dtype == DTYPE_Q4_1 || dtype == DTYPE_Q5_1) {
        min = _mm256_xor_ps(halves(tile, 2, v), _mm256_set1_ps(-0.0f));
    } else {
        const float zero = dtype == DTYPE_Q8_0     ? 128
                           : dtype == DTYPE_Q4_0   ? 8
                           : dtype == DTYPE_IQ4_NL ? 127
                                                   : 16;
        min = _mm256_mul_ps(d, _mm256_set1_ps(zero));
    }
    put_scale(to, round, v, d, min);
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
