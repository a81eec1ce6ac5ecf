#include "os/cpu.h"
#include "kernels/variants.h"

void kernels_portable(struct kernels *out)
{
    kernels_fill_c(out);
}

void kernels_select(struct kernels *out)
{
    kernels_fill_c(out);
#ifdef KERNELS_X86
    const uint32_t flags = cpu_flags();
    if (flags & CPU_AVX2) {
        kernels_fill_avx2(out);
        kernels_fill_avx2_unpack(out);
    }
    if (flags & CPU_AVX512)
        kernels_fill_avx512(out);
    if (flags & CPU_AVX512_VNNI) {
        kernels_fill_avx512_vnni(out);
        kernels_fill_avx512_strips(out);
    } else if (flags & CPU_AVX2) {
        kernels_fill_avx2_integer(out);
        kernels_fill_avx2_strips(out);
    }
    if (flags & CPU_AVX512_BF16)
        kernels_fill_avx512_bf16(out);
#elif defined(KERNELS_NEON)
    const uint32_t flags = cpu_flags();
    if (flags & CPU_NEON) {
        kernels_fill_neon(out);
        kernels_fill_neon_integer(out);
    }
    if (flags & CPU_NEON_DOTPROD)
        kernels_fill_neon_dotprod(out);
#endif
}
