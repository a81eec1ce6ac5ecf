#include "base/test.h"

#include "os/thread_room.h"

#include <sys/resource.h>

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

static void test_no_room(void **state)
{
    (void)state;
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    const struct rlimit small = {64 << 20, before.rlim_max};
    struct reason why;
    assert_int_equal(setrlimit(RLIMIT_AS, &small), 0);
    const enum status status = thread_room_check(4, 32 << 20, &why);
    const enum status fewer = thread_room_check(1, 1 << 20, &why);
    assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
    assert_int_equal(status, STATUS_NO_MEMORY);
    assert_string_equal(why.code, "memory_full");
    assert_int_equal(fewer, STATUS_OK);
}

#else

static void test_no_room(void **state)
{
    (void)state; /* the sanitizer needs the address space */
    skip();
}

#endif

static void test_room(void **state)
{
    (void)state;
    struct reason why;
    assert_int_equal(thread_room_check(0, 1 << 20, &why), STATUS_OK);
    assert_int_equal(thread_room_check(4, 1 << 20, &why), STATUS_OK);
    assert_int_equal(thread_room_check(1000, 1 << 20, &why), STATUS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
