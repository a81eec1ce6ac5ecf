/* The kernels of simd/ in AVX-512 (F, BW, DQ, VL). Compiled with the flags for these. */
#include "kernels/avx512/vec.h"
#include "kernels/simd/gemm.h"
#include "kernels/simd/math.h"
#include "kernels/variants.h"

#include "kernels/simd/gemv.h"
#include "kernels/simd/rows.h"

#include "kernels/simd/fill.h"

void kernels_fill_avx512(struct kernels *kernels)
{
    simd_fill(kernels);
    kernels->name = "avx512";
}
