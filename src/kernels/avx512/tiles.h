/* What the integer kernels in AVX-512 share: the fields of a tile in registers. */
#pragma once

#include "kernels/tile.h"

#include <immintrin.h>

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* A tile's 32 rows are two vectors: HALVES of LANES rows. */
enum { LANES = 16, HALVES = TILE_ROWS / LANES, HALF_BYTES = LANES * GROUP_COLS };

/* acc[16] += the sums of four products each, unsigned by signed. As an instruction of its own: the
 * intrinsic makes GCC 12 copy the accumulators of a loop to memory and back. */
ALWAYS_INLINE __m512i dot4(__m512i acc, __m512i w, __m512i x)
{
    __asm__("vpdpbusd %2, %1, %0" : "+v"(acc) : "v"(w), "v"(x));
    return acc;
}

/* Sixteen numbers of a tile's field of F16. */
ALWAYS_INLINE __m512 halves(const uint8_t *field)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const void *)field));
}

ALWAYS_INLINE __m512i low_nibbles(__m512i bytes)
{
    return _mm512_and_si512(bytes, _mm512_set1_epi8(15));
}

ALWAYS_INLINE __m512i high_nibbles(__m512i bytes)
{
    return _mm512_and_si512(_mm512_srli_epi16(bytes, 4), _mm512_set1_epi8(15));
}

/* The j-th sixteen bytes as floats. */
ALWAYS_INLINE __m512 quarter(__m512i bytes, const int j)
{
    const __m128i quarters[4] = {
        _mm512_castsi512_si128(bytes),
        _mm512_extracti32x4_epi32(bytes, 1),
        _mm512_extracti32x4_epi32(bytes, 2),
        _mm512_extracti32x4_epi32(bytes, 3),
    };
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(quarters[j]));
}

/* The six-bit scales and minima of the eight sub-blocks of Q4_K and Q5_K. Twelve bytes of each row
 * hold them; a vector holds two of these bytes of 32 rows. */
ALWAYS_INLINE void k_scales(const uint8_t *tile, float (*scale)[TILE_ROWS], float (*min)[TILE_ROWS])
{
    const uint8_t *bytes = tile + 4 * TILE_ROWS;
    const __m512i six = _mm512_set1_epi8(63), top = _mm512_set1_epi8(48);
    __m512i scales[4], mins[4];
#pragma GCC unroll 2
    for (size_t i = 0; i < 2; i++) {
        const __m512i a = _mm512_loadu_si512(bytes + i * 2 * TILE_ROWS);
        const __m512i b = _mm512_loadu_si512(bytes + (4 + i * 2) * TILE_ROWS);
        const __m512i c = _mm512_loadu_si512(bytes + (8 + i * 2) * TILE_ROWS);
        scales[i] = _mm512_and_si512(a, six);
        mins[i] = _mm512_and_si512(b, six);
        scales[2 + i] =
            _mm512_or_si512(low_nibbles(c), _mm512_and_si512(_mm512_srli_epi16(a, 2), top));
        mins[2 + i] =
            _mm512_or_si512(high_nibbles(c), _mm512_and_si512(_mm512_srli_epi16(b, 2), top));
    }
#pragma GCC unroll 2
    for (int half = 0; half < HALVES; half++) {
        const __m512 d = halves(tile + half * 2 * LANES);
        const __m512 dmin = halves(tile + 2 * TILE_ROWS + half * 2 * LANES);
#pragma GCC unroll 8
        for (int j = 0; j < 8; j++) {
            const int place = j % 2 * 2 + half;
            _mm512_store_ps(scale[j] + half * LANES,
                            _mm512_mul_ps(quarter(scales[j / 2], place), d));
            _mm512_store_ps(min[j] + half * LANES,
                            _mm512_mul_ps(quarter(mins[j / 2], place), dmin));
        }
    }
}

/* The sixteen scales of Q6_K. */
ALWAYS_INLINE void q6_scales(const uint8_t *tile, float (*scale)[TILE_ROWS])
{
#pragma GCC unroll 2
    for (size_t half = 0; half < HALVES; half++) {
        const __m512 d = halves(tile + half * 2 * LANES);
        for (size_t j = 0; j < 16; j++) {
            const __m128i bytes =
                _mm_loadu_si128((const void *)(tile + (2 + j) * TILE_ROWS + half * LANES));
            _mm512_store_ps(scale[j] + half * LANES,
                            _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes)), d));
        }
    }
}
