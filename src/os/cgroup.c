#include "os/cgroup.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { PATH_SIZE = 1024 };

/* Looks at the files of one group's folder. */
typedef void visit_fn(void *arg, const char *folder);

/* A controller: its name, and what to do in a group of either version. */
struct controller {
    const char *name;
    visit_fn *visit_v1, *visit_v2;
};

/* Up to two leading numbers of folder/name; "max" counts as none. Returns how many were read. */
static int read_numbers(const char *folder, const char *name, double out[2])
{
    char path[PATH_SIZE + 32];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    const int n = fscanf(file, "%lf %lf", &out[0], &out[1]);
    fclose(file);
    return n < 0 ? 0 : n;
}

/* Visits `group` and its parents below `mount`. Inside a container the path may not be visible;
 * then only the root, which is the container's own group, has files. */
static void visit_up(const char *mount, const char *group, visit_fn *visit, void *arg)
{
    char path[PATH_SIZE];
    const int length = snprintf(path, sizeof path, "%s%s", mount, group);
    if (length < 0 || (size_t)length >= sizeof path)
        return;
    for (;;) {
        visit(arg, path);
        char *slash = strrchr(path, '/');
        if (!slash || (size_t)(slash - path) < strlen(mount))
            return;
        *slash = '\0';
    }
}

/* Whether the comma-separated list of controllers has this name. */
static bool manages(const char *controllers, size_t length, const char *name)
{
    for (size_t at = 0; at < length;) {
        const char *comma = memchr(controllers + at, ',', length - at);
        const size_t n = comma ? (size_t)(comma - controllers) - at : length - at;
        if (n == strlen(name) && memcmp(controllers + at, name, n) == 0)
            return true;
        at += n + 1;
    }
    return false;
}

static void visit_groups(const char *mount, const char *membership,
                         const struct controller *controller, void *arg)
{
    FILE *file = fopen(membership, "re");
    if (!file)
        return;
    char line[PATH_SIZE];
    while (fgets(line, sizeof line, file)) { /* "hierarchy:controllers:group", cgroups(7) */
        line[strcspn(line, "\n")] = '\0';
        char *controllers = strchr(line, ':');
        char *group = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!group)
            continue;
        const size_t length = (size_t)(group - ++controllers);
        if (length == 0) {
            visit_up(mount, group + 1, controller->visit_v2, arg);
        } else if (manages(controllers, length, controller->name)) {
            char v1[PATH_SIZE];
            snprintf(v1, sizeof v1, "%.*s/%s", (int)sizeof v1 - 32, mount, controller->name);
            visit_up(v1, group + 1, controller->visit_v1, arg);
        }
    }
    fclose(file);
}

static void lower_quota(double *smallest, double quota)
{
    if (quota > 0 && (*smallest <= 0 || quota < *smallest))
        *smallest = quota;
}

static void cpu_v2(void *arg, const char *folder)
{
    double number[2];
    if (read_numbers(folder, "cpu.max", number) == 2 && number[1] > 0)
        lower_quota(arg, number[0] / number[1]);
}

static void cpu_v1(void *arg, const char *folder)
{
    double quota[2], period[2];
    if (read_numbers(folder, "cpu.cfs_quota_us", quota) >= 1 && /* -1: no quota */
        read_numbers(folder, "cpu.cfs_period_us", period) >= 1 && period[0] > 0)
        lower_quota(arg, quota[0] / period[0]);
}

double cgroup_cpu_quota(const char *mount, const char *membership)
{
    static const struct controller cpu = {"cpu", cpu_v1, cpu_v2};
    double smallest = 0;
    visit_groups(mount, membership, &cpu, &smallest);
    return smallest;
}

/* A row of memory.stat in bytes; 0 if it has none. */
static double read_stat(const char *folder, const char *name)
{
    char path[PATH_SIZE + 32], key[64];
    snprintf(path, sizeof path, "%s/memory.stat", folder);
    FILE *file = fopen(path, "re");
    double value = 0, found = 0;
    while (file && fscanf(file, "%63s %lf", key, &value) == 2)
        if (strcmp(key, name) == 0)
            found = value;
    if (file)
        fclose(file);
    return found;
}

static void lower_memory(struct cgroup_memory *memory, double limit, double used)
{
    const double left = used < limit ? limit - used : 0;
    if (limit < (double)memory->limit)
        memory->limit = (uint64_t)limit;
    if (left < (double)memory->available)
        memory->available = (uint64_t)left;
}

static void memory_v2(void *arg, const char *folder)
{
    double limit[2], used[2] = {0};
    if (read_numbers(folder, "memory.max", limit) < 1 || limit[0] < 0)
        return;
    (void)read_numbers(folder, "memory.current", used);
    lower_memory(arg, limit[0], used[0] - read_stat(folder, "inactive_file"));
}

static void memory_v1(void *arg, const char *folder)
{
    double limit[2], used[2] = {0};
    if (read_numbers(folder, "memory.limit_in_bytes", limit) < 1 || limit[0] < 0)
        return;
    (void)read_numbers(folder, "memory.usage_in_bytes", used);
    lower_memory(arg, limit[0], used[0] - read_stat(folder, "total_inactive_file"));
}

struct cgroup_memory cgroup_memory(const char *mount, const char *membership)
{
    static const struct controller controller = {"memory", memory_v1, memory_v2};
    struct cgroup_memory memory = {UINT64_MAX, UINT64_MAX};
    visit_groups(mount, membership, &controller, &memory);
    return memory;
}
