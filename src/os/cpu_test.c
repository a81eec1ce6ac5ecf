#include "base/test.h"
#include "os/cpu.h"

#include <sched.h>
#include <unistd.h>

static void limits_the_level(void **state)
{
    (void)state;
    const uint32_t all = cpu_flags();
    assert_int_equal(cpu_set_level("c", NULL), STATUS_OK);
    assert_int_equal(cpu_flags(), 0);
    if (all & CPU_AVX2) {
        assert_int_equal(cpu_set_level("avx2", NULL), STATUS_OK);
        assert_int_equal(cpu_flags(), CPU_AVX2);
    }
    if (all & CPU_AVX512)
        assert_true(all & CPU_AVX2);
    assert_int_equal(cpu_set_level("auto", NULL), STATUS_OK);
    assert_int_equal(cpu_flags(), all);
}

static void refuses_other_levels(void **state)
{
    (void)state;
    static const char *const names[] = {"", "C", "sse2", "avx", "avx22", "avx2 ", "AVX2"};
    const uint32_t before = cpu_flags();
    struct reason why;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_int_equal(cpu_set_level(names[i], &why), STATUS_INVALID);
        assert_string_equal(why.code, "cpu_level");
        assert_int_equal(cpu_flags(), before);
    }
    /* No processor has both. */
    const char *foreign = before & CPU_NEON ? "avx2" : "neon";
    assert_int_equal(cpu_set_level(foreign, &why), STATUS_INVALID);
    assert_non_null(strstr(why.message[LANG_EN], foreign));
    assert_non_null(strstr(why.message[LANG_ZH], foreign));
}

static void counts_processors(void **state)
{
    (void)state;
    const int threads = cpu_usable_threads(), cores = cpu_usable_cores();
    assert_in_range(cores, 1, threads);
    assert_true(threads <= sysconf(_SC_NPROCESSORS_ONLN));
    cpu_set_t all, one;
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    CPU_ZERO(&one);
    for (size_t i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++)
        if (CPU_ISSET(i, &all))
            CPU_SET(i, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    assert_int_equal(cpu_usable_threads(), 1);
    assert_int_equal(cpu_usable_cores(), 1);
    assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
}

static void names_the_model(void **state)
{
    (void)state;
    char name[64] = "", shorter[4] = "";
    cpu_model_name(name, sizeof name);
    assert_true(strlen(name) > 0);
    assert_null(strchr(name, '\n'));
    cpu_model_name(shorter, sizeof shorter);
    assert_memory_equal(shorter, name, 3);
    assert_int_equal(shorter[3], '\0');
}

int main(void)
{
    unsetenv("QVL_CPU");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_the_level),
        cmocka_unit_test(refuses_other_levels),
        cmocka_unit_test(counts_processors),
        cmocka_unit_test(names_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
