#include "base/clock.h"
#include "base/test.h"

static void formats_utc(void **state)
{
    (void)state;
    char text[32];
    clock_format_rfc3339(0, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000Z");
    clock_format_rfc3339(1795435200123, text);
    assert_string_equal(text, "2026-11-23T12:00:00.123Z");
    clock_format_rfc3339(-1, text);
    assert_string_equal(text, "1969-12-31T23:59:59.999Z");
}

static void a_fake_clock_stands_still(void **state)
{
    (void)state;
    struct clock_fake fake;
    clock_fake_init(&fake);
    fake.monotonic_ns = 5;
    fake.wall_ms = 7;
    assert_int_equal(clock_ns(&fake.clock), 5);
    assert_int_equal(clock_wall_ms(&fake.clock), 7);
    const int64_t before = clock_ns(&clock_system);
    assert_true(clock_ns(&clock_system) >= before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_utc),
        cmocka_unit_test(a_fake_clock_stands_still),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
