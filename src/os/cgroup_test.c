#include "base/test.h"
#include "os/cgroup.h"

#include <sys/stat.h>
#include <unistd.h>

static char root[] = "/tmp/qvl-cgroup-XXXXXX";

/* Writes a file below the root, making its folders. */
static void write_file(const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", root, name);
    for (char *slash = strchr(path + sizeof root, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* The quota under `membership`, times 100. */
static int quota(const char *membership)
{
    char path[512];
    write_file("membership", membership);
    snprintf(path, sizeof path, "%s/membership", root);
    return (int)(cgroup_cpu_quota(root, path) * 100 + 0.5);
}

static void reads_version_2(void **state)
{
    (void)state;
    write_file("a/cpu.max", "400000 100000\n");
    write_file("a/b/cpu.max", "max 100000\n");
    write_file("a/b/c/cpu.max", "150000 100000\n");
    write_file("broken/cpu.max", "100000 0\n");
    assert_int_equal(quota("0::/\n"), 0);
    assert_int_equal(quota("0::/a\n"), 400);
    assert_int_equal(quota("0::/a/b\n"), 400);
    assert_int_equal(quota("0::/a/b/c\n"), 150);
    assert_int_equal(quota("0::/broken\n"), 0);
    assert_int_equal(quota("0::/a/elsewhere/deep\n"), 400);
}

static void reads_version_1(void **state)
{
    (void)state;
    write_file("cpu/cpu.cfs_quota_us", "-1\n");
    write_file("cpu/cpu.cfs_period_us", "100000\n");
    write_file("cpu/job/cpu.cfs_quota_us", "250000\n");
    write_file("cpu/job/cpu.cfs_period_us", "100000\n");
    assert_int_equal(quota("4:memory:/job\n3:cpu,cpuacct:/job\n"), 250);
    assert_int_equal(quota("3:cpuacct,cpu:/job/inner\n"), 250);
    assert_int_equal(quota("3:cpuset:/job\n"), 0);
    assert_int_equal(quota("3:cpu:/\n"), 0);
    assert_int_equal(quota("3:cpu:/job\n0::/a\n"), 250);
}

static struct cgroup_memory memory(const char *membership)
{
    char path[512];
    write_file("membership", membership);
    snprintf(path, sizeof path, "%s/membership", root);
    return cgroup_memory(root, path);
}

static void reads_memory_of_version_2(void **state)
{
    (void)state;
    write_file("m/memory.max", "1000000\n");
    write_file("m/memory.current", "900000\n");
    write_file("m/memory.stat", "anon 500000\ninactive_file 300000\nactive_file 7\n");
    write_file("m/n/memory.max", "max\n");
    write_file("m/n/o/memory.max", "600000\n");
    write_file("m/n/o/memory.current", "100000\n");
    write_file("m/full/memory.max", "5\n");
    write_file("m/full/memory.current", "6\n");
    assert_true(memory("0::/\n").limit == UINT64_MAX);
    assert_true(memory("0::/\n").available == UINT64_MAX);
    assert_int_equal(memory("0::/m/n\n").limit, 1000000);
    assert_int_equal(memory("0::/m/n\n").available, 400000); /* dropping pages gives 300000 back */
    assert_int_equal(memory("0::/m/n/o\n").limit, 600000);
    assert_int_equal(memory("0::/m/n/o\n").available, 400000); /* the parent is nearer its limit */
    assert_int_equal(memory("0::/m/full\n").available, 0);
}

static void reads_memory_of_version_1(void **state)
{
    (void)state;
    write_file("memory/memory.limit_in_bytes", "9223372036854771712\n"); /* the kernel's "none" */
    write_file("memory/job/memory.limit_in_bytes", "2000000\n");
    write_file("memory/job/memory.usage_in_bytes", "1500000\n");
    write_file("memory/job/memory.stat", "inactive_file 1\ntotal_inactive_file 500000\n");
    assert_true(memory("4:memory:/\n").limit > (uint64_t)1 << 62);
    assert_int_equal(memory("4:cpu,memory:/job\n").limit, 2000000);
    assert_int_equal(memory("4:cpu,memory:/job/inner\n").available, 1000000);
    assert_true(memory("4:cpu:/job\n").limit == UINT64_MAX);
}

static void survives_nonsense(void **state)
{
    (void)state;
    char line[3000];
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = '\0';
    memcpy(line, "0::/", 4);
    assert_int_equal(quota(line), 0);
    assert_int_equal(quota(""), 0);
    assert_int_equal(quota(":\n::\n0:\n"), 0);
    assert_true(cgroup_cpu_quota("/nowhere", "/nowhere/file") <= 0);
}

static int remove_root(void **state)
{
    (void)state;
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", root);
    return system(command);
}

static int make_root(void **state)
{
    (void)state;
    return mkdtemp(root) ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_version_2),           cmocka_unit_test(reads_version_1),
        cmocka_unit_test(reads_memory_of_version_2), cmocka_unit_test(reads_memory_of_version_1),
        cmocka_unit_test(survives_nonsense),
    };
    return cmocka_run_group_tests(tests, make_root, remove_root);
}
