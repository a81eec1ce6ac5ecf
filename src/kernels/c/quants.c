/* Block-quantised weights to F32, value by value as the formats define them (specification 10.5 and
 * 11). Every step is rounded to F32 in the order written, so that the values are those of ggml. */
#include "kernels/c/c.h"
#include "kernels/half.h"

enum { SMALL = 32, SUPER = 256 }; /* values of a block */

static float half_at(const uint8_t *bytes)
{
    return f16_to_f32((uint16_t)(bytes[0] | bytes[1] << 8));
}

static uint32_t word_at(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

/* d[2], q[32] int8: x = d·q */
void c_q8_0_to_f32(float *dst, const void *src, size_t n)
{
    const uint8_t *block = src;
    for (size_t i = 0; i < n; i += SMALL, block += 34) {
        const float d = half_at(block);
        for (size_t j = 0; j < SMALL; j++)
            dst[i + j] = d * (float)(int8_t)block[2 + j];
    }
}

/* The four bits of value j < 32: values 0–15 are low nibbles, 16–31 high ones. */
static int nibble(const uint8_t *nibbles, size_t j)
{
    return j < 16 ? nibbles[j] & 15 : nibbles[j - 16] >> 4;
}

/* d[2], nibbles[16]: x = d·(nibble - 8) */
void c_q4_0_to_f32(float *dst, const void *src, size_t n)
{
    const uint8_t *block = src;
    for (size_t i = 0; i < n; i += SMALL, block += 18) {
        const float d = half_at(block);
        for (size_t j = 0; j < SMALL; j++)
            dst[i + j] = d * (float)(nibble(block + 2, j) - 8);
    }
}

/* d[2], m[2], nibbles[16]: x = d·nibble + m */
void c_q4_1_to_f32(float *dst, const void *src, size_t n)
{
    const uint8_t *block = src;
    for (size_t i = 0; i < n; i += SMALL, block += 20) {
        const float d = half_at(block), m = half_at(block + 2);
        for (size_t j = 0; j < SMALL; j++)
            dst[i + j] = d * (float)nibble(block + 4, j) + m;
    }
}

/* d[2], fifth bits[4], nibbles[16]: x = d·(q - 16) */
void c_q5_0_to_f32(float *dst, const void *src, size_t n)
{
    const uint8_t *block = src;
    for (size_t i = 0; i < n; i += SMALL, block += 22) {
        const float d = half_at(block);
        const uint32_t high = word_at(block + 2);
        for (size_t j = 0; j < SMALL; j++)
            dst[i + j] = d * (float)((nibble(block + 6, j) | (int)(high >> j & 1) << 4) - 16);
    }
}

/* d[2], m[2], fifth bits[4], nibbles[16]: x = d·q + m */
void c_q5_1_to_f32(float *dst, const void *src, size_t n)
{
    const uint8_t *block = src;
    for (size_t i = 0; i < n; i += SMALL, block += 24) {
        const float d = half_at(block), m = half_at(block + 2);
        const uint32_t high = word_at(block + 4);
        for (size_t j = 0; j < SMALL; j++)
            dst[i + j] = d * (float)(nibble(block + 8, j) | (int)(high >> j & 1) << 4) + m;
    }
}

/* The six bits of scale and minimum of sub-block j < 8, from the 12 bytes of a Q4_K or Q5_K. */
static void k_scale(const uint8_t *s, size_t j, float *scale, float *minimum)
{
    const int low = j < 4;
    const int sc = low ? s[j] & 63 : (s[j + 4] & 15) | (s[j - 4] >> 6) << 4;
    const int mn = low ? s[j + 4] & 63 : s[j + 4] >> 4 | (s[j] >> 6) << 4;
    *scale = (float)sc;
    *minimum = (float)mn;
}

/* d[2], dmin[2], scales[12], nibbles[128]: x = (d·sc)·q - (dmin·mn). Sub-blocks 2t and 2t + 1 are
 * the low and high nibbles of bytes 32t … 32t + 31. */
void c_q4_k_to_f32(float *dst, const void *src, size_t n)
{
    const uint8_t *block = src;
    for (size_t i = 0; i < n; i += SUPER, block += 144) {
        const float d = half_at(block), dmin = half_at(block + 2);
        for (size_t j = 0; j < 8; j++) {
            float scale, minimum;
            k_scale(block + 4, j, &scale, &minimum);
            const uint8_t *q = block + 16 + j / 2 * 32;
            for (size_t l = 0; l < 32; l++)
                dst[i + j * 32 + l] =
                    d * scale * (float)(q[l] >> (j % 2 * 4) & 15) - dmin * minimum;
        }
    }
}

/* d[2], dmin[2], scales[12], fifth bits[32], nibbles[128]: as Q4_K; bit j of fifth[l] belongs to
 * value l of sub-block j. */
void c_q5_k_to_f32(float *dst, const void *src, size_t n)
{
    const uint8_t *block = src;
    for (size_t i = 0; i < n; i += SUPER, block += 176) {
        const float d = half_at(block), dmin = half_at(block + 2);
        const uint8_t *fifth = block + 16;
        for (size_t j = 0; j < 8; j++) {
            float scale, minimum;
            k_scale(block + 4, j, &scale, &minimum);
            const uint8_t *q = block + 48 + j / 2 * 32;
            for (size_t l = 0; l < 32; l++) {
                const int value = (q[l] >> (j % 2 * 4) & 15) | (fifth[l] >> j & 1) << 4;
                dst[i + j * 32 + l] = d * scale * (float)value - dmin * minimum;
            }
        }
    }
}

/* ql[128], qh[64], scales[16] int8, d[2]: x = (d·scale)·(q - 32). Two halves of 128 values; in
 * each, value 32k + l has its low bits in ql[l + 32·(k mod 2)] and its high two in qh[l]. */
void c_q6_k_to_f32(float *dst, const void *src, size_t n)
{
    const uint8_t *block = src;
    for (size_t i = 0; i < n; i += SUPER, block += 210) {
        const float d = half_at(block + 208);
        for (size_t j = 0; j < SUPER; j++) {
            const size_t h = j / 128, k = j % 128 / 32, l = j % 32;
            const uint8_t *ql = block + 64 * h, *qh = block + 128 + 32 * h;
            const int low = ql[l + 32 * (k % 2)] >> (k / 2 * 4) & 15;
            const int value = (low | (qh[l] >> (2 * k) & 3) << 4) - 32;
            const float scale = (float)(int8_t)block[192 + 8 * h + 2 * k + l / 16];
            dst[i + j] = d * scale * (float)value;
        }
    }
}

/* The sixteen levels of the non-linear four-bit formats (ggml, kvalues_iq4nl). */
const int8_t c_iq4_levels[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                 1,    13,   25,  38,  53,  69,  89,  113};

/* d[2], nibbles[16]: x = d·level */
void c_iq4_nl_to_f32(float *dst, const void *src, size_t n)
{
    const uint8_t *block = src;
    for (size_t i = 0; i < n; i += SMALL, block += 18) {
        const float d = half_at(block);
        for (size_t j = 0; j < SMALL; j++)
            dst[i + j] = d * (float)c_iq4_levels[nibble(block + 2, j)];
    }
}

/* d[2], high bits of the scales[2], low bits[4], nibbles[128]: x = d·(scale - 32)·level */
void c_iq4_xs_to_f32(float *dst, const void *src, size_t n)
{
    const uint8_t *block = src;
    for (size_t i = 0; i < n; i += SUPER, block += 136) {
        const float d = half_at(block);
        const uint32_t high = (uint32_t)(block[2] | block[3] << 8);
        for (size_t j = 0; j < 8; j++) {
            const int low = block[4 + j / 2] >> (j % 2 * 4) & 15;
            const int scale = (low | (int)(high >> (2 * j) & 3) << 4) - 32;
            for (size_t l = 0; l < 32; l++)
                dst[i + j * 32 + l] =
                    d * (float)scale * (float)c_iq4_levels[nibble(block + 8 + j * 16, l)];
        }
    }
}

/* OCP FP8: 1 sign, 4 exponent (bias 7), 3 fraction bits; no infinities, 0x7F and 0xFF are NaN. */
static float e4m3(uint8_t code)
{
    const int exponent = code >> 3 & 15, fraction = code & 7;
    if ((code & 0x7F) == 0x7F)
        return float_from_bits((uint32_t)(code & 0x80) << 24 | 0x7FC00000);
    const float magnitude =
        exponent ? float_from_bits((uint32_t)(exponent + 120) << 23 | (uint32_t)fraction << 20)
                 : (float)fraction * 0x1p-9f;
    return code & 0x80 ? -magnitude : magnitude;
}

void c_f8_e4m3_to_f32(float *dst, const void *src, size_t n)
{
    const uint8_t *codes = src;
    for (size_t i = 0; i < n; i++)
        dst[i] = e4m3(codes[i]);
}
