/* 16-bit floating-point numbers to F32, exactly. */
#pragma once

#include <stdint.h>
#include <string.h>

static inline float float_from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* BF16 is the upper half of F32. */
static inline float bf16_to_f32(uint16_t half)
{
    return float_from_bits((uint32_t)half << 16);
}

/* IEEE 754 binary16: 1 sign, 5 exponent, 10 fraction bits. */
static inline float f16_to_f32(uint16_t half)
{
    const uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    const uint32_t magnitude = half & 0x7fff;
    if (magnitude >= 0x7c00) /* infinity or NaN */
        return float_from_bits(sign | 0x7f800000 | (magnitude & 0x3ff) << 13);
    if (magnitude >= 0x0400) /* normal: the exponents' biases differ by 112 */
        return float_from_bits(sign | ((magnitude << 13) + (112u << 23)));
    const float subnormal = (float)magnitude * 0x1p-24f;
    return sign ? -subnormal : subnormal;
}
