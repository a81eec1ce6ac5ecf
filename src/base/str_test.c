#include "base/str.h"
#include "base/test.h"

static void compares_and_cuts(void **state)
{
    (void)state;
    assert_true(str_eq(STR("abc"), str_from("abc")));
    assert_false(str_eq(STR("abc"), STR("abd")));
    assert_true(str_eq((struct str){NULL, 0}, STR("")));
    assert_true(str_ieq(STR("Content-Type"), STR("content-TYPE")));
    assert_false(str_ieq(STR("a["), STR("A{"))); /* only letters fold */
    assert_true(str_starts(STR("Bearer x"), "Bearer "));
    assert_false(str_starts(STR("B"), "Bearer"));
    assert_true(str_ends(STR("a.png"), ".png"));
    assert_true(str_eq(str_slice(STR("abcdef"), 2, 4), STR("cd")));
    assert_true(str_eq(str_slice(STR("abc"), 5, 9), STR("")));
    assert_true(str_eq(str_trim(STR(" \t a b\r\n")), STR("a b")));
}

static void measures_distance(void **state)
{
    (void)state;
    assert_int_equal(str_distance(STR("model"), STR("model")), 0);
    assert_int_equal(str_distance(STR("modle"), STR("model")), 1);
    assert_int_equal(str_distance(STR("models"), STR("model")), 1);
    assert_int_equal(str_distance(STR(""), STR("abc")), 3);
    assert_int_equal(str_distance(STR("kitten"), STR("sitting")), 3);
}

static void finds_the_nearest_name(void **state)
{
    (void)state;
    static const char *const names[] = {"--model", "--host", "--port", NULL};
    assert_string_equal(str_nearest(STR("--modle"), names), "--model");
    assert_string_equal(str_nearest(STR("--prot"), names), "--port");
    assert_null(str_nearest(STR("--something-else"), names));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compares_and_cuts),
        cmocka_unit_test(measures_distance),
        cmocka_unit_test(finds_the_nearest_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
