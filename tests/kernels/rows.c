/* Norms, activations, rotation, softmax. */
#include "check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const size_t sizes[] = {1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65, 100, 192, 1000, 1152};

/* The two results and the magnitude by which a difference is judged. */
struct trial {
    struct padded got_pad, want_pad, magnitude_pad;
    float *got, *want, *magnitude;
    size_t n;
};

/* Values of `range`, with some zeros, tiny and huge ones among them. */
static struct trial trial_begin(size_t n, float range)
{
    struct trial trial = {.n = n};
    trial.got = padded_floats(&trial.got_pad, n);
    trial.want = padded_floats(&trial.want_pad, n);
    trial.magnitude = padded_floats(&trial.magnitude_pad, n);
    for (size_t i = 0; i < n; i++) {
        const size_t kind = random_below(16);
        trial.got[i] *= kind == 0 ? 0.0f : kind == 1 ? 1e-6f : kind == 2 ? 30.0f : range;
        trial.magnitude[i] = fabsf(trial.got[i]) + 1e-30f;
    }
    memcpy(trial.want, trial.got, n * sizeof(float));
    return trial;
}

static bool trial_end(struct trial *trial, const char *what, double tolerance)
{
    bool good = check_close(what, trial->got, trial->want, trial->magnitude, trial->n, tolerance);
    good = padded_release(&trial->got_pad) && good;
    good = padded_release(&trial->want_pad) && good;
    return padded_release(&trial->magnitude_pad) && good;
}

/* Four roundings of the result, and the difference of two double sums. */
static bool check_norms(const struct kernels *k, const struct kernels *c, size_t n)
{
    struct padded w_pad, b_pad;
    const float *w = padded_floats(&w_pad, n), *b = padded_floats(&b_pad, n);
    struct trial rms = trial_begin(n, 3), layer = trial_begin(n, 3);
    c->rms_norm(rms.want, rms.want, w, n, 1e-6f);
    k->rms_norm(rms.got, rms.got, w, n, 1e-6f);
    memcpy(rms.magnitude, rms.want, n * sizeof(float));
    for (size_t i = 0; i < n; i++)
        rms.magnitude[i] = fabsf(rms.want[i]) + 1e-30f;
    c->layer_norm(layer.want, layer.want, w, b, n, 1e-6f);
    k->layer_norm(layer.got, layer.got, w, b, n, 1e-6f);
    for (size_t i = 0; i < n; i++) /* x - mean cancels: judged by the terms */
        layer.magnitude[i] = fabsf(layer.want[i]) + 2 * fabsf(b[i]) + fabsf(w[i]);
    bool good = trial_end(&rms, "rms_norm", 4e-7);
    good = trial_end(&layer, "layer_norm", 1e-6) && good;
    return padded_release(&w_pad) && padded_release(&b_pad) && good;
}

/* Relative to |x|, of which the result is a fraction. */
static bool check_activations(const struct kernels *k, const struct kernels *c, size_t n)
{
    struct padded up_pad;
    const float *up = padded_floats(&up_pad, n);
    struct trial silu = trial_begin(n, 8), tanh_ = trial_begin(n, 6), erf_ = trial_begin(n, 6);
    c->silu_mul(silu.want, up, n);
    k->silu_mul(silu.got, up, n);
    c->gelu_tanh(tanh_.want, n);
    k->gelu_tanh(tanh_.got, n);
    c->gelu_erf(erf_.want, n);
    k->gelu_erf(erf_.got, n);
    bool good = trial_end(&silu, "silu_mul", 3e-7);
    good = trial_end(&tanh_, "gelu_tanh", 3e-7) && good;
    good = trial_end(&erf_, "gelu_erf", 3e-7) && good;
    return padded_release(&up_pad) && good;
}

static bool check_simple(const struct kernels *k, const struct kernels *c, size_t n)
{
    struct padded x_pad;
    const float *x = padded_floats(&x_pad, n);
    struct trial add = trial_begin(n, 1), scale = trial_begin(n, 1);
    c->add(add.want, x, n);
    k->add(add.got, x, n);
    c->scale(scale.want, n, 0.3f);
    k->scale(scale.got, n, 0.3f);
    bool good = trial_end(&add, "add", 0);
    good = trial_end(&scale, "scale", 0) && good;
    return padded_release(&x_pad) && good;
}

static bool check_rope(const struct kernels *k, const struct kernels *c, size_t half)
{
    struct padded cos_pad, sin_pad;
    const float *cos = padded_floats(&cos_pad, half), *sin = padded_floats(&sin_pad, half);
    struct trial rope = trial_begin(2 * half, 2);
    for (size_t i = 0; i < half; i++)
        rope.magnitude[i] = rope.magnitude[i + half] = rope.magnitude[i] + rope.magnitude[i + half];
    c->rope(rope.want, cos, sin, half);
    k->rope(rope.got, cos, sin, half);
    return trial_end(&rope, "rope", 2e-7) & padded_release(&cos_pad) & padded_release(&sin_pad);
}

/* Two steps, so that the second one rescales. exp of a difference of up to 60: its argument's
 * rounding alone is worth 4e-6. */
static bool check_softmax(const struct kernels *k, const struct kernels *c, size_t n)
{
    bool good = true;
    float got[3] = {-INFINITY, 0, 0}, want[3] = {-INFINITY, 0, 0};
    for (int step = 0; step < 2; step++) {
        struct trial s = trial_begin(n, 20);
        want[2] = c->softmax_step(s.want, n, 0.7f, &want[0], &want[1]);
        got[2] = k->softmax_step(s.got, n, 0.7f, &got[0], &got[1]);
        for (size_t i = 0; i < n; i++)
            s.magnitude[i] = s.want[i] + 1e-30f;
        good = trial_end(&s, "softmax_step", 5e-6) && good;
        good = check_close("softmax_step (max, sum, rescale)", got, want, NULL, 3, 5e-6) && good;
    }
    return good;
}

bool check_rows(const struct level *level, const struct kernels *c)
{
    bool good = true;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        good = check_norms(&level->kernels, c, sizes[i]) && good;
        good = check_activations(&level->kernels, c, sizes[i]) && good;
        good = check_simple(&level->kernels, c, sizes[i]) && good;
        good = check_rope(&level->kernels, c, sizes[i]) && good;
        good = check_softmax(&level->kernels, c, sizes[i]) && good;
    }
    return good;
}
