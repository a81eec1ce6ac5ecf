/* The table of what simd/ offers. Include after the other files of simd/. */
#pragma once

static void simd_fill(struct kernels *kernels)
{
    kernels->rms_norm = simd_rms_norm;
    kernels->layer_norm = simd_layer_norm;
    kernels->silu_mul = simd_silu_mul;
    kernels->gelu_tanh = simd_gelu_tanh;
    kernels->gelu_erf = simd_gelu_erf;
    kernels->add = simd_add;
    kernels->scale = simd_scale;
    kernels->rope = simd_rope;
    kernels->gemv[DTYPE_F32] = simd_gemv_f32;
    kernels->gemv[DTYPE_F16] = simd_gemv_f16;
    kernels->gemv[DTYPE_BF16] = simd_gemv_bf16;
    kernels->gemv_rows[DTYPE_F32] = 12;
    kernels->gemv_rows[DTYPE_F16] = kernels->gemv_rows[DTYPE_BF16] = 24;
    kernels->to_f32[DTYPE_F16] = simd_f16_to_f32;
    kernels->to_f32[DTYPE_BF16] = simd_bf16_to_f32;
    kernels->from_f32[DTYPE_F16] = simd_f16_from_f32;
    kernels->pack_a = simd_pack_a;
    kernels->pack_b[DTYPE_F32] = simd_pack_b_f32;
    kernels->pack_b[DTYPE_F16] = simd_pack_b_f16;
    kernels->pack_b[DTYPE_BF16] = simd_pack_b_bf16;
    kernels->gemm_micro = simd_gemm_micro;
    kernels->gemm_mr = MR;
    kernels->gemm_nr = NR;
    kernels->softmax_step = simd_softmax_step;
    kernels->weighted_rows[DTYPE_F32] = simd_weighted_rows_f32;
    kernels->weighted_rows[DTYPE_F16] = simd_weighted_rows_f16;
}
