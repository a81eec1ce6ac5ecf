#include "os/cpu_count.h"

#include "base/test.h"
#include "os/fixture_test.h"

static const char *root;

/* The threads of cores as "0-1" (a desktop) or "0,4" (a server): `count` threads, two a core. */
static void write_siblings(int count, bool neighbours)
{
    for (int cpu = 0; cpu < count; cpu++) {
        char name[96], text[32];
        snprintf(name, sizeof name, "sys/devices/system/cpu/cpu%d/topology/thread_siblings_list",
                 cpu);
        if (neighbours)
            snprintf(text, sizeof text, "%d-%d\n", cpu / 2 * 2, cpu / 2 * 2 + 1);
        else
            snprintf(text, sizeof text, "%d,%d\n", cpu % (count / 2),
                     cpu % (count / 2) + count / 2);
        fixture_write(name, text);
    }
}

static void write_quota(const char *text)
{
    fixture_write("proc/self/cgroup", "0::/\n");
    fixture_write("sys/fs/cgroup/cpu.max", text);
}

static cpu_set_t set_of(int from, int to)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    for (int cpu = from; cpu <= to; cpu++)
        CPU_SET((size_t)cpu, &set);
    return set;
}

static struct cpu_counts count(int from, int to)
{
    struct cpu_counts counts;
    const cpu_set_t set = set_of(from, to);
    cpu_counts_in(root, &set, &counts);
    return counts;
}

static void counts_cores_not_threads(void **state)
{
    (void)state;
    for (int neighbours = 0; neighbours < 2; neighbours++) {
        write_siblings(8, neighbours);
        const struct cpu_counts all = count(0, 7);
        assert_int_equal(all.threads, 8);
        assert_int_equal(all.cores, 4);
        assert_true(all.quota <= 0);
    }
    write_siblings(8, false);
    assert_int_equal(count(0, 3).cores, 4); /* one thread of each */
    assert_int_equal(count(4, 7).cores, 4); /* the other one of each */
    assert_int_equal(count(3, 4).cores, 2);
    write_siblings(8, true);
    assert_int_equal(count(0, 3).cores, 2);
    assert_int_equal(count(1, 2).cores, 2);
    assert_int_equal(count(5, 5).cores, 1);
}

static void no_topology_means_a_core_each(void **state)
{
    (void)state;
    assert_int_equal(count(0, 5).cores, 6);
}

static void the_quota_limits_whole_cores(void **state)
{
    static const struct {
        const char *max;
        int cores, threads;
    } rows[] = {
        {"max 100000\n", 4, 8},    {"800000 100000\n", 4, 8}, {"400000 100000\n", 4, 4},
        {"399999 100000\n", 3, 3}, {"250000 100000\n", 2, 2}, {"150000 100000\n", 1, 1},
        {"10000 100000\n", 1, 1},  {"nonsense\n", 4, 8},      {"", 4, 8},
        {"100000 50000\n", 2, 2},
    };
    (void)state;
    write_siblings(8, true);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        write_quota(rows[i].max);
        const struct cpu_counts counts = count(0, 7);
        assert_int_equal(cpu_counts_within_quota(&counts, counts.cores), rows[i].cores);
        assert_int_equal(cpu_counts_within_quota(&counts, counts.threads), rows[i].threads);
    }
}

static void a_quota_of_version_1_limits_too(void **state)
{
    (void)state;
    fixture_write("proc/self/cgroup", "5:cpu,cpuacct:/docker/ab12\n1:name=systemd:/\n");
    fixture_write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "200000\n"); /* as a container sees it */
    fixture_write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    const struct cpu_counts counts = count(0, 7);
    assert_int_equal(cpu_counts_within_quota(&counts, counts.cores), 2);
}

static void adds_up_the_caches_that_are_shared(void **state)
{
    (void)state;
    assert_int_equal(count(0, 7).cache_bytes, 0);
    for (int cpu = 0; cpu < 8; cpu++) {
        char name[96], list[32];
        snprintf(name, sizeof name, "sys/devices/system/cpu/cpu%d/cache/index3/size", cpu);
        fixture_write(name, "32768K\n");
        snprintf(name, sizeof name, "sys/devices/system/cpu/cpu%d/cache/index3/shared_cpu_list",
                 cpu);
        snprintf(list, sizeof list, "%d-%d\n", cpu / 4 * 4, cpu / 4 * 4 + 3);
        fixture_write(name, list);
    }
    assert_int_equal(count(0, 7).cache_bytes, 64 << 20);
    assert_int_equal(count(0, 3).cache_bytes, 32 << 20);
    assert_int_equal(count(2, 5).cache_bytes, 64 << 20);
    fixture_write("sys/devices/system/cpu/cpu0/cache/index3/size", "96M\n");
    assert_int_equal(count(0, 7).cache_bytes, 128 << 20);
    fixture_write("sys/devices/system/cpu/cpu0/cache/index3/size", "nonsense\n");
    assert_int_equal(count(0, 7).cache_bytes, 32 << 20);
}

static void survives_broken_topology(void **state)
{
    static const char *const texts[] = {"", "\n", "x", "-1,-5\n", "0-", "0-99999999\n", "7,6\n"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        fixture_write("sys/devices/system/cpu/cpu1/topology/thread_siblings_list", texts[i]);
        assert_in_range(count(0, 1).cores, 1, 2);
    }
}

static int make_root(void **state)
{
    (void)state;
    root = fixture_create();
    return 0;
}

static int remove_root(void **state)
{
    (void)state;
    fixture_remove();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(counts_cores_not_threads, make_root, remove_root),
        cmocka_unit_test_setup_teardown(no_topology_means_a_core_each, make_root, remove_root),
        cmocka_unit_test_setup_teardown(the_quota_limits_whole_cores, make_root, remove_root),
        cmocka_unit_test_setup_teardown(a_quota_of_version_1_limits_too, make_root, remove_root),
        cmocka_unit_test_setup_teardown(adds_up_the_caches_that_are_shared, make_root, remove_root),
        cmocka_unit_test_setup_teardown(survives_broken_topology, make_root, remove_root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
