/* What the processor can do, and how many of them we may use.
 *
 * Flags are detected once; a settable mask (QVL_CPU=c|avx2|avx512|neon) forces any path that the
 * processor has (dav1d's cpu.h). */
#pragma once

#include "base/status.h"

#include <stdint.h>

enum cpu_flag {
    CPU_AVX2 = 1 << 0,   /* with FMA and F16C */
    CPU_AVX512 = 1 << 1, /* F, BW, DQ, VL */
    CPU_AVX512_VNNI = 1 << 2,
    CPU_AVX512_BF16 = 1 << 3,
    CPU_NEON = 1 << 4,
    CPU_NEON_DOTPROD = 1 << 5, /* sdot */
};

/* Flags of this processor, after the mask. Reads QVL_CPU at the first call. */
uint32_t cpu_flags(void);

/* Limits cpu_flags to a named level: "c", "avx2", "avx512", "neon", "auto". An unknown name, or a
 * level that the processor lacks, is STATUS_INVALID. */
MUST_CHECK enum status cpu_set_level(const char *level, struct reason *why);

/* "avx512_vnni" */
const char *cpu_flag_name(enum cpu_flag flag);

/* The processor's marketing name; "unknown" if the system does not say. */
void cpu_model_name(char *out, size_t size);
/* The same with another root than "" of /proc. */
void cpu_model_name_in(const char *root, char *out, size_t size);

/* Hardware threads this process may use: the affinity mask and cgroup quota respected
 * (cpu_count.h), ≥ 1. */
int cpu_usable_threads(void);

/* As above, but one per physical core: what compute threads want. ≥ 1. */
int cpu_usable_cores(void);
