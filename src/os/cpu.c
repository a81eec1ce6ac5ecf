#include "os/cpu.h"
#include "base/str.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __x86_64__
#include <cpuid.h>

/* Register sets that the operating system saves on a task switch (Intel SDM, XCR0). */
enum {
    XCR0_AVX = 0x06,    /* SSE and AVX state */
    XCR0_AVX512 = 0xe6, /* and opmask, upper halves, upper sixteen */
};

static uint32_t saved_registers(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

static uint32_t detect(void)
{
    uint32_t a, b, c, d;
    const uint32_t leaf1 = bit_OSXSAVE | bit_AVX | bit_FMA | bit_F16C;
    if (!__get_cpuid(1, &a, &b, &c, &d) || (c & leaf1) != leaf1)
        return 0;
    const uint32_t saved = saved_registers();
    if ((saved & XCR0_AVX) != XCR0_AVX)
        return 0;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & bit_AVX2))
        return 0;
    uint32_t flags = CPU_AVX2;
    const uint32_t leaf7 = bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL;
    if ((saved & XCR0_AVX512) != XCR0_AVX512 || (b & leaf7) != leaf7)
        return flags;
    flags |= CPU_AVX512;
    if (c & bit_AVX512VNNI)
        flags |= CPU_AVX512_VNNI;
    if (__get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & bit_AVX512BF16))
        flags |= CPU_AVX512_BF16;
    return flags;
}
#elif defined(__aarch64__)
#include <sys/auxv.h>

/* NEON is part of the base instruction set. */
static uint32_t detect(void)
{
    return CPU_NEON | (getauxval(AT_HWCAP) & HWCAP_ASIMDDP ? CPU_NEON_DOTPROD : 0);
}
#else
static uint32_t detect(void)
{
    return 0;
}
#endif

static const struct level {
    const char *name;
    uint32_t needs; /* what the processor must have */
    uint32_t keeps; /* what the mask lets through */
} levels[] = {
    {"c", 0, 0},
    {"avx2", CPU_AVX2, CPU_AVX2},
    {"avx512", CPU_AVX512, CPU_AVX2 | CPU_AVX512 | CPU_AVX512_VNNI | CPU_AVX512_BF16},
    {"neon", CPU_NEON, CPU_NEON | CPU_NEON_DOTPROD},
    {"auto", 0, UINT32_MAX},
};

static uint32_t detected;
static atomic_uint mask = UINT32_MAX;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static enum status apply_level(const char *name, struct reason *why)
{
    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        if (strcmp(levels[i].name, name) != 0)
            continue;
        if ((detected & levels[i].needs) != levels[i].needs) {
            reason_set(why, "cpu_level", "This processor does not have the instruction set %s.",
                       "此处理器不支持指令集 %s。", name);
            reason_hint(why, "Use auto to take the best one it has.",
                        "使用 auto 可自动选择可用的最佳指令集。");
            return STATUS_INVALID;
        }
        atomic_store(&mask, levels[i].keeps);
        return STATUS_OK;
    }
    reason_set(why, "cpu_level", "There is no instruction set named %s.", "没有名为 %s 的指令集。",
               name);
    reason_hint(why, "Known names: c, avx2, avx512, neon, auto.",
                "可用的名称：c、avx2、avx512、neon、auto。");
    return STATUS_INVALID;
}

static void detect_once(void)
{
    detected = detect();
    const char *level = getenv("QVL_CPU");
    if (level && apply_level(level, NULL) != STATUS_OK)
        fprintf(stderr, "QVL_CPU=%s: not an instruction set of this processor; ignored\n", level);
}

uint32_t cpu_flags(void)
{
    pthread_once(&once, detect_once);
    return detected & atomic_load(&mask);
}

enum status cpu_set_level(const char *level, struct reason *why)
{
    pthread_once(&once, detect_once);
    return apply_level(level, why);
}

const char *cpu_flag_name(enum cpu_flag flag)
{
    switch (flag) {
    case CPU_AVX2: return "avx2";
    case CPU_AVX512: return "avx512";
    case CPU_AVX512_VNNI: return "avx512_vnni";
    case CPU_AVX512_BF16: return "avx512_bf16";
    case CPU_NEON: return "neon";
    case CPU_NEON_DOTPROD: return "neon_dotprod";
    }
    return "";
}

/* The value of the first row "key : value" of /proc/cpuinfo; false if there is none. */
static bool cpuinfo_row(const char *root, const char *key, char *out, size_t size)
{
    char path[512], line[512];
    snprintf(path, sizeof path, "%s/proc/cpuinfo", root);
    FILE *file = fopen(path, "re");
    bool found = false;
    while (!found && file && fgets(line, sizeof line, file)) {
        const char *colon = strchr(line, ':');
        if (!colon || !str_is(str_trim((struct str){line, (size_t)(colon - line)}), key))
            continue;
        const struct str value = str_trim(str_from(colon + 1));
        found = value.len > 0;
        if (found)
            snprintf(out, size, "%.*s", STR_ARG(value));
    }
    if (file)
        fclose(file);
    return found;
}

/* Boards without such a row are named by their firmware. */
static bool board_name(const char *root, char *out, size_t size)
{
    char path[512], line[256];
    snprintf(path, sizeof path, "%s/proc/device-tree/model", root);
    FILE *file = fopen(path, "re");
    const bool found = file && fgets(line, sizeof line, file) && *line;
    if (found)
        snprintf(out, size, "%.*s", STR_ARG(str_trim(str_from(line))));
    if (file)
        fclose(file);
    return found;
}

void cpu_model_name_in(const char *root, char *out, size_t size)
{
    if (!cpuinfo_row(root, "model name", out, size) && !board_name(root, out, size) &&
        !cpuinfo_row(root, "Hardware", out, size))
        snprintf(out, size, "unknown");
}

void cpu_model_name(char *out, size_t size)
{
    cpu_model_name_in("", out, size);
}
