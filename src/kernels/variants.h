/* Who fills the table: each instruction set overwrites the entries that it does better. */
#pragma once

#include "kernels/kernels.h"

void kernels_fill_c(struct kernels *kernels);
void kernels_fill_neon(struct kernels *kernels);
void kernels_fill_neon_integer(struct kernels *kernels);
void kernels_fill_neon_dotprod(struct kernels *kernels);
void kernels_fill_avx2(struct kernels *kernels);
void kernels_fill_avx2_unpack(struct kernels *kernels);
void kernels_fill_avx2_integer(struct kernels *kernels);
void kernels_fill_avx2_strips(struct kernels *kernels);
void kernels_fill_avx512(struct kernels *kernels);
void kernels_fill_avx512_vnni(struct kernels *kernels);
void kernels_fill_avx512_strips(struct kernels *kernels);
void kernels_fill_avx512_bf16(struct kernels *kernels);
