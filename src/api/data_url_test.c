#include "api/data_url.h"
#include "base/test.h"

#include <openssl/evp.h>

/* Decodes behind a word that must stay. */
static enum status decode(struct str url, size_t max_bytes, struct buf *out, struct reason *why)
{
    buf_init(out, max_bytes + 5);
    buf_puts(out, "kept:");
    const enum status status = data_url_decode(url, out, why);
    assert_int_equal(out->data[out->len], '\0');
    assert_memory_equal(out->data, "kept:", 5);
    if (status)
        assert_int_equal(out->len, 5);
    return status;
}

static void knows_the_scheme(void **state)
{
    (void)state;
    assert_true(data_url_is(STR("data:")));
    assert_true(data_url_is(STR("DaTa:,x")));
    assert_false(data_url_is(STR("data")));
    assert_false(data_url_is(STR("https://x/data:")));
    assert_false(data_url_is((struct str){0}));
}

static const struct {
    const char *url;
    struct str expected;
} good[] = {
    {"data:;base64,Zg==", {"f", 1}},
    {"data:;base64,Zg", {"f", 1}},
    {"data:image/png;base64,Zm8=", {"fo", 2}},
    {"data:image/png;base64,Zm8", {"fo", 2}},
    {"data:image/png;BASE64,Zm9v", {"foo", 3}},
    {"DATA:image/png;charset=x;base64,Zm9vYmFy", {"foobar", 6}},
    {"data:;base64,AAAA", {"\0\0\0", 3}},
    {"data:;base64,+/+/", {"\xFB\xFF\xBF", 3}},
    {"data:;base64,-_-_", {"\xFB\xFF\xBF", 3}},
    {"data:;base64,-_8=", {"\xFB\xFF", 2}},
    {"data:;base64,_w", {"\xFF", 1}},
    {"data:,a", {"a", 1}},
    {"data:text/plain,a,b", {"a,b", 3}},
    {"data:,%00%ff%Fa", {"\0\xFF\xFA", 3}},
    {"data:,a%20b-._~!$&'()*+,;=:@/?", {"a b-._~!$&'()*+,;=:@/?", 22}},
    {"data:image/png;base64x,Zg==", {"Zg==", 4}}, /* the marker is a whole word */
};

static void decodes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct buf out;
        struct reason why;
        if (decode(str_from(good[i].url), 100, &out, &why))
            fail_msg("%s: %s", good[i].url, why.message[LANG_EN]);
        if (!str_eq(str_slice(buf_str(&out), 5, out.len), good[i].expected))
            fail_msg("%s: other bytes", good[i].url);
        buf_release(&out);
    }
}

static const struct {
    const char *url, *says;
} bad[] = {
    {"", "scheme"},
    {"https://a/b,c", "scheme"},
    {"data:", "comma"},
    {"data:image/png;base64", "comma"},
    {"data:,", "empty"},
    {"data:;base64,", "empty"},
    {"data:;base64,=", "length"},
    {"data:;base64,==", "length"},
    {"data:;base64,Z", "length"},
    {"data:;base64,Zg=", "length"},
    {"data:;base64,Zg===", "length"},
    {"data:;base64,Zm8==", "length"},
    {"data:;base64,Zm9v=", "length"},
    {"data:;base64,Zm9v==", "length"},
    {"data:;base64,Zm9vZ", "length"},
    {"data:;base64,====", "last letters"},
    {"data:;base64,Z===", "last letters"},
    {"data:;base64,Zm9v====", "last letters"},
    {"data:;base64,Zh==", "last letters"}, /* unused bits */
    {"data:;base64,Zm9=", "last letters"},
    {"data:;base64,Z!", "last letters"},
    {"data:;base64,Zg==Zm9v", "alphabet"},
    {"data:;base64,Zm9vZm9*", "alphabet"},
    {"data:;base64,Zm9v Zm9v", "blanks"},
    {"data:;base64,Zm9vZm\r\n", "blanks"},
    {"data:;base64,Zm9v\n", "blanks"},
    {"data:;base64, Zm9vZm9", "blanks"},
    {"data:;base64,Zm9vZ ", "blanks"},
    {"data:;base64,+AA_", "alphabet"}, /* two alphabets */
    {"data:;base64,-AA/", "alphabet"},
    {"data:;base64,Zm9v%3D%3D", "alphabet"},
    {"data:;base64,\xE4\xBD\xA0\xE4", "alphabet"},
    {"data:,%", "hexadecimal"},
    {"data:,a%1", "hexadecimal"},
    {"data:,%1g", "hexadecimal"},
    {"data:,%g1", "hexadecimal"},
    {"data:,% 1", "hexadecimal"},
    {"data:,ab%", "hexadecimal"},
    {"data:,a b", "escaped"},
    {"data:,a#b", "escaped"},
    {"data:,a\nb", "escaped"},
    {"data:,<svg>", "escaped"},
    {"data:,\xE4\xBD\xA0", "escaped"},
};

