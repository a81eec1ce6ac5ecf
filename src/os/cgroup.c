#include "os/cgroup.h"

#include <stdio.h>
#include <string.h>

enum { PATH_SIZE = 1024 };

/* Up to two leading numbers of a file; "max" counts as none. Returns how many were read. */
static int read_numbers(const char *path, double out[2])
{
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    const int n = fscanf(file, "%lf %lf", &out[0], &out[1]);
    fclose(file);
    return n < 0 ? 0 : n;
}

static double group_quota_v2(const char *folder)
{
    char path[PATH_SIZE + 32];
    double number[2];
    snprintf(path, sizeof path, "%s/cpu.max", folder);
    return read_numbers(path, number) == 2 && number[1] > 0 ? number[0] / number[1] : 0;
}

static double group_quota_v1(const char *folder)
{
    char path[PATH_SIZE + 32];
    double quota[2], period[2];
    snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", folder);
    if (read_numbers(path, quota) < 1 || quota[0] <= 0) /* -1: no quota */
        return 0;
    snprintf(path, sizeof path, "%s/cpu.cfs_period_us", folder);
    return read_numbers(path, period) >= 1 && period[0] > 0 ? quota[0] / period[0] : 0;
}

/* The smallest quota of `group` and its parents below `mount`. Inside a container the path may not
 * be visible; then only the root, which is the container's own group, counts. */
static double smallest_quota(const char *mount, const char *group,
                             double (*group_quota)(const char *folder))
{
    char path[PATH_SIZE];
    const int length = snprintf(path, sizeof path, "%s%s", mount, group);
    if (length < 0 || (size_t)length >= sizeof path)
        return 0;
    double smallest = 0;
    for (;;) {
        const double quota = group_quota(path);
        if (quota > 0 && (smallest <= 0 || quota < smallest))
            smallest = quota;
        char *slash = strrchr(path, '/');
        if (!slash || (size_t)(slash - path) < strlen(mount))
            return smallest;
        *slash = '\0';
    }
}

/* Whether the comma-separated list of controllers names "cpu". */
static int manages_cpu(const char *controllers, size_t length)
{
    for (size_t at = 0; at < length;) {
        const char *comma = memchr(controllers + at, ',', length - at);
        const size_t n = comma ? (size_t)(comma - controllers) - at : length - at;
        if (n == 3 && memcmp(controllers + at, "cpu", 3) == 0)
            return 1;
        at += n + 1;
    }
    return 0;
}

double cgroup_cpu_quota(const char *mount, const char *membership)
{
    FILE *file = fopen(membership, "re");
    if (!file)
        return 0;
    double smallest = 0;
    char line[PATH_SIZE];
    while (fgets(line, sizeof line, file)) { /* "hierarchy:controllers:group", cgroups(7) */
        line[strcspn(line, "\n")] = '\0';
        char *controllers = strchr(line, ':');
        char *group = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!group)
            continue;
        const size_t length = (size_t)(group - ++controllers);
        double quota = 0;
        if (length == 0) {
            quota = smallest_quota(mount, group + 1, group_quota_v2);
        } else if (manages_cpu(controllers, length)) {
            char v1[PATH_SIZE];
            snprintf(v1, sizeof v1, "%.*s/cpu", (int)sizeof v1 - 8, mount);
            quota = smallest_quota(v1, group + 1, group_quota_v1);
        }
        if (quota > 0 && (smallest <= 0 || quota < smallest))
            smallest = quota;
    }
    fclose(file);
    return smallest;
}
