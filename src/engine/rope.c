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

/* Which frequency turns so many times in the original context. */
static double turning(const struct text_config *c, float rotations)
{
    const double tau = 6.283185307179586;
    return c->head_dim * log(c->yarn.original_positions / ((double)rotations * tau)) /
           (2 * log((double)c->rope_theta));
}

/* Where the ramp between frequencies that stay and frequencies that slow down begins and ends. */
static void find_ramp(const struct text_config *c, double *low, double *high)
{
    *low = turning(c, c->yarn.beta_fast);
    *high = turning(c, c->yarn.beta_slow);
    if (c->yarn.truncate) {
        *low = floor(*low);
        *high = ceil(*high);
    }
    *low = fmax(*low, 0);
    *high = fmin(*high, c->head_dim - 1);
    if (*low == *high)
        *high += 0.001;
}

/* In float32 steps, as transformers' _compute_yarn_parameters. */
static void stretch(struct text_rope *rope, const struct text_config *c)
{
    double low, high;
    find_ramp(c, &low, &high);
    for (uint32_t j = 0; j < rope->half; j++) {
        const float power = powf(c->rope_theta, (float)(2 * j) / (float)c->head_dim);
        const float ramp = ((float)j - (float)low) / (float)(high - low);
        const float stays = 1 - fminf(fmaxf(ramp, 0), 1);
        const float slow = 1.0f / (c->yarn.factor * power);
        rope->inverse[j] = slow * (1 - stays) + rope->inverse[j] * stays;
    }
    rope->length = c->yarn.attention;
}

void text_rope_init(struct text_rope *rope, const struct text_config *config)
{
    rope->half = config->head_dim / 2;
    rope->length = 1;
    assert(rope->half <= ROPE_HALF_MAX);
    for (uint32_t j = 0; j < rope->half; j++) {
        rope->inverse[j] = inverse_frequency(config->rope_theta, j, config->head_dim);
        rope->axis[j] = axis_of(j, config->mrope_section);
    }
    if (config->yarn.factor > 0)
        stretch(rope, config);
}

void text_rope_row(const struct text_rope *rope, const int32_t position[3], float *cos, float *sin)
{
    for (uint32_t j = 0; j < rope->half; j++) {
        const float angle = (float)position[rope->axis[j]] * rope->inverse[j];
        cos[j] = cosf(angle) * rope->length;
        sin[j] = sinf(angle) * rope->length;
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
