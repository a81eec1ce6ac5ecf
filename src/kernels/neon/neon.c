/* The kernels of simd/ in NEON, which every processor of AArch64 has. */
#include "kernels/neon/vec.h"
#include "kernels/simd/gemm.h"
#include "kernels/simd/math.h"
#include "kernels/variants.h"

#include "kernels/simd/gemv.h"
#include "kernels/simd/rows.h"

#include "kernels/simd/fill.h"

void kernels_fill_neon(struct kernels *kernels)
{
    simd_fill(kernels);
    kernels->name = "neon";
}
