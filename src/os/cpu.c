#include "os/cpu.h"
#include "base/str.h"
#include "os/cgroup.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
static uint32_t detect(void)
{
    return CPU_NEON; /* part of the base instruction set */
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
    {"neon", CPU_NEON, CPU_NEON},
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

void cpu_model_name(char *out, size_t size)
{
    snprintf(out, size, "unknown");
    FILE *file = fopen("/proc/cpuinfo", "re");
    char line[256];
    while (file && fgets(line, sizeof line, file)) {
        const char *colon = strchr(line, ':');
        if (!str_starts(str_from(line), "model name") || !colon)
            continue;
        const struct str name = str_trim(str_from(colon + 1));
        if (name.len > 0)
            snprintf(out, size, "%.*s", STR_ARG(name));
        break;
    }
    if (file)
        fclose(file);
}

/* The processors that this process may run on; false if the system does not say. */
static bool affinity(cpu_set_t *set)
{
    CPU_ZERO(set);
    return sched_getaffinity(0, sizeof *set, set) == 0 && CPU_COUNT(set) > 0;
}

/* A quota of 1.5 processors serves two threads badly and one well. */
static int within_quota(int threads)
{
    const double quota = cgroup_cpu_quota("/sys/fs/cgroup", "/proc/self/cgroup");
    if (quota > 0 && quota < threads)
        threads = (int)quota;
    return threads < 1 ? 1 : threads;
}

int cpu_usable_threads(void)
{
    cpu_set_t set;
    if (affinity(&set))
        return within_quota(CPU_COUNT(&set));
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    return within_quota(online > 0 && online < CPU_SETSIZE ? (int)online : 1);
}

/* Whether `cpu` is the first of its core's threads that the set allows. Threads of a core are
 * listed as "0,64" or "0-1". */
static bool first_of_core(int cpu, const cpu_set_t *set)
{
    char path[96];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
    FILE *file = fopen(path, "re");
    if (!file)
        return true;
    bool first = true;
    int from, to;
    while (first && fscanf(file, "%d", &from) == 1) {
        int separator = fgetc(file);
        to = from;
        if (separator == '-' && fscanf(file, "%d", &to) == 1)
            separator = fgetc(file);
        for (int i = from; i <= to && i < cpu; i++)
            first = first && !CPU_ISSET((size_t)i, set);
        if (separator != ',')
            break;
    }
    fclose(file);
    return first;
}

int cpu_usable_cores(void)
{
    cpu_set_t set;
    if (!affinity(&set))
        return cpu_usable_threads();
    int cores = 0;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        cores += CPU_ISSET((size_t)cpu, &set) && first_of_core(cpu, &set);
    return within_quota(cores);
}
