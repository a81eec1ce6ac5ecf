/* How many processors this process may use, and why. */
#pragma once

#include <sched.h>
#include <stdint.h>

struct cpu_counts {
    int threads; /* hardware threads that the affinity mask (taskset, cpuset groups) allows, ≥ 1 */
    int cores;   /* physical cores that these belong to, ≥ 1 */
    double quota;         /* processors that control groups grant, as 2.5; 0: no limit */
    uint64_t cache_bytes; /* of the third-level caches of these cores; 0: not known */
};

void cpu_counts_read(struct cpu_counts *out);

/* The same under another root than "" of /sys and /proc, for the processors in `allowed`. */
void cpu_counts_in(const char *root, const cpu_set_t *allowed, struct cpu_counts *out);

/* `count` threads or cores, or as many as the quota serves: whole ones, for compute threads wait
 * for each other, and a quota of 1.5 processors serves two of them badly and one well. ≥ 1. */
int cpu_counts_within_quota(const struct cpu_counts *counts, int count);
