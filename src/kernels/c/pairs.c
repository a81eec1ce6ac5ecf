/* BF16 products in plain C: numbers that follow each other along k lie together in pairs. */
#include "kernels/c/c.h"
#include "kernels/half.h"

#include <math.h>

static float number(const void *from, enum dtype dtype, size_t i)
{
    if (dtype == DTYPE_F32)
        return ((const float *)from)[i];
    const uint16_t half = ((const uint16_t *)from)[i];
    return dtype == DTYPE_F16 ? f16_to_f32(half) : bf16_to_f32(half);
}

static uint32_t pair_of(float first, float second)
{
    return f32_to_bf16(first) | (uint32_t)f32_to_bf16(second) << 16;
}

static void pair_rows(uint32_t *panels, size_t width, const void *x, size_t ldx, size_t n, size_t k,
                      enum dtype dtype)
{
    const size_t pairs = (k + 1) / 2;
    for (size_t i = 0; i < (n + width - 1) / width * width; i++) {
        uint32_t *to = panels + i / width * pairs * width + i % width;
        for (size_t p = 0; p < pairs; p++) {
            const size_t at = i * ldx + 2 * p;
            const float first = i < n ? number(x, dtype, at) : 0;
            const float second = i < n && 2 * p + 1 < k ? number(x, dtype, at + 1) : 0;
            to[p * width] = pair_of(first, second);
        }
    }
}

void c_pair_rows_f32(uint32_t *panels, size_t width, const void *x, size_t ldx, size_t n, size_t k)
{
    pair_rows(panels, width, x, ldx, n, k, DTYPE_F32);
}

void c_pair_rows_f16(uint32_t *panels, size_t width, const void *x, size_t ldx, size_t n, size_t k)
{
    pair_rows(panels, width, x, ldx, n, k, DTYPE_F16);
}

void c_pair_rows_bf16(uint32_t *panels, size_t width, const void *x, size_t ldx, size_t n, size_t k)
{
    pair_rows(panels, width, x, ldx, n, k, DTYPE_BF16);
}

static void pair_columns(uint32_t *panels, size_t stride, const void *v, size_t ldv, size_t n,
                         size_t d, enum dtype dtype)
{
    for (size_t e = 0; e < (d + PAIR_ROWS - 1) / PAIR_ROWS * PAIR_ROWS; e++) {
        uint32_t *to = panels + e / PAIR_ROWS * stride + e % PAIR_ROWS;
        for (size_t p = 0; p < (n + 1) / 2; p++) {
            const float first = e < d ? number(v, dtype, 2 * p * ldv + e) : 0;
            const float second =
                e < d && 2 * p + 1 < n ? number(v, dtype, (2 * p + 1) * ldv + e) : 0;
            to[p * PAIR_ROWS] = pair_of(first, second);
        }
    }
}

void c_pair_columns_f32(uint32_t *panels, size_t stride, const void *v, size_t ldv, size_t n,
                        size_t d)
{
    pair_columns(panels, stride, v, ldv, n, d, DTYPE_F32);
}

void c_pair_columns_f16(uint32_t *panels, size_t stride, const void *v, size_t ldv, size_t n,
                        size_t d)
{
    pair_columns(panels, stride, v, ldv, n, d, DTYPE_F16);
}

void c_gemm_pairs(float *c, size_t ldc, const uint32_t *a, size_t lda, const uint32_t *b,
                  size_t pairs, size_t m, size_t n, const float *keep, const float *add)
{
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < n; j++) {
            float sum = 0;
            for (size_t p = 0; p < pairs; p++) {
                const uint32_t x = a[i / PAIR_ROWS * lda + p * PAIR_ROWS + i % PAIR_ROWS],
                               y = b[p * PAIR_COLS + j];
                sum += float_from_bits(x << 16) * float_from_bits(y << 16);
                sum += float_from_bits(x & 0xffff0000) * float_from_bits(y & 0xffff0000);
            }
            if (add)
                sum += add[j];
            if (keep)
                sum += c[i * ldc + j] * keep[j];
            c[i * ldc + j] = sum;
        }
    }
}

void c_softmax_pairs(uint32_t *p, const float *s, size_t n, const uint32_t *visible, float factor,
                     float *max, float *sum, float *keep)
{
    for (size_t lane = 0; lane < PAIR_COLS; lane++) {
        const size_t seen = visible && visible[lane] < n ? visible[lane] : n;
        float highest = max[lane], total = 0;
        for (size_t j = 0; j < seen; j++)
            highest = fmaxf(highest, s[j * PAIR_COLS + lane]);
        for (size_t j = 0; j < n; j += 2) {
            float e[2] = {0, 0};
            for (size_t i = 0; i < 2 && j + i < seen; i++)
                total += e[i] = exp2f(factor * (s[(j + i) * PAIR_COLS + lane] - highest));
            p[j / 2 * PAIR_COLS + lane] = pair_of(e[0], e[1]);
        }
        keep[lane] = exp2f(factor * (max[lane] - highest));
        max[lane] = highest;
        sum[lane] = sum[lane] * keep[lane] + total;
    }
}

void c_divide_lanes(float *out, size_t ldo, const float *acc, const float *sum, size_t n, size_t d)
{
    for (size_t i = 0; i < n; i++)
        for (size_t e = 0; e < d; e++)
            out[i * ldo + e] = acc[e * PAIR_COLS + i] / sum[i];
}
