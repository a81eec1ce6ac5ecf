#include "fetch/guard.h"

#include "base/test.h"

static struct address address_of(const char *text)
{
    struct address out;
    assert_true(address_parse(str_from(text), &out));
    return out;
}

static struct address_range range_of(const char *text)
{
    struct address_range out;
    assert_int_equal(address_range_parse(str_from(text), &out, NULL), STATUS_OK);
    return out;
}

static void opens_what_the_settings_say(void **state)
{
    (void)state;
    const struct address_range range = range_of("10.1.0.0/16");
    const struct fetch_guard closed = {0}, private_too = {.private_too = true};
    const struct fetch_guard opened = {.ranges = &range, .range_count = 1};
    static const struct {
        const char *address;
        bool closed, private_too, opened;
    } rows[] = {
        {"8.8.8.8", true, true, true},
        {"2001:4860:4860::8888", true, true, true},
        {"64:ff9b::8.8.8.8", true, true, true},
        {"10.1.2.3", false, true, true},
        {"10.2.0.1", false, true, false},
        {"::ffff:10.1.2.3", false, true, true},
        {"64:ff9b::10.1.2.3", false, true, false}, /* opened is the address, not what leads there */
        {"192.168.1.1", false, true, false},
        {"172.31.0.1", false, true, false},
        {"fd12::1", false, true, false},
        {"127.0.0.1", false, true, false},
        {"::1", false, true, false},
        {"0.0.0.0", false, false, false},
        {"::", false, false, false},
        {"169.254.169.254", false, false, false},
        {"169.254.1.1", false, false, false},
        {"::ffff:169.254.169.254", false, false, false},
        {"64:ff9b::169.254.169.254", false, false, false},
        {"2002:a9fe:a9fe::", false, false, false},
        {"fe80::1", false, false, false},
        {"fd00:ec2::254", false, false, false},
        {"100.64.0.1", false, false, false},
        {"100.100.100.200", false, false, false},
        {"168.63.129.16", false, false, false},
        {"224.0.0.1", false, false, false},
        {"255.255.255.255", false, false, false},
        {"240.0.0.1", false, false, false},
        {"198.18.0.1", false, false, false},
        {"192.0.2.1", false, false, false},
        {"2001:db8::1", false, false, false},
        {"100::1", false, false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct address address = address_of(rows[i].address);
        if (fetch_guard_allows(&closed, &address) != rows[i].closed ||
            fetch_guard_allows(&private_too, &address) != rows[i].private_too ||
            fetch_guard_allows(&opened, &address) != rows[i].opened)
            fail_msg("%s", rows[i].address);
    }
}

static void opens_metadata_only_by_name(void **state)
{
    (void)state;
    const struct address metadata = address_of("169.254.169.254");
    const struct address_range exact = range_of("169.254.169.254");
    const struct fetch_guard guard = {.ranges = &exact, .range_count = 1};
    assert_true(fetch_guard_allows(&guard, &metadata));
}

static void uses_the_allowed_ones_of_several(void **state)
{
    (void)state;
    const struct fetch_guard guard = {0};
    enum address_kind blocked = ADDRESS_PUBLIC;
    struct address mixed[] = {address_of("127.0.0.1"), address_of("8.8.8.8"),
                              address_of("10.0.0.1"), address_of("2001:4860:4860::8888")};
    assert_int_equal(fetch_guard_filter(&guard, mixed, ARRAY_LEN(mixed), &blocked), 2);
    const struct address first = address_of("8.8.8.8"), second = address_of("2001:4860:4860::8888");
    assert_true(address_eq(&mixed[0], &first));
    assert_true(address_eq(&mixed[1], &second));

    struct address bad[] = {address_of("169.254.169.254"), address_of("10.0.0.1")};
    assert_int_equal(fetch_guard_filter(&guard, bad, ARRAY_LEN(bad), &blocked), 0);
    assert_int_equal(blocked, ADDRESS_METADATA);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_what_the_settings_say),
        cmocka_unit_test(opens_metadata_only_by_name),
        cmocka_unit_test(uses_the_allowed_ones_of_several),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
