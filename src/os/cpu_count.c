#include "os/cpu_count.h"

#include "os/cgroup.h"
#include "os/cpu.h"

#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

enum { PATH_SIZE = 512 };

/* Whether `cpu` is the first of its core's threads that the set allows. Threads of a core are
 * listed as "0,64" or "0-1". */
static bool first_of_core(const char *root, int cpu, const cpu_set_t *set)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list",
             root, cpu);
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

void cpu_counts_in(const char *root, const cpu_set_t *allowed, struct cpu_counts *out)
{
    char mount[PATH_SIZE], membership[PATH_SIZE];
    snprintf(mount, sizeof mount, "%s/sys/fs/cgroup", root);
    snprintf(membership, sizeof membership, "%s/proc/self/cgroup", root);
    *out = (struct cpu_counts){.threads = CPU_COUNT(allowed),
                               .quota = cgroup_cpu_quota(mount, membership)};
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        out->cores += CPU_ISSET((size_t)cpu, allowed) && first_of_core(root, cpu, allowed);
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
