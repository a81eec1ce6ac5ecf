/* The kernels of simd/ in AVX2 with FMA and F16C. Compiled with the flags for these. */
#include "kernels/avx2/vec.h"
#include "kernels/simd/gemm.h"
#include "kernels/simd/math.h"
#include "kernels/variants.h"

#include "kernels/simd/gemv.h"
#include "kernels/simd/rows.h"

#include "kernels/simd/fill.h"

void kernels_fill_avx2(struct kernels *kernels)
{
    simd_fill(kernels);
    kernels->name = "avx2";
}
