/* CPU time that Linux control groups, version 1 or 2, grant this process. */
#pragma once

/* The smallest quota on the way from this process' group to the root, in processors (2.5 means two
 * and a half); 0 if there is none. `mount` is normally /sys/fs/cgroup, `membership`
 * /proc/self/cgroup. */
double cgroup_cpu_quota(const char *mount, const char *membership);
