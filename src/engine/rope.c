#include "engine/rope.h"

#include <assert.h>
#include <math.h>

/* 1 / theta^(2j / dim) in float32 steps. glibc's powf gives torch's table bit for bit except one
 * entry of the official text frequencies (j = 19, one unit in the last place: 2e-4 rad at position
 * 262144). Computing in double would differ from torch in a quarter of the entries. */
static float inverse_frequency(float theta, uint32_t j, uint32_t dim)
{
    return 1.0f / powf(theta, (float)(2 * j) / (float)dim);
}

/* Interleaved M-RoPE: T H W T H W … while H and W have frequencies left, then T. */
static uint8_t axis_of(uint32_t j, const uint32_t section[3])
{
    const uint32_t axis = j % 3;
    return axis != 0 && j < 3 * section[axis] ? (uint8_t)axis : 0;
}

void text_rope_init(struct text_rope *rope, const struct text_config *config)
{
    rope->half = config->head_dim / 2;
    assert(rope->half <= ROPE_HALF_MAX);
    for (uint32_t j = 0; j < rope->half; j++) {
        rope->inverse[j] = inverse_frequency(config->rope_theta, j, config->head_dim);
        rope->axis[j] = axis_of(j, config->mrope_section);
    }
}

void text_rope_row(const struct text_rope *rope, const int32_t position[3], float *cos, float *sin)
{
    for (uint32_t j = 0; j < rope->half; j++) {
        const float angle = (float)position[rope->axis[j]] * rope->inverse[j];
        cos[j] = cosf(angle);
        sin[j] = sinf(angle);
    }
}

void vision_rope_init(struct vision_rope *rope, uint32_t head_dim)
{
    assert(head_dim % 4 == 0 && head_dim <= 2 * ROPE_HALF_MAX);
    rope->quarter = head_dim / 4;
    for (uint32_t j = 0; j < rope->quarter; j++)
        rope->inverse[j] = inverse_frequency(10000.0f, j, head_dim / 2);
}

void vision_rope_patch(const struct vision_rope *rope, uint32_t row, uint32_t column, float *cos,
                       float *sin)
{
    const uint32_t n = rope->quarter;
    for (uint32_t j = 0; j < n; j++) {
        const float of_row = (float)row * rope->inverse[j];
        const float of_column = (float)column * rope->inverse[j];
        cos[j] = cosf(of_row);
        sin[j] = sinf(of_row);
        cos[n + j] = cosf(of_column);
        sin[n + j] = sinf(of_column);
    }
}
