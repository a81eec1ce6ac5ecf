/* What Linux control groups, version 1 or 2, grant this process. `mount` is normally
 * /sys/fs/cgroup, `membership` /proc/self/cgroup. */
#pragma once

#include <stdint.h>

/* The smallest CPU quota on the way from this process' group to the root, in processors (2.5 means
 * two and a half); 0 if there is none. */
double cgroup_cpu_quota(const char *mount, const char *membership);

/* The tightest memory limit on the same way, and how much may still be allocated before any limit
 * is reached (file pages that can be dropped count as free); UINT64_MAX if there is none. */
struct cgroup_memory {
    uint64_t limit, available;
};

struct cgroup_memory cgroup_memory(const char *mount, const char *membership);
