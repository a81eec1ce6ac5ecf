#include "server/language.h"

#include "base/test.h"

static void test_table(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        enum lang wanted;
    } rows[] = {
        {"zh", LANG_ZH},
        {"ZH", LANG_ZH},
        {"zh-CN", LANG_ZH},
        {"zh-Hans-CN;q=0.5", LANG_ZH},
        {"zh-CN,zh;q=0.9,en;q=0.8,en-GB;q=0.7,en-US;q=0.6", LANG_ZH},
        {"en", LANG_EN},
        {"en-US,en;q=0.9,zh;q=0.8", LANG_EN},
        {"zh;q=0.1,en;q=0.2", LANG_EN},
        {"en;q=0.1, zh;q=0.2", LANG_ZH},
        {"en;q=0.123,zh;q=0.124", LANG_ZH},
        {"en;q=0,zh;q=0.001", LANG_ZH},
        {"zh ; q=0.5 , en ; q=0.4", LANG_ZH},
        {"fr, de;q=0.9, zh;q=0.1", LANG_ZH},
        {"zh,en", LANG_ZH},
        {"en,zh", LANG_EN},
        {"en;q=1.0,zh;q=1", LANG_EN},
        {"en;q=oops,zh;q=0.1", LANG_ZH},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (enum lang usual = 0; usual < LANG_COUNT; usual++)
            if (language_of(str_from(rows[i].header), usual) != rows[i].wanted)
                fail_msg("%s", rows[i].header);
}

/* Neither is named, or both are refused: the usual one. */
static void test_usual(void **state)
{
    (void)state;
    static const char *const headers[] = {"",         "fr",         "*",     "zho",  "english",
                                          "zh;q=0",   "z",          ",,,",   ";q=1", "-zh",
                                          "en;q=0.0", "zhongwen,e", "q=0.5", " ",    "zh;q=x"};
    for (size_t i = 0; i < ARRAY_LEN(headers); i++)
        for (enum lang usual = 0; usual < LANG_COUNT; usual++)
            if (language_of(str_from(headers[i]), usual) != usual)
                fail_msg("%s", headers[i]);
    assert_int_equal(language_of((struct str){0}, LANG_ZH), LANG_ZH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table), cmocka_unit_test(test_usual)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
