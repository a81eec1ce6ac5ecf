/* Matrix products: conversion of weights, the decode product, the packed GEMM. */
#include "kernels/c/c.h"
#include "kernels/half.h"

#include <string.h>

void c_f32_to_f32(float *dst, const void *src, size_t n)
{
    memcpy(dst, src, n * sizeof(float));
}

void c_f16_to_f32(float *dst, const void *src, size_t n)
{
    const uint16_t *half = src;
    for (size_t i = 0; i < n; i++)
        dst[i] = f16_to_f32(half[i]);
}

void c_bf16_to_f32(float *dst, const void *src, size_t n)
{
    const uint16_t *half = src;
    for (size_t i = 0; i < n; i++)
        dst[i] = bf16_to_f32(half[i]);
}

enum { LANES = 8 };

/* The lanes summed in pairs. */
static float sum_lanes(const float lane[LANES])
{
    return ((lane[0] + lane[4]) + (lane[2] + lane[6])) +
           ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

/* a · b in eight partial sums, which keeps the rounding error of long rows small. */
static float dot(const float *a, const float *b, size_t n)
{
    float lane[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t j = 0; j < LANES; j++)
            lane[j] += a[i + j] * b[i + j];
    for (size_t j = 0; i + j < n; j++)
        lane[j] += a[i + j] * b[i + j];
    return sum_lanes(lane);
}

typedef void convert_fn(float *dst, const void *src, size_t n);

enum { CONVERT_BLOCK = 256 };

/* One weight row against n rows of x: converted in blocks, each block used for every x. */
static void gemv_row(float *y, size_t ldy, const char *w, size_t element, const float *x, size_t n,
                     size_t cols, convert_fn *convert)
{
    float block[CONVERT_BLOCK];
    for (size_t i = 0; i < n; i++)
        y[i * ldy] = 0;
    for (size_t c = 0; c < cols; c += CONVERT_BLOCK) {
        const size_t length = cols - c < CONVERT_BLOCK ? cols - c : CONVERT_BLOCK;
        convert(block, w + c * element, length);
        for (size_t i = 0; i < n; i++)
            y[i * ldy] += dot(block, x + i * cols + c, length);
    }
}

void c_gemv_f32(float *y, size_t ldy, const void *w, const float *x, size_t n, size_t rows,
                size_t cols)
{
    for (size_t r = 0; r < rows; r++)
        gemv_row(y + r, ldy, (const char *)w + r * cols * 4, 4, x, n, cols, c_f32_to_f32);
}

void c_gemv_f16(float *y, size_t ldy, const void *w, const float *x, size_t n, size_t rows,
                size_t cols)
{
    for (size_t r = 0; r < rows; r++)
        gemv_row(y + r, ldy, (const char *)w + r * cols * 2, 2, x, n, cols, c_f16_to_f32);
}

void c_gemv_bf16(float *y, size_t ldy, const void *w, const float *x, size_t n, size_t rows,
                 size_t cols)
{
    for (size_t r = 0; r < rows; r++)
        gemv_row(y + r, ldy, (const char *)w + r * cols * 2, 2, x, n, cols, c_bf16_to_f32);
}

void c_pack_a(float *panel, const float *x, size_t ldx, size_t m, size_t k)
{
    for (size_t p = 0; p < k; p++)
        for (size_t i = 0; i < C_GEMM_MR; i++)
            panel[p * C_GEMM_MR + i] = i < m ? x[i * ldx + p] : 0;
}

void c_pack_b_f32(float *panel, const void *w, size_t ldw, size_t n, size_t k)
{
    const float *from = w;
    for (size_t p = 0; p < k; p++)
        for (size_t j = 0; j < C_GEMM_NR; j++)
            panel[p * C_GEMM_NR + j] = j < n ? from[j * ldw + p] : 0;
}

void c_pack_b_f16(float *panel, const void *w, size_t ldw, size_t n, size_t k)
{
    const uint16_t *from = w;
    for (size_t p = 0; p < k; p++)
        for (size_t j = 0; j < C_GEMM_NR; j++)
            panel[p * C_GEMM_NR + j] = j < n ? f16_to_f32(from[j * ldw + p]) : 0;
}

void c_pack_b_bf16(float *panel, const void *w, size_t ldw, size_t n, size_t k)
{
    const uint16_t *from = w;
    for (size_t p = 0; p < k; p++)
        for (size_t j = 0; j < C_GEMM_NR; j++)
            panel[p * C_GEMM_NR + j] = j < n ? bf16_to_f32(from[j * ldw + p]) : 0;
}

void c_gemm_micro(float *c, size_t ldc, const float *a, const float *b, size_t k, size_t m,
                  size_t n, int accumulate)
{
    float tile[C_GEMM_MR][C_GEMM_NR] = {{0}};
    for (size_t p = 0; p < k; p++)
        for (size_t i = 0; i < C_GEMM_MR; i++)
            for (size_t j = 0; j < C_GEMM_NR; j++)
                tile[i][j] += a[p * C_GEMM_MR + i] * b[p * C_GEMM_NR + j];
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++)
            c[i * ldc + j] = accumulate ? c[i * ldc + j] + tile[i][j] : tile[i][j];
}
