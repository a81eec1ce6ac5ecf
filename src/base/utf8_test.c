#include "base/str.h"
#include "base/test.h"
#include "base/utf8.h"

static void decodes_every_scalar_value(void **state)
{
    (void)state;
    for (uint32_t c = 0; c <= 0x10FFFF; c++) {
        if (c >= 0xD800 && c <= 0xDFFF)
            continue;
        char text[4];
        const size_t len = utf8_encode(c, text);
        const struct utf8_step step = utf8_decode(text, len);
        if (step.code != c || step.len != len)
            fail_msg("U+%04X comes back as U+%04X, %u bytes", c, step.code, step.len);
    }
}

static const struct {
    const char *text;
    size_t valid;     /* utf8_valid_prefix */
    uint32_t bad_len; /* bytes of the ill-formed subsequence there */
    bool partial;
} ill_formed[] = {
    {"a\x80", 1, 1, false},        {"\xC0\x80", 0, 1, false},         {"\xE0\x80\x80", 0, 1, false},
    {"\xED\xA0\x80", 0, 1, false}, {"\xF4\x90\x80\x80", 0, 1, false}, {"\xF5\x80", 0, 1, false},
    {"ab\xE4\xBD", 2, 2, true},    {"\xF0\x9F\x98", 0, 3, true},      {"\xF0\x9F\x41", 0, 2, false},
    {"\xE4\x41", 0, 1, false},     {"12345678\xFF", 8, 1, false},
};

static void rejects_ill_formed(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ill_formed); i++) {
        const char *text = ill_formed[i].text;
        const size_t len = strlen(text), valid = utf8_valid_prefix(text, len);
        assert_int_equal(valid, ill_formed[i].valid);
        const struct utf8_step step = utf8_decode(text + valid, len - valid);
        assert_int_equal(step.code, UTF8_INVALID);
        assert_int_equal(step.len, ill_formed[i].bad_len);
        assert_int_equal(step.partial, ill_formed[i].partial);
    }
}

static void floor_never_cuts(void **state)
{
    (void)state;
    const char *text = "a\xC3\xA9\xE4\xBD\xA0\xF0\x9F\x98\x80z";
    static const size_t expected[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11};
    for (size_t at = 0; at < ARRAY_LEN(expected); at++)
        assert_int_equal(utf8_floor(text, at), expected[at]);
}

static void counts_wide_columns(void **state)
{
    (void)state;
    assert_int_equal(utf8_columns("ab", 2), 2);
    assert_int_equal(utf8_columns("你好a", strlen("你好a")), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_every_scalar_value),
        cmocka_unit_test(rejects_ill_formed),
        cmocka_unit_test(floor_never_cuts),
        cmocka_unit_test(counts_wide_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
