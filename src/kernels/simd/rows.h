/* Kernels that treat one row of activations, written for any vec.h. Include after math.h. */
#pragma once

#include "kernels/kernels.h"

#include <math.h>

static void simd_rms_norm(float *out, const float *x, const float *w, size_t n, float eps)
{
    struct wide squares = wide_zero();
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        squares = wide_add_square(squares, vec_load(x + i));
    if (i < n)
        squares = wide_add_square(squares, vec_load_part(x + i, n - i));
    const float scale = 1.0f / sqrtf((float)(wide_sum(squares) / (double)n) + eps);
    const vec factor = vec_set(scale);
    for (i = 0; i + LANES <= n; i += LANES)
        vec_store(out + i, vec_mul(vec_mul(vec_load(x + i), factor), vec_load(w + i)));
    for (; i < n; i++)
        out[i] = x[i] * scale * w[i];
}

static void simd_layer_norm(float *out, const float *x, const float *w, const float *b, size_t n,
                            float eps)
{
    struct wide total = wide_zero(), squares = wide_zero();
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        total = wide_add(total, vec_load(x + i));
    double sum = wide_sum(total);
    for (; i < n; i++)
        sum += (double)x[i];
    const float mean = (float)(sum / (double)n);
    const vec means = vec_set(mean);
    for (i = 0; i + LANES <= n; i += LANES)
        squares = wide_add_square(squares, vec_sub(vec_load(x + i), means));
    sum = wide_sum(squares);
    for (; i < n; i++)
        sum += (double)(x[i] - mean) * (double)(x[i] - mean);
    const float scale = 1.0f / sqrtf((float)(sum / (double)n) + eps);
    const vec factor = vec_set(scale);
    for (i = 0; i + LANES <= n; i += LANES) {
        const vec centred = vec_mul(vec_sub(vec_load(x + i), means), factor);
        vec_store(out + i, vec_fma(centred, vec_load(w + i), vec_load(b + i)));
    }
    for (; i < n; i++)
        out[i] = (x[i] - mean) * scale * w[i] + b[i];
}

static void simd_silu_mul(float *gate, const float *up, size_t n)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        vec_store(gate + i, vec_mul(vec_silu(vec_load(gate + i)), vec_load(up + i)));
    if (i < n) {
        const vec g = vec_load_part(gate + i, n - i);
        vec_store_part(gate + i, vec_mul(vec_silu(g), vec_load_part(up + i, n - i)), n - i);
    }
}

static void simd_gelu_tanh(float *x, size_t n)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        vec_store(x + i, vec_gelu_tanh(vec_load(x + i)));
    if (i < n)
        vec_store_part(x + i, vec_gelu_tanh(vec_load_part(x + i, n - i)), n - i);
}

static void simd_gelu_erf(float *x, size_t n)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        vec_store(x + i, vec_gelu_erf(vec_load(x + i)));
    if (i < n)
        vec_store_part(x + i, vec_gelu_erf(vec_load_part(x + i, n - i)), n - i);
}

static void simd_add(float *y, const float *x, size_t n)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        vec_store(y + i, vec_add(vec_load(y + i), vec_load(x + i)));
    for (; i < n; i++)
        y[i] += x[i];
}

static void simd_scale(float *x, size_t n, float factor)
{
    const vec factors = vec_set(factor);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        vec_store(x + i, vec_mul(vec_load(x + i), factors));
    for (; i < n; i++)
        x[i] *= factor;
}

static void simd_rope(float *x, const float *cos, const float *sin, size_t half)
{
    size_t i = 0;
    for (; i + LANES <= half; i += LANES) {
        const vec a = vec_load(x + i), b = vec_load(x + i + half);
        const vec c = vec_load(cos + i), s = vec_load(sin + i);
        vec_store(x + i, vec_fnma(b, s, vec_mul(a, c)));
        vec_store(x + i + half, vec_fma(a, s, vec_mul(b, c)));
    }
    for (; i < half; i++) {
        const float a = x[i], b = x[i + half];
        x[i] = a * cos[i] - b * sin[i];
        x[i + half] = b * cos[i] + a * sin[i];
    }
}

static float simd_softmax_step(float *s, size_t n, float scale, float *max, float *sum)
{
    /* Scaled first and stored, so that both passes see the same rounding. */
    const vec factor = vec_set(scale);
    vec highest = vec_set(*max);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        const vec scaled = vec_mul(vec_load(s + i), factor);
        vec_store(s + i, scaled);
        highest = vec_max(highest, scaled);
    }
    float top = vec_highest(highest);
    for (; i < n; i++) {
        s[i] *= scale;
        top = top > s[i] ? top : s[i];
    }
    const float rescale = expf(*max - top);
    const vec tops = vec_set(top);
    vec total = vec_zero();
    for (i = 0; i + LANES <= n; i += LANES) {
        const vec e = vec_exp(vec_sub(vec_load(s + i), tops));
        vec_store(s + i, e);
        total = vec_add(total, e);
    }
    float rest = vec_sum(total);
    for (; i < n; i++) {
        s[i] = expf(s[i] - top);
        rest += s[i];
    }
    *max = top;
    *sum = *sum * rescale + rest;
    return rescale;
}