static void refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct buf out;
        struct reason why;
        if (decode(str_from(bad[i].url), 100, &out, &why) != STATUS_INVALID)
            fail_msg("accepted: %s", bad[i].url);
        assert_string_equal(why.code, "invalid_data_url");
        if (!strstr(why.message[LANG_EN], bad[i].says))
            fail_msg("%s: %s", bad[i].url, why.message[LANG_EN]);
        assert_non_null(strstr(why.message[LANG_ZH], "格式有误"));
        assert_true(why.hint[LANG_EN][0] && why.hint[LANG_ZH][0]);
        buf_release(&out);
    }
    struct buf out;
    assert_int_equal(decode((struct str){"data:,a\0b", 9}, 100, &out, NULL), STATUS_INVALID);
    buf_release(&out);
}

/* Content of exactly the maximum passes, one byte more does not. */
static void holds_its_limit(void **state)
{
    (void)state;
    for (size_t bytes = 1; bytes < 40; bytes++) {
        char base64[100] = "data:;base64,", percent[200] = "data:,";
        unsigned char content[40];
        memset(content, 0xA5, sizeof content);
        EVP_EncodeBlock((unsigned char *)base64 + strlen(base64), content, (int)bytes);
        for (size_t i = 0; i < bytes; i++)
            strcat(percent, i % 2 ? "%A5" : "x");
        const struct str urls[] = {str_from(base64), str_from(percent)};
        for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
            struct buf out;
            struct reason why;
            assert_int_equal(decode(urls[i], bytes, &out, &why), STATUS_OK);
            assert_int_equal(out.len, bytes + 5);
            buf_release(&out);
            assert_int_equal(decode(urls[i], bytes - 1, &out, &why), STATUS_LIMIT);
            assert_string_equal(why.code, "image_too_large");
            buf_release(&out);
        }
    }
}

/* Every cut of a URL is refused or gives the beginning of the content. */
static void survives_every_cut(void **state)
{
    (void)state;
    static const char *const urls[] = {"data:image/png;base64,Zm9vYmFyZm9vYg==", "data:,f%6fobar"};
    static const char content[] = "foobarfoob";
    for (size_t i = 0; i < ARRAY_LEN(urls); i++)
        for (size_t len = 0; len <= strlen(urls[i]); len++) {
            char *copy = malloc(len + 1); /* sanitizers see what is read behind it */
            struct buf out;
            assert_non_null(copy);
            memcpy(copy, urls[i], len);
            if (!decode((struct str){copy, len}, 100, &out, NULL))
                assert_memory_equal(out.data + 5, content, out.len - 5);
            buf_release(&out);
            free(copy);
        }
}

static void check_round_trip(const unsigned char *content, size_t len, bool url_safe, bool padded)
{
    char url[2000] = "data:application/octet-stream;base64,";
    char *text = url + strlen(url);
    EVP_EncodeBlock((unsigned char *)text, content, (int)len);
    for (char *c = text; *c && url_safe; c++)
        *c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
    if (!padded)
        text[strcspn(text, "=")] = '\0';
    struct buf out;
    struct reason why;
    if (decode(str_from(url), len, &out, &why))
        fail_msg("%s: %s", url, why.message[LANG_EN]);
    assert_int_equal(out.len, len + 5);
    assert_memory_equal(out.data + 5, content, len);
    buf_release(&out);
}

static void check_percent(unsigned *seed, const unsigned char *content, size_t len)
{
    char url[4000] = "data:,";
    size_t at = 6;
    for (size_t i = 0; i < len; i++) {
        const bool plain = (content[i] >= '0' && content[i] <= '9') || content[i] == '~';
        at += plain && rand_r(seed) % 2 ? (size_t)sprintf(url + at, "%c", content[i])
                                        : (size_t)sprintf(url + at, "%%%02x", content[i]);
    }
    struct buf out;
    assert_int_equal(decode((struct str){url, at}, len, &out, NULL), STATUS_OK);
    assert_int_equal(out.len, len + 5);
    assert_memory_equal(out.data + 5, content, len);
    buf_release(&out);
}

static void comes_back(void **state)
{
    (void)state;
    unsigned seed = 11;
    for (int n = 0; n < 4000; n++) {
        unsigned char content[1000];
        const size_t len = 1 + (size_t)rand_r(&seed) % sizeof content;
        for (size_t i = 0; i < len; i++)
            content[i] = (unsigned char)(rand_r(&seed) >> 8);
        check_round_trip(content, len, n & 1, n & 2);
        check_percent(&seed, content, len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_the_scheme),
        cmocka_unit_test(decodes),
        cmocka_unit_test(refuses),
        cmocka_unit_test(holds_its_limit),
        cmocka_unit_test(survives_every_cut),
        cmocka_unit_test(comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
