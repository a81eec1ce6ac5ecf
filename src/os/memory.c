#include "os/memory.h"
#include "base/str.h"
#include "os/cgroup.h"

#include <stdio.h>
#include <unistd.h>

/* /proc/meminfo, proc(5): rows like "MemTotal:  1024 kB". */
static void read_machine(const char *root, struct memory_figures *out)
{
    const struct {
        const char *name;
        uint64_t *value;
    } rows[] = {
        {"MemTotal:", &out->total},
        {"MemAvailable:", &out->available},
        {"SwapTotal:", &out->swap},
        {"SwapFree:", &out->swap_free},
    };
    char path[512], line[256];
    snprintf(path, sizeof path, "%s/proc/meminfo", root);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file)) {
        char name[64];
        unsigned long long kib;
        if (sscanf(line, "%63s %llu", name, &kib) != 2)
            continue;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
            if (str_is(str_from(name), rows[i].name))
                *rows[i].value = (uint64_t)kib << 10;
    }
    if (file)
        fclose(file);
}

/* /proc/self/statm, proc(5): all pages, then those in memory. */
static uint64_t read_resident(void)
{
    unsigned long long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file)
        return 0;
    if (fscanf(file, "%*u %llu", &pages) != 1)
        pages = 0;
    fclose(file);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

void memory_figures_limit(struct memory_figures *figures, const char *mount, const char *membership)
{
    const struct cgroup_memory group = cgroup_memory(mount, membership);
    if (group.limit < figures->total)
        figures->total = group.limit;
    if (group.available < figures->available)
        figures->available = group.available;
}

void memory_figures_read_in(const char *root, struct memory_figures *out)
{
    char mount[512], membership[512];
    snprintf(mount, sizeof mount, "%s/sys/fs/cgroup", root);
    snprintf(membership, sizeof membership, "%s/proc/self/cgroup", root);
    *out = (struct memory_figures){0};
    read_machine(root, out);
    out->machine = out->total;
    memory_figures_limit(out, mount, membership);
}

void memory_figures_read(struct memory_figures *out)
{
    memory_figures_read_in("", out);
    out->resident = read_resident();
}
