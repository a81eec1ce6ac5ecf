#include "base/test.h"
#include "os/fixture_test.h"
#include "os/memory.h"

#include <unistd.h>

static void figures_are_plausible(void **state)
{
    (void)state;
    struct memory_figures figures;
    memory_figures_read(&figures);
    const uint64_t pages = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    assert_true(figures.total > 0 && figures.total <= pages);
    assert_true(figures.available > 0 && figures.available <= figures.total);
    assert_true(figures.resident > 0 && figures.resident < figures.total);
}

static void resident_grows_with_use(void **state)
{
    (void)state;
    enum { BYTES = 64 << 20 };
    struct memory_figures before, after;
    memory_figures_read(&before);
    char *block = malloc(BYTES);
    assert_non_null(block);
    memset(block, 1, BYTES);
    memory_figures_read(&after);
    assert_true(block[BYTES - 1] == 1);
    assert_true(after.resident >= before.resident + BYTES / 2);
    free(block);
}

static void write_line(const char *folder, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void a_group_lowers_total_and_available(void **state)
{
    (void)state;
    char folder[] = "/tmp/qvl-memory-XXXXXX", membership[64], command[64];
    assert_non_null(mkdtemp(folder));
    write_line(folder, "memory.max", "1000\n");
    write_line(folder, "memory.current", "400\n");
    write_line(folder, "membership", "0::/\n");
    snprintf(membership, sizeof membership, "%s/membership", folder);
    struct memory_figures large = {.total = 5000, .available = 3000};
    memory_figures_limit(&large, folder, membership);
    assert_int_equal(large.total, 1000);
    assert_int_equal(large.available, 600);
    struct memory_figures small = {.total = 900, .available = 500};
    memory_figures_limit(&small, folder, membership);
    assert_int_equal(small.total, 900);
    assert_int_equal(small.available, 500);
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

static void reads_another_machine(void **state)
{
    (void)state;
    const char *root = fixture_create();
    struct memory_figures figures;
    memory_figures_read_in(root, &figures);
    assert_int_equal(figures.total + figures.available + figures.swap, 0);
    fixture_write("proc/meminfo", "MemTotal:       32768000 kB\nMemFree:  1 kB\n"
                                  "MemAvailable:   20000000 kB\nSwapTotal:  2097148 kB\n"
                                  "SwapFree:  97148 kB\nHugePages_Total:       0\n");
    memory_figures_read_in(root, &figures);
    assert_true(figures.total == 32768000ull << 10 && figures.machine == figures.total);
    assert_true(figures.available == 20000000ull << 10);
    assert_true(figures.swap == 2097148ull << 10 && figures.swap_free == 97148ull << 10);
    fixture_write("proc/self/cgroup", "0::/\n");
    fixture_write("sys/fs/cgroup/memory.max", "8589934592\n");
    fixture_write("sys/fs/cgroup/memory.current", "1073741824\n");
    memory_figures_read_in(root, &figures);
    assert_true(figures.total == 8ull << 30 && figures.available == 7ull << 30);
    assert_true(figures.machine == 32768000ull << 10);
    fixture_remove();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_are_plausible),
        cmocka_unit_test(resident_grows_with_use),
        cmocka_unit_test(reads_another_machine),
        cmocka_unit_test(a_group_lowers_total_and_available),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
