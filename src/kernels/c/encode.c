/* F32 to the formats that keys and values are kept in. */
#include "kernels/c/c.h"
#include "kernels/half.h"

#include <math.h>
#include <string.h>

void c_f32_from_f32(void *dst, const float *src, size_t n)
{
    memcpy(dst, src, n * sizeof *src);
}

void c_f16_from_f32(void *dst, const float *src, size_t n)
{
    uint16_t *half = dst;
    for (size_t i = 0; i < n; i++)
        half[i] = f32_to_f16(src[i]);
}

enum { Q8_0_VALUES = 32, Q8_0_BYTES = 34 };

/* A block: the scale as F16, then 32 codes of one byte (ggml's block_q8_0). */
void c_q8_0_from_f32(void *dst, const float *src, size_t n)
{
    uint8_t *to = dst;
    for (size_t i = 0; i < n; i += Q8_0_VALUES, to += Q8_0_BYTES) {
        float highest = 0;
        for (size_t j = 0; j < Q8_0_VALUES; j++)
            highest = fmaxf(highest, fabsf(src[i + j]));
        const float scale = highest / 127.0f, inverse = scale > 0 ? 1.0f / scale : 0;
        const uint16_t half = f32_to_f16(scale);
        memcpy(to, &half, sizeof half);
        for (size_t j = 0; j < Q8_0_VALUES; j++)
            to[2 + j] = (uint8_t)(int8_t)roundf(src[i + j] * inverse);
    }
}
