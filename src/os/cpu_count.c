#include "os/cpu_count.h"

#include "os/cgroup.h"
#include "os/cpu.h"

#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

enum { PATH_SIZE = 512 };

/* Whether `cpu` is the first of a list's processors that the set allows: "0,64", "0-1". True if
 * there is no list. */
static bool first_of_list(const char *root, const char *name, int cpu, const cpu_set_t *set)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/sys/devices/system/cpu/cpu%d/%s", root, cpu, name);
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
        for (int i = from < 0 ? 0 : from; i <= to && i < cpu; i++)
            first = first && !CPU_ISSET((size_t)i, set);
        if (separator != ',')
            break;
    }
    fclose(file);
    return first;
}

/* The largest cache of a processor: "32768K". */
static uint64_t third_cache(const char *root, int cpu)
{
    char path[PATH_SIZE], unit = 'K';
    unsigned long long size = 0;
    snprintf(path, sizeof path, "%s/sys/devices/system/cpu/cpu%d/cache/index3/size", root, cpu);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    if (fscanf(file, "%llu%c", &size, &unit) < 1 || size > 1 << 24)
        size = 0;
    fclose(file);
    return size << (unit == 'M' ? 20 : unit == 'K' ? 10 : 0);
}

void cpu_counts_in(const char *root, const cpu_set_t *allowed, struct cpu_counts *out)
{
    char mount[PATH_SIZE], membership[PATH_SIZE];
    snprintf(mount, sizeof mount, "%s/sys/fs/cgroup", root);
    snprintf(membership, sizeof membership, "%s/proc/self/cgroup", root);
    *out = (struct cpu_counts){.threads = CPU_COUNT(allowed),
                               .quota = cgroup_cpu_quota(mount, membership)};
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET((size_t)cpu, allowed))
            continue;
        out->cores += first_of_list(root, "topology/thread_siblings_list", cpu, allowed);
        if (first_of_list(root, "cache/index3/shared_cpu_list", cpu, allowed))
            out->cache_bytes += third_cache(root, cpu);
    }
}

/* The processors that this process may run on; those that are there if the system does not say. */
static void affinity(cpu_set_t *set)
{
    CPU_ZERO(set);
    if (sched_getaffinity(0, sizeof *set, set) == 0 && CPU_COUNT(set) > 0)
        return;
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    for (long i = 0; i == 0 || (i < online && i < CPU_SETSIZE); i++)
        CPU_SET((size_t)i, set);
}

void cpu_counts_read(struct cpu_counts *out)
{
    cpu_set_t set;
    affinity(&set);
    cpu_counts_in("", &set, out);
}

int cpu_counts_within_quota(const struct cpu_counts *counts, int count)
{
    if (counts->quota > 0 && counts->quota < count)
        count = (int)counts->quota;
    return count < 1 ? 1 : count;
}

int cpu_usable_threads(void)
{
    struct cpu_counts counts;
    cpu_counts_read(&counts);
    return cpu_counts_within_quota(&counts, counts.threads);
}

int cpu_usable_cores(void)
{
    struct cpu_counts counts;
    cpu_counts_read(&counts);
    return cpu_counts_within_quota(&counts, counts.cores);
}
