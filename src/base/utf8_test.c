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

/* Every beginning of a well-formed character, of one to three bytes: an independent way to say what
 * is ill-formed, and how far. */
static struct {
    bool one[1 << 8], two[1 << 16];
    uint8_t three[1 << 21]; /* bits */
} begins;

static size_t prefix_index(const unsigned char *s, size_t len)
{
    size_t index = 0;
    for (size_t i = 0; i < len; i++)
        index = index << 8 | s[i];
    return index;
}

static void learn_beginnings(void)
{
    for (uint32_t c = 0; c <= 0x10FFFF; c++) {
        if (c >= 0xD800 && c <= 0xDFFF)
            continue;
        unsigned char s[4];
        const size_t len = utf8_encode(c, (char *)s);
        begins.one[s[0]] = true;
        if (len >= 2)
            begins.two[prefix_index(s, 2)] = true;
        if (len >= 3)
            begins.three[prefix_index(s, 3) / 8] |= (uint8_t)(1 << s[2] % 8);
    }
}

/* The number of bytes at `s` that begin a well-formed character; its length if it is whole. */
static size_t longest_beginning(const unsigned char *s, size_t len, size_t whole)
{
    if (!begins.one[s[0]])
        return 0;
    if (whole < 2 || len < 2 || !begins.two[prefix_index(s, 2)])
        return 1;
    if (whole < 3 || len < 3 || !(begins.three[prefix_index(s, 3) / 8] >> s[2] % 8 & 1))
        return 2;
    return whole < 4 || len < 4 || (s[3] & 0xC0) != 0x80 ? 3 : 4;
}

static void check_step(const unsigned char *s, size_t len)
{
    const size_t whole = s[0] < 0x80 ? 1 : s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : 4;
    const size_t begin = longest_beginning(s, len, whole);
    const struct utf8_step step = utf8_decode((const char *)s, len);
    assert_int_equal(step.code != UTF8_INVALID, begin == whole);
    assert_int_equal(step.len, begin ? begin : 1);
    assert_int_equal(step.partial, begin && begin < whole && begin == len);
}

/* Leads and continuations more often than chance would have them. */
static unsigned char random_byte(unsigned *seed)
{
    static const unsigned char edges[] = {0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF,
                                          0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE4, 0xED, 0xEF,
                                          0xF0, 0xF3, 0xF4, 0xF5, 0xFF, 'a'};
    const int kind = rand_r(seed) % 8;
    return kind < 4   ? edges[(size_t)rand_r(seed) % sizeof edges]
           : kind < 6 ? (unsigned char)(0x80 | rand_r(seed) % 64)
           : kind < 7 ? (unsigned char)(0xE4 + rand_r(seed) % 6)
                      : (unsigned char)(rand_r(seed) >> 8);
}

static void check_prefixes(const unsigned char *s, size_t len)
{
    size_t valid = 0, multibyte = 0;
    bool ascii_seen = false;
    while (valid < len) {
        const struct utf8_step step = utf8_decode((const char *)s + valid, len - valid);
        if (step.code == UTF8_INVALID)
            break;
        valid += step.len;
        ascii_seen |= step.code < 0x80;
        if (!ascii_seen)
            multibyte = valid;
    }
    assert_int_equal(utf8_valid_prefix((const char *)s, len), valid);
    assert_int_equal(utf8_multibyte_prefix((const char *)s, len), multibyte);
}

static void agrees_with_the_list_of_characters(void **state)
{
    (void)state;
    learn_beginnings();
    unsigned seed = 9;
    for (int n = 0; n < 300000; n++) {
        unsigned char bytes[24];
        const size_t len = 1 + (size_t)rand_r(&seed) % sizeof bytes;
        unsigned char *exact = malloc(len); /* sanitizers see what is read behind it */
        assert_non_null(exact);
        for (size_t i = 0; i < len; i++)
            bytes[i] = random_byte(&seed);
        memcpy(exact, bytes, len);
        check_step(exact, len);
        check_prefixes(exact, len);
        free(exact);
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
        cmocka_unit_test(agrees_with_the_list_of_characters),
        cmocka_unit_test(floor_never_cuts),
        cmocka_unit_test(counts_wide_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
