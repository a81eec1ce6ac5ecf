#include "client/base_url.h"

#include "base/str.h"
#include "base/test.h"

struct url_case {
    const char *text, *root, *api, *host;
    int port;
    const char *marks; /* t: tls, l: loopback, f: full endpoint, p: the port is written */
};

static const struct url_case good[] = {
    {"http://localhost:8000", "http://localhost:8000", "http://localhost:8000/v1", "localhost",
     8000, "lp"},
    {"http://localhost:8000/", "http://localhost:8000", "http://localhost:8000/v1", "localhost",
     8000, "lp"},
    {"http://localhost:8000/v1", "http://localhost:8000", "http://localhost:8000/v1", "localhost",
     8000, "lp"},
    {" http://localhost:8000//v1//\n", "http://localhost:8000", "http://localhost:8000/v1",
     "localhost", 8000, "lp"},
    {"https://h.example", "https://h.example", "https://h.example/v1", "h.example", 443, "t"},
    {"HTTPS://H.example/a/v1/", "https://H.example/a", "https://H.example/a/v1", "H.example", 443,
     "t"},
    {"http://h/api", "http://h/api", "http://h/api/v1", "h", 80, ""},
    {"http://h/api/paas/v4", "http://h/api/paas", "http://h/api/paas/v4", "h", 80, ""},
    {"http://h/v1beta", "http://h/v1beta", "http://h/v1beta/v1", "h", 80, ""},
    {"http://h/v", "http://h/v", "http://h/v/v1", "h", 80, ""},
    {"http://h/xv1", "http://h/xv1", "http://h/xv1/v1", "h", 80, ""},
    {"http://h/v1/chat/completions", "http://h", "http://h/v1", "h", 80, "f"},
    {"http://h/v1/chat/completions/", "http://h", "http://h/v1", "h", 80, "f"},
    {"http://h/chat/completions", "http://h", "http://h/v1", "h", 80, "f"},
    {"http://h/x/chat/completions", "http://h/x", "http://h/x", "h", 80, "f"},
    {"http://h/v1/models", "http://h", "http://h/v1", "h", 80, "f"},
    {"http://127.0.0.9:1/v1", "http://127.0.0.9:1", "http://127.0.0.9:1/v1", "127.0.0.9", 1, "lp"},
    {"http://[::1]:9", "http://[::1]:9", "http://[::1]:9/v1", "::1", 9, "lp"},
    {"http://[2001:db8::1]", "http://[2001:db8::1]", "http://[2001:db8::1]/v1", "2001:db8::1", 80,
     ""},
};

static void brings_to_one_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct base_url url;
        struct reason why = {0};
        if (base_url_parse(good[i].text, &url, &why) != STATUS_OK)
            fail_msg("%s: %s", good[i].text, why.message[LANG_EN]);
        assert_string_equal(url.root, good[i].root);
        assert_string_equal(url.api, good[i].api);
        assert_string_equal(url.host, good[i].host);
        assert_int_equal(url.port, good[i].port);
        assert_int_equal(url.tls, strchr(good[i].marks, 't') != NULL);
        assert_int_equal(url.loopback, strchr(good[i].marks, 'l') != NULL);
        assert_int_equal(url.full_endpoint, strchr(good[i].marks, 'f') != NULL);
        assert_int_equal(url.explicit_port, strchr(good[i].marks, 'p') != NULL);
    }
}

static void refuses_what_is_no_base_url(void **state)
{
    (void)state;
    static const struct {
        const char *text, *code;
    } bad[] = {
        {"", "base_url_invalid"},
        {"  ", "base_url_invalid"},
        {"localhost:8000", "base_url_no_scheme"},
        {"h.example/v1", "base_url_no_scheme"},
        {"ftp://h", "base_url_invalid"},
        {"ws://h", "base_url_invalid"},
        {"http://", "base_url_invalid"},
        {"http://h:99999", "base_url_invalid"},
        {"http://h:x", "base_url_invalid"},
        {"http://a b", "base_url_invalid"},
        {"http://u:secret@h", "base_url_invalid"},
        {"u:secret@h", "base_url_no_scheme"},
        {"http://h?x=1", "base_url_invalid"},
        {"http://h/#x", "base_url_invalid"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct base_url url;
        struct reason why = {0};
        assert_int_equal(base_url_parse(bad[i].text, &url, &why), STATUS_INVALID);
        assert_string_equal(why.code, bad[i].code);
        for (int lang = 0; lang < LANG_COUNT; lang++) {
            assert_null(strstr(why.message[lang], "secret"));
            assert_null(strstr(why.hint[lang], "secret"));
        }
    }
    char text[2 * BASE_URL_MAX] = "http://h/";
    memset(text + 9, 'a', sizeof text - 10);
    struct base_url url;
    for (size_t len = BASE_URL_MAX - 4; len < sizeof text; len++) {
        text[len] = '\0';
        const enum status status = base_url_parse(text, &url, NULL);
        assert_int_equal(status, len < BASE_URL_MAX ? STATUS_OK : STATUS_INVALID);
        if (status == STATUS_OK)
            assert_true(str_ends(str_from(url.api), "a/v1"));
        text[len] = 'a';
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(brings_to_one_form),
        cmocka_unit_test(refuses_what_is_no_base_url),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
