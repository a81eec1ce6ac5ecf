#include "server/request_id.h"

#include "base/test.h"

static void test_valid(void **state)
{
    (void)state;
    char longest[129];
    memset(longest, 'x', 128);
    longest[128] = '\0';
    const char *const valid[] = {"a", "Z", "0", "-", ".", "_", "req_1.2-3", longest};
    for (size_t i = 0; i < ARRAY_LEN(valid); i++)
        assert_true(request_id_is_valid(str_from(valid[i])));
}

static void test_each_byte(void **state)
{
    (void)state;
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    for (int c = 0; c < 256; c++) {
        const char text[] = {'a', (char)c, 'b'};
        assert_int_equal(request_id_is_valid((struct str){text, sizeof text}),
                         c != 0 && strchr(allowed, c) != NULL);
    }
}

static void test_lengths(void **state)
{
    (void)state;
    char text[200];
    memset(text, 'x', sizeof text);
    for (size_t len = 0; len <= sizeof text; len++)
        assert_int_equal(request_id_is_valid((struct str){text, len}), len >= 1 && len <= 128);
    assert_false(request_id_is_valid((struct str){0}));
}

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void test_make(void **state)
{
    (void)state;
    enum { COUNT = 2000, SIZE = 40 };
    static char made[COUNT][SIZE];
    for (size_t i = 0; i < COUNT; i++) {
        request_id_make("req_", made[i], SIZE);
        assert_int_equal(strlen(made[i]), 4 + 20);
        assert_memory_equal(made[i], "req_", 4);
        assert_true(request_id_is_valid(str_from(made[i])));
    }
    qsort(made, COUNT, SIZE, compare);
    for (size_t i = 1; i < COUNT; i++)
        assert_string_not_equal(made[i - 1], made[i]);
}

static void test_make_keeps_to_its_room(void **state)
{
    (void)state;
    char text[16];
    memset(text, '#', sizeof text);
    request_id_make("chatcmpl-", text, 12);
    assert_int_equal(strlen(text), 11);
    assert_int_equal(text[12], '#');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid),
        cmocka_unit_test(test_each_byte),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_make),
        cmocka_unit_test(test_make_keeps_to_its_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
