#include "os/self.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* "btime" of /proc/stat, proc(5): when the machine started. */
static double read_boot_seconds(void)
{
    FILE *file = fopen("/proc/stat", "re");
    char line[4096];
    unsigned long long seconds = 0;
    while (file && seconds == 0 && fgets(line, sizeof line, file))
        (void)sscanf(line, "btime %llu", &seconds);
    if (file)
        fclose(file);
    return (double)seconds;
}

/* /proc/self/stat, proc(5): fields 20, 22, 23 and 24. The name, in parentheses, may hold any. */
static void read_stat(struct self_figures *out)
{
    char text[2048];
    FILE *file = fopen("/proc/self/stat", "re");
    const size_t n = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file)
        fclose(file);
    text[n] = '\0';
    const char *fields = strrchr(text, ')');
    unsigned long long start, bytes, pages;
    unsigned threads;
    if (!fields || sscanf(fields + 1,
                          " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %u "
                          "%*d %llu %llu %llu",
                          &threads, &start, &bytes, &pages) != 4)
        return;
    out->threads = threads;
    out->start_seconds = read_boot_seconds() + (double)start / (double)sysconf(_SC_CLK_TCK);
    out->virtual_bytes = bytes;
    out->resident_bytes = pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t count_open_files(void)
{
    DIR *folder = opendir("/proc/self/fd");
    if (!folder)
        return 0;
    uint64_t count = 0;
    for (const struct dirent *entry; (entry = readdir(folder));)
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count - 1; /* the folder itself */
}

static double seconds_of(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

void self_figures_read(struct self_figures *out)
{
    *out = (struct self_figures){.open_files = count_open_files()};
    struct rusage usage;
    struct rlimit limit;
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        out->cpu_seconds = seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        out->max_files = limit.rlim_cur;
    read_stat(out);
}
