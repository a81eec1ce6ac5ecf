#include "base/status.h"
#include "base/test.h"
#include "base/utf8.h"

static void speaks_both_languages(void **state)
{
    (void)state;
    struct reason why;
    reason_set(&why, "missing_file", "There is no file %s.", "文件 %s 不存在。", "a.txt");
    reason_subject(&why, "%s:%d", "a.txt", 3);
    reason_hint(&why, "Look.", "请检查。");
    reason_context(&why, "Loading %s", "加载 %s", "m");
    assert_string_equal(why.code, "missing_file");
    assert_string_equal(why.message[LANG_EN], "Loading m: There is no file a.txt.");
    assert_string_equal(why.message[LANG_ZH], "加载 m：文件 a.txt 不存在。");
    assert_string_equal(why.hint[LANG_ZH], "请检查。");
    assert_string_equal(why.subject, "a.txt:3");
    reason_set(NULL, "x", "%d", "%d", 1); /* allowed */
}

static void cuts_long_text_between_characters(void **state)
{
    (void)state;
    for (size_t pad = 0; pad < 8; pad++) {
        char text[2048] = {0};
        memset(text, 'a', pad);
        while (strlen(text) < 1500)
            strcat(text, "你");
        struct reason why;
        reason_set(&why, "x", "%s", "%s", text);
        const size_t len = strlen(why.message[LANG_EN]);
        assert_true(len > 500 && len < sizeof why.message[0]);
        assert_int_equal(utf8_valid_prefix(why.message[LANG_EN], len), len);
        reason_context(&why, "%s", "%s", text);
        const size_t joined = strlen(why.message[LANG_ZH]);
        assert_int_equal(utf8_valid_prefix(why.message[LANG_ZH], joined), joined);
    }
}

static void shows_no_control_characters(void **state)
{
    (void)state;
    struct reason why;
    reason_set(&why, "x", "no %s", "没有 %s", "a\033[2Jb\n\177");
    reason_subject(&why, "%s", "t\tu");
    assert_string_equal(why.message[LANG_EN], "no a?[2Jb??");
    assert_string_equal(why.message[LANG_ZH], "没有 a?[2Jb??");
    assert_string_equal(why.subject, "t?u");
}

static void reads_language_names(void **state)
{
    (void)state;
    assert_int_equal(lang_from_name("zh_CN.UTF-8"), LANG_ZH);
    assert_int_equal(lang_from_name("ZH"), LANG_ZH);
    assert_int_equal(lang_from_name("en_GB"), LANG_EN);
    assert_int_equal(lang_from_name(NULL), LANG_EN);
    setenv("LC_ALL", "zh_CN.UTF-8", 1);
    assert_int_equal(lang_from_environment(), LANG_ZH);
    setenv("QVL_LANG", "en", 1);
    assert_int_equal(lang_from_environment(), LANG_EN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(speaks_both_languages),
        cmocka_unit_test(cuts_long_text_between_characters),
        cmocka_unit_test(shows_no_control_characters),
        cmocka_unit_test(reads_language_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
