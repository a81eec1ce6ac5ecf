/* The portable kernels: what each entry of `struct kernels` means, in plain C. */
#pragma once

#include "kernels/kernels.h"

enum { C_GEMM_MR = 4, C_GEMM_NR = 8 };

void c_rms_norm(float *out, const float *x, const float *w, size_t n, float eps);
void c_layer_norm(float *out, const float *x, const float *w, const float *b, size_t n, float eps);
void c_silu_mul(float *gate, const float *up, size_t n);
void c_gelu_tanh(float *x, size_t n);
void c_gelu_erf(float *x, size_t n);
void c_add(float *y, const float *x, size_t n);
void c_scale(float *x, size_t n, float factor);
void c_rope(float *x, const float *cos, const float *sin, size_t half);

void c_f32_to_f32(float *dst, const void *src, size_t n);
void c_f16_to_f32(float *dst, const void *src, size_t n);
void c_bf16_to_f32(float *dst, const void *src, size_t n);

void c_f32_from_f32(void *dst, const float *src, size_t n);
void c_f16_from_f32(void *dst, const float *src, size_t n);
void c_q8_0_from_f32(void *dst, const float *src, size_t n);

/* Blocks: n is whole ones. The codes of F8 come without their scales. */
void c_q8_0_to_f32(float *dst, const void *src, size_t n);
void c_q4_0_to_f32(float *dst, const void *src, size_t n);
void c_q4_1_to_f32(float *dst, const void *src, size_t n);
void c_q5_0_to_f32(float *dst, const void *src, size_t n);
void c_q5_1_to_f32(float *dst, const void *src, size_t n);
void c_q4_k_to_f32(float *dst, const void *src, size_t n);
void c_q5_k_to_f32(float *dst, const void *src, size_t n);
void c_q6_k_to_f32(float *dst, const void *src, size_t n);
void c_iq4_nl_to_f32(float *dst, const void *src, size_t n);
void c_iq4_xs_to_f32(float *dst, const void *src, size_t n);
void c_f8_e4m3_to_f32(float *dst, const void *src, size_t n);

void c_gemv_f32(float *y, size_t ldy, const void *w, const float *x, size_t n, size_t rows,
                size_t cols);
void c_gemv_f16(float *y, size_t ldy, const void *w, const float *x, size_t n, size_t rows,
                size_t cols);
void c_gemv_bf16(float *y, size_t ldy, const void *w, const float *x, size_t n, size_t rows,
                 size_t cols);

void c_pack_a(float *panel, const float *x, size_t ldx, size_t m, size_t k);
void c_pack_b_f32(float *panel, const void *w, size_t ldw, size_t n, size_t k);
void c_pack_b_f16(float *panel, const void *w, size_t ldw, size_t n, size_t k);
void c_pack_b_bf16(float *panel, const void *w, size_t ldw, size_t n, size_t k);
void c_gemm_micro(float *c, size_t ldc, const float *a, const float *b, size_t k, size_t m,
                  size_t n, int accumulate);

float c_softmax_step(float *s, size_t n, float scale, float *max, float *sum);
void c_weighted_rows_f32(float *acc, const float *p, size_t ldp, size_t nq, const void *v,
                         size_t nk, size_t d);
void c_weighted_rows_f16(float *acc, const float *p, size_t ldp, size_t nq, const void *v,
                         size_t nk, size_t d);

extern const int8_t c_iq4_levels[16];
void c_unpack_q8_0(struct panel *panel, const void *src, size_t groups);
void c_unpack_q4_0(struct panel *panel, const void *src, size_t groups);
void c_unpack_q4_1(struct panel *panel, const void *src, size_t groups);
void c_unpack_q5_0(struct panel *panel, const void *src, size_t groups);
void c_unpack_q5_1(struct panel *panel, const void *src, size_t groups);
void c_unpack_q4_k(struct panel *panel, const void *src, size_t groups);
void c_unpack_q5_k(struct panel *panel, const void *src, size_t groups);
void c_unpack_q6_k(struct panel *panel, const void *src, size_t groups);
void c_unpack_iq4_nl(struct panel *panel, const void *src, size_t groups);
void c_unpack_iq4_xs(struct panel *panel, const void *src, size_t groups);
void c_requantize(struct panel *panel, size_t groups, size_t sub_groups);
void c_quantize_rows(struct quantized_rows *out, const float *x, size_t ldx, size_t n, size_t cols);
void c_dot_panel(float *c, size_t ldc, const struct panel *w, size_t groups, size_t sub_groups,
                 const struct quantized_rows *x, size_t n, size_t block, size_t outputs,
                 int accumulate);

void c_pair_rows_f32(uint32_t *panels, size_t width, const void *x, size_t ldx, size_t n, size_t k);
void c_pair_rows_f16(uint32_t *panels, size_t width, const void *x, size_t ldx, size_t n, size_t k);
void c_pair_rows_bf16(uint32_t *panels, size_t width, const void *x, size_t ldx, size_t n,
                      size_t k);
void c_pair_columns_f32(uint32_t *panels, size_t stride, const void *v, size_t ldv, size_t n,
                        size_t d);
void c_pair_columns_f16(uint32_t *panels, size_t stride, const void *v, size_t ldv, size_t n,
                        size_t d);
void c_gemm_pairs(float *c, size_t ldc, const uint32_t *a, size_t lda, const uint32_t *b,
                  size_t pairs, size_t m, size_t n, const float *keep, const float *add);
void c_softmax_pairs(uint32_t *p, const float *s, size_t n, const uint32_t *visible, float factor,
                     float *max, float *sum, float *keep);
void c_divide_lanes(float *out, size_t ldo, const float *acc, const float *sum, size_t n, size_t d);
