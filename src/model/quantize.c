#include "model/quantize.h"

#include "kernels/half.h"
#include "model/scale_search.h"

#include <math.h>
#include <string.h>

enum { SMALL = 32, SUPER = 256 };

static const float half_max = 65504, value_max = 1e30f;

/* Writes a half, and returns the float that a reader will see. */
static float put_half(uint8_t *to, float value)
{
    value = value > half_max ? half_max : value < -half_max ? -half_max : value;
    const uint16_t half = f32_to_f16(value);
    to[0] = (uint8_t)half;
    to[1] = (uint8_t)(half >> 8);
    return f16_to_f32(half);
}

static float inverse(float value)
{
    return value != 0 ? 1 / value : 0;
}

/* q = (x + add) · by to the nearest integer in [least, most], which are below 2^22. */
static inline void round_all(const float *x, size_t n, float add, float by, float least, float most,
                             int32_t *q)
{
    for (size_t i = 0; i < n; i++) {
        float v = (x[i] + add) * by;
        v = v > least ? v : least;
        v = v < most ? v : most;
        q[i] = (int32_t)(v + 0x1.8p23f - 0x1.8p23f);
    }
}

static int32_t round_one(float x, float by, float least, float most)
{
    int32_t q;
    round_all(&x, 1, 0, by, least, most, &q);
    return q;
}

static void quantize_q8_0(const float *x, uint8_t *block)
{
    float most = 0;
    int32_t q[SMALL];
    for (size_t i = 0; i < SMALL; i++)
        most = fabsf(x[i]) > most ? fabsf(x[i]) : most;
    round_all(x, SMALL, 0, inverse(put_half(block, most / 127)), -127, 127, q);
    for (size_t i = 0; i < SMALL; i++)
        block[2 + i] = (uint8_t)(int8_t)q[i];
}

/* Value i < 16 is the low nibble of byte i, value i + 16 the high one. */
static void put_nibbles(const int32_t q[SMALL], uint8_t *nibbles)
{
    for (size_t i = 0; i < 16; i++)
        nibbles[i] = (uint8_t)((q[i] & 15) | (q[i + 16] & 15) << 4);
}

/* Bit 4 of value i is bit i. */
static void put_fifth_bits(const int32_t q[SMALL], uint8_t bits[4])
{
    memset(bits, 0, 4);
    for (size_t i = 0; i < SMALL; i++)
        bits[i / 8] |= (uint8_t)((q[i] >> 4) << (i % 8));
}

/* Q4_0 and Q5_0: x = d·(q - half). */
static void quantize_signed(const float *x, uint8_t *block, int half)
{
    int32_t q[SMALL];
    const float by = inverse(put_half(block, fit_signed(x, SMALL, half)));
    round_all(x, SMALL, 0, by, -(float)half, (float)half - 1, q);
    for (size_t i = 0; i < SMALL; i++)
        q[i] += half;
    if (half == 16)
        put_fifth_bits(q, block + 2);
    put_nibbles(q, block + (half == 16 ? 6 : 2));
}

/* Q4_1 and Q5_1: x = d·q + m. */
static void quantize_affine(const float *x, uint8_t *block, int levels)
{
    int32_t q[SMALL];
    const struct affine_fit fit = fit_affine(x, SMALL, levels, false);
    const float d = put_half(block, fit.scale), m = put_half(block + 2, -fit.min);
    round_all(x, SMALL, -m, inverse(d), 0, (float)levels, q);
    if (levels == 31)
        put_fifth_bits(q, block + 4);
    put_nibbles(q, block + (levels == 31 ? 8 : 4));
}

/* The twelve bytes of eight six-bit scales and minima, zero before the first. */
static void put_k_scale(uint8_t *s, size_t j, int32_t scale, int32_t min)
{
    if (j < 4) {
        s[j] |= (uint8_t)scale;
        s[j + 4] |= (uint8_t)min;
        return;
    }
    s[j + 4] |= (uint8_t)((scale & 15) | (min & 15) << 4);
    s[j - 4] |= (uint8_t)(scale >> 4 << 6);
    s[j] |= (uint8_t)(min >> 4 << 6);
}

