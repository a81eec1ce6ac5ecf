#include "cli/option_value.h"

#include "base/test.h"

#include <math.h>

static void test_integers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
    } rows[] = {{"0", 0},
                {"7", 7},
                {"-7", -7},
                {"+7", 7},
                {"007", 7},
                {"9223372036854775807", INT64_MAX},
                {"-9223372036854775808", INT64_MIN}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t value = 99;
        assert_true(option_integer(rows[i].text, &value));
        assert_int_equal(value, rows[i].value);
    }
}

static void test_no_integers(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        " ",
        " 1",
        "1 ",
        "\t1",
        "\n1",
        "1.0",
        "1e3",
        "0x10",
        "x",
        "-",
        "+",
        "--1",
        "1k",
        "9223372036854775808",
        "-9223372036854775809",
        "99999999999999999999",
        "一",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        int64_t value = 99;
        if (option_integer(texts[i], &value))
            fail_msg("\"%s\" is taken", texts[i]);
        assert_int_equal(value, 99);
    }
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double value;
    } rows[] = {{"0", 0},       {"0.7", 0.7}, {".5", 0.5},     {"5.", 5},
                {"-1.5", -1.5}, {"+2", 2},    {"1e-3", 0.001}, {"2E2", 200}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double value = 99;
        assert_true(option_number(rows[i].text, &value));
        assert_true(value == rows[i].value);
    }
}

static void test_no_numbers(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",    " ",   " 1",   "1 ",     "\t1",   "x",      "nan", "inf", "-inf", "+nan", "1x",
        "1,5", "0x1", "-0x1", "+0x1p3", "1e999", "-1e999", "-",   "+",   ".",    "1..2", "1e",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        double value = 99;
        if (option_number(texts[i], &value))
            fail_msg("\"%s\" is taken as %g", texts[i], value);
        assert_true(value == 99);
    }
}

static void test_durations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double seconds;
    } rows[] = {{"30", 30}, {"30s", 30},   {"500ms", 0.5}, {"2m", 120},  {"1h", 3600},
                {"0", 0},   {"1.5s", 1.5}, {"0.1m", 6},    {".5h", 1800}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double value = 99;
        assert_true(option_duration(rows[i].text, &value));
        assert_true(fabs(value - rows[i].seconds) < 1e-9);
    }
}

static void test_no_durations(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",   "s",  "ms",   "-1",   "-1s",    "1 s",    "1sec",
        "1S", "1d", "1ms ", "1mss", "1e999h", "1e308h", "0x1s",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        double value = 99;
        if (option_duration(texts[i], &value))
            fail_msg("\"%s\" is taken as %g s", texts[i], value);
        assert_true(value == 99);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers),  cmocka_unit_test(test_no_integers),
        cmocka_unit_test(test_numbers),   cmocka_unit_test(test_no_numbers),
        cmocka_unit_test(test_durations), cmocka_unit_test(test_no_durations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
