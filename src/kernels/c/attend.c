/* Softmax attention in one pass over the keys: Milakov & Gimelshein 2018, Dao et al. 2022. */
#include "kernels/c/c.h"

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

void c_attend(float *acc, float *max, float *sum, const float *q, size_t ldq, size_t nq,
              const float *k, size_t ldk, const float *v, size_t ldv, size_t nk, size_t d,
              float scale)
{
    float s[ATTEND_KEYS_MAX];
    for (size_t i = 0; i < nq; i++) {
        for (size_t j = 0; j < nk; j++)
            s[j] = c_dot(q + i * ldq, k + j * ldk, d);
        const float rescale = c_softmax_step(s, nk, scale, &max[i], &sum[i]);
        c_scale(acc + i * d, d, rescale);
        for (size_t j = 0; j < nk; j++)
            for (size_t e = 0; e < d; e++)
                acc[i * d + e] += s[j] * v[j * ldv + e];
    }
}