/* Q4_K and Q5_K: x = (d·sc)·q - (dmin·mn). */
static void quantize_k(const float *x, uint8_t *block, int levels)
{
    const bool fifth = levels == 31;
    uint8_t *high = block + 16, *nibbles = block + (fifth ? 48 : 16);
    struct affine_fit fits[8];
    float scale_max = 0, min_max = 0;
    memset(block, 0, fifth ? 176 : 144);
    for (size_t j = 0; j < 8; j++) {
        fits[j] = fit_affine(x + SMALL * j, SMALL, levels, true);
        scale_max = fmaxf(scale_max, fits[j].scale);
        min_max = fmaxf(min_max, fits[j].min);
    }
    const float d = put_half(block, scale_max / 63), dmin = put_half(block + 2, min_max / 63);
    for (size_t j = 0; j < 8; j++) {
        int32_t q[SMALL];
        const int32_t sc = round_one(fits[j].scale, inverse(d), 0, 63);
        const int32_t mn = round_one(fits[j].min, inverse(dmin), 0, 63);
        put_k_scale(block + 4, j, sc, mn);
        round_all(x + SMALL * j, SMALL, dmin * (float)mn, inverse(d * (float)sc), 0, (float)levels,
                  q);
        for (size_t l = 0; l < SMALL; l++)
            nibbles[j / 2 * SMALL + l] |= (uint8_t)((q[l] & 15) << (j % 2 * 4));
        for (size_t l = 0; fifth && l < SMALL; l++)
            high[l] |= (uint8_t)((q[l] >> 4) << j);
    }
}

/* x = (d·scale)·(q - 32), scales of sixteen values in eight bits. */
static void quantize_q6_k(const float *x, uint8_t *block)
{
    float scales[16], most = 0;
    int32_t q[SUPER];
    for (size_t j = 0; j < 16; j++) {
        scales[j] = fit_signed(x + 16 * j, 16, 32);
        most = fabsf(scales[j]) > fabsf(most) ? scales[j] : most;
    }
    const float d = put_half(block + 208, most / -128);
    for (size_t j = 0; j < 16; j++) {
        const int32_t scale = round_one(scales[j], inverse(d), -128, 127);
        block[192 + j] = (uint8_t)(int8_t)scale;
        round_all(x + 16 * j, 16, 0, inverse(d * (float)scale), -32, 31, q + 16 * j);
    }
    for (size_t half = 0; half < 2; half++) {
        const int32_t *h = q + 128 * half; /* four runs of 32, in the quarters of the bytes */
        uint8_t *low = block + 64 * half, *high = block + 128 + 32 * half;
        for (size_t l = 0; l < 32; l++) {
            const int32_t a = h[l] + 32, b = h[l + 32] + 32, c = h[l + 64] + 32, e = h[l + 96] + 32;
            low[l] = (uint8_t)((a & 15) | (c & 15) << 4);
            low[l + 32] = (uint8_t)((b & 15) | (e & 15) << 4);
            high[l] = (uint8_t)(a >> 4 | b >> 4 << 2 | c >> 4 << 4 | e >> 4 << 6);
        }
    }
}

static void quantize_block(enum dtype dtype, const float *x, uint8_t *block)
{
    switch (dtype) {
    case DTYPE_Q8_0: quantize_q8_0(x, block); break;
    case DTYPE_Q4_0: quantize_signed(x, block, 8); break;
    case DTYPE_Q5_0: quantize_signed(x, block, 16); break;
    case DTYPE_Q4_1: quantize_affine(x, block, 15); break;
    case DTYPE_Q5_1: quantize_affine(x, block, 31); break;
    case DTYPE_Q4_K: quantize_k(x, block, 15); break;
    case DTYPE_Q5_K: quantize_k(x, block, 31); break;
    default: quantize_q6_k(x, block); break;
    }
}

bool quantize_supports(enum dtype dtype)
{
    return dtype >= DTYPE_Q8_0 && dtype <= DTYPE_Q6_K;
}

void quantize(enum dtype dtype, const float *x, size_t n, void *blocks)
{
    const size_t values = dtype_info(dtype)->values, bytes = dtype_info(dtype)->bytes;
    uint8_t *to = blocks;
    for (size_t i = 0; i < n; i += values, to += bytes) {
        float bounded[SUPER];
        for (size_t k = 0; k < values; k++) {
            const float v = x[i + k];
            bounded[k] = !isfinite(v)     ? 0
                         : v > value_max  ? value_max
                         : v < -value_max ? -value_max
                                          : v;
        }
        quantize_block(dtype, bounded, to);
    }
}

void quantize_row(const struct kernels *kernels, enum dtype dtype, const float *x, size_t n,
                  void *out)
{
    if (quantize_supports(dtype)) {
        quantize(dtype, x, n, out);
    } else if (dtype == DTYPE_BF16) {
        uint16_t *to = out;
        for (size_t i = 0; i < n; i++)
            to[i] = f32_to_bf16(x[i]);
    } else {
        kernels->from_f32[dtype](out, x, n);
    }
}
