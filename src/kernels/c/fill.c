#include "kernels/c/c.h"
#include "kernels/variants.h"

void kernels_fill_c(struct kernels *kernels)
{
    *kernels = (struct kernels){
        .name = "c",
        .rms_norm = c_rms_norm,
        .layer_norm = c_layer_norm,
        .silu_mul = c_silu_mul,
        .gelu_tanh = c_gelu_tanh,
        .gelu_erf = c_gelu_erf,
        .add = c_add,
        .rope = c_rope,
        .gemv = {c_gemv_f32, c_gemv_f16, c_gemv_bf16},
        .gemv_rows = {6, 6, 6},
        .to_f32 = {c_f32_to_f32, c_f16_to_f32, c_bf16_to_f32, c_q8_0_to_f32, c_q4_0_to_f32,
                   c_q4_1_to_f32, c_q5_0_to_f32, c_q5_1_to_f32, c_q4_k_to_f32, c_q5_k_to_f32,
                   c_q6_k_to_f32, c_iq4_nl_to_f32, c_iq4_xs_to_f32, c_f8_e4m3_to_f32},
        .from_f32 = {[DTYPE_F32] = c_f32_from_f32,
                     [DTYPE_F16] = c_f16_from_f32,
                     [DTYPE_Q8_0] = c_q8_0_from_f32},
        .pack_a = c_pack_a,
        .pack_b = {c_pack_b_f32, c_pack_b_f16, c_pack_b_bf16},
        .gemm_micro = c_gemm_micro,
        .gemm_mr = C_GEMM_MR,
        .gemm_nr = C_GEMM_NR,
        .softmax_step = c_softmax_step,
        .scale = c_scale,
        .weighted_rows = {c_weighted_rows_f32, c_weighted_rows_f16},
    };
}
