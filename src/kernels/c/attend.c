/* Softmax attention in one pass over the keys: Milakov & Gimelshein 2018, Dao et al. 2022. */
#include "kernels/c/c.h"
#include "kernels/half.h"

#include <math.h>

float c_softmax_step(float *s, size_t n, float scale, float *max, float *sum)
{
    float highest = *max;
    for (size_t i = 0; i < n; i++)
        highest = fmaxf(highest, s[i] * scale);
    const float rescale = expf(*max - highest);
    double total = 0;
    for (size_t i = 0; i < n; i++) {
        s[i] = expf(s[i] * scale - highest);
        total += (double)s[i];
    }
    *max = highest;
    *sum = *sum * rescale + (float)total;
    return rescale;
}

void c_weighted_rows_f32(float *acc, const float *p, size_t ldp, size_t nq, const void *v,
                         size_t nk, size_t d)
{
    const float *values = v;
    for (size_t i = 0; i < nq; i++)
        for (size_t j = 0; j < nk; j++)
            for (size_t e = 0; e < d; e++)
                acc[i * d + e] += p[i * ldp + j] * values[j * d + e];
}

void c_weighted_rows_f16(float *acc, const float *p, size_t ldp, size_t nq, const void *v,
                         size_t nk, size_t d)
{
    const uint16_t *values = v;
    for (size_t j = 0; j < nk; j++) {
        for (size_t e = 0; e < d; e++) {
            const float value = f16_to_f32(values[j * d + e]);
            for (size_t i = 0; i < nq; i++)
                acc[i * d + e] += p[i * ldp + j] * value;
        }
    }
}
