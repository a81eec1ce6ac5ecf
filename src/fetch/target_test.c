#include "fetch/target.h"

#include "base/test.h"

/* What each way of writing a host comes to: an address (is_address), or a name. */
static const struct {
    const char *url, *host;
    bool is_address;
} hosts[] = {
    {"http://example.com/a.png", "example.com", false},
    {"HTTP://EXAMPLE.com/a.png", "example.com", false},
    {"http://example.com./a.png", "example.com", false},
    {"http://ex%61mple.com/", "example.com", false},
    {"http://localhost/", "localhost", false},
    {"http://LOCALHOST./", "localhost", false},
    {"http://a_b.example/", "a_b.example", false},
    {"http://xn--mnchen-3ya.de/", "xn--mnchen-3ya.de", false},
    {"http://münchen.de/", "xn--mnchen-3ya.de", false},
    {"http://例え.jp/", "xn--r8jz45g.jp", false},
    {"http://127.0.0.1/", "127.0.0.1", true},
    {"http://127.0.0.1./", "127.0.0.1", true},
    {"http://127.1/", "127.0.0.1", true},
    {"http://127.0.1/", "127.0.0.1", true},
    {"http://2130706433/", "127.0.0.1", true},
    {"http://0x7f000001/", "127.0.0.1", true},
    {"http://0X7F.1/", "127.0.0.1", true},
    {"http://0177.0.0.1/", "127.0.0.1", true},
    {"http://0177.0.0.01/", "127.0.0.1", true},
    {"http://017700000001/", "127.0.0.1", true},
    {"http://127.0.0.0x1/", "127.0.0.1", true},
    {"http://%31%32%37.0.0.1/", "127.0.0.1", true},
    {"http://127%2e0%2e0%2e1/", "127.0.0.1", true},
    {"http://１２７.0.0.1/", "127.0.0.1", true},
    {"http://①②⑦.⓪.⓪.①/", "127.0.0.1", true},
    {"http://127。0。0。1/", "127.0.0.1", true},
    {"http://0/", "0.0.0.0", true},
    {"http://0.0.0.0/", "0.0.0.0", true},
    {"http://2852039166/", "169.254.169.254", true},
    {"http://0xa9fea9fe/latest/meta-data/", "169.254.169.254", true},
    {"http://[::1]/", "::1", true},
    {"http://[0:0:0:0:0:0:0:1]/", "::1", true},
    {"http://[::]/", "::", true},
    {"http://[::ffff:127.0.0.1]/", "127.0.0.1", true},
    {"http://[::ffff:7f00:1]/", "127.0.0.1", true},
    {"http://[64:ff9b::169.254.169.254]/", "64:ff9b::a9fe:a9fe", true},
    {"http://[FD00:EC2::254]/", "fd00:ec2::254", true},
};

static void brings_hosts_to_their_one_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        struct fetch_target target;
        struct reason why = {0};
        if (fetch_target_parse(str_from(hosts[i].url), FETCH_PICTURE, &target, &why))
            fail_msg("%s: %s", hosts[i].url, why.message[LANG_EN]);
        if (strcmp(target.host, hosts[i].host) != 0 || target.is_address != hosts[i].is_address)
            fail_msg("%s: %s", hosts[i].url, target.host);
        fetch_target_release(&target);
    }
}

static void refuses_what_is_no_url_to_fetch(void **state)
{
    (void)state;
    static const struct {
        const char *url, *code;
    } rows[] = {
        {"http://", "invalid_value"},
        {"http:///a.png", "invalid_value"},
        {"http:a.png", "invalid_value"},
        {"http:/127.0.0.1/", "invalid_value"},
        {"https:\\\\127.0.0.1\\", "invalid_value"},
        {"http://?x", "invalid_value"},
        {"http://./", "invalid_value"},
        {"http://a..b/", "invalid_value"},
        {"http://.a/", "invalid_value"},
        {"http://a b/", "invalid_value"},
        {"http://a%00b/", "invalid_value"},
        {"http://a%2fb/", "invalid_value"},
        {"http://a%40127.0.0.1/", "invalid_value"},
        {"http://a|b/", "invalid_value"},
        {"http://a\x92.example/", "invalid_value"},
        {"http://\xf0\x9f\x98.example/", "invalid_value"},
        {"http://a*b/", "invalid_value"},
        {"http://a:b/", "invalid_value"},
        {"http://a:99999/", "invalid_value"},
        {"http://a:-1/", "invalid_value"},
        {"http://256.1.1.1/", "invalid_value"},
        {"http://1.2.3.4.5/", "invalid_value"},
        {"http://4294967296/", "invalid_value"},
        {"http://0x1ffffffff/", "invalid_value"},
        {"http://example.1/", "invalid_value"},
        {"http://127.0.0.1../", "invalid_value"},
        {"http://08.1.1.1/", "invalid_value"},
        {"http://[::1/", "invalid_value"},
        {"http://::1/", "invalid_value"},
        {"http://[::1%25lo]/", "invalid_value"},
        {"http://[fe80::1%25eth0]/", "invalid_value"},
        {"http://[127.0.0.1]/", "invalid_value"},
        {"http://user@example.com/", "invalid_value"},
        {"http://user:secret@example.com/", "invalid_value"},
        {"http://@example.com/", "invalid_value"},
        {"http://example.com\\@127.0.0.1/", "invalid_value"},
        {"http://example.com@127.0.0.1/", "invalid_value"},
        {"http://example.com:80@127.0.0.1/", "invalid_value"},
        {"http://example.com:22/", "image_address_blocked"},
        {"http://example.com:25/", "image_address_blocked"},
        {"http://example.com:6667/", "image_address_blocked"},
        {"http://example.com:0/", "image_address_blocked"},
        {"ftp://example.com/", "image_scheme_not_supported"},
        {"gopher://example.com/", "image_scheme_not_supported"},
        {"file:///etc/passwd", "image_scheme_not_supported"},
        {"dict://127.0.0.1:11211/", "image_scheme_not_supported"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fetch_target target;
        struct reason why = {0};
        if (fetch_target_parse(str_from(rows[i].url), FETCH_PICTURE, &target, &why) == STATUS_OK)
            fail_msg("%s was taken: %s", rows[i].url, target.url);
        if (strcmp(why.code, rows[i].code) != 0)
            fail_msg("%s: %s: %s", rows[i].url, why.code, why.message[LANG_EN]);
        assert_true(why.message[LANG_ZH][0]);
        assert_null(strstr(why.message[LANG_EN], "secret"));
        assert_null(strstr(why.message[LANG_ZH], "secret"));
    }
}

static void refuses_hidden_bytes_and_length(void **state)
{
    (void)state;
    static char longest[FETCH_URL_MAX + 2] = "http://example.com/";
    struct fetch_target target;
    struct reason why;
    const struct str hidden = {"http://example.com/\0@127.0.0.1", 30};
    assert_int_equal(fetch_target_parse(hidden, FETCH_PICTURE, &target, &why), STATUS_INVALID);
    const struct str line = STR("http://example.com/a\r\nX: y");
    assert_int_equal(fetch_target_parse(line, FETCH_PICTURE, &target, &why), STATUS_INVALID);
    memset(longest + strlen(longest), 'a', sizeof longest - 1 - strlen(longest));
    assert_int_equal(fetch_target_parse(str_from(longest), FETCH_PICTURE, &target, &why),
                     STATUS_INVALID);
    longest[FETCH_URL_MAX] = '\0';
    assert_int_equal(fetch_target_parse(str_from(longest), FETCH_PICTURE, &target, &why),
                     STATUS_OK);
    assert_string_equal(target.shown + FETCH_SHOWN_MAX - 4, "...");
    fetch_target_release(&target);
}

static void writes_urls_anew(void **state)
{
    (void)state;
    static const struct {
        const char *url, *written, *shown;
        uint16_t port;
    } rows[] = {
        {"http://a.example", "http://a.example/", "http://a.example/", 80},
        {"https://a.example:8443/x/y.png?sig=secret#top",
         "https://a.example:8443/x/y.png?sig=secret", "https://a.example:8443/x/y.png", 8443},
        {"HTTPS://A.example/", "https://a.example/", "https://a.example/", 443},
        {"http://127.1:8080/a", "http://127.0.0.1:8080/a", "http://127.0.0.1:8080/a", 8080},
        {"http://[::1]:8080/a", "http://[::1]:8080/a", "http://[::1]:8080/a", 8080},
        {"http://a.example/a b.png", "http://a.example/a%20b.png", "http://a.example/a%20b.png",
         80},
        {"http://a.example/图.png?q=图", "http://a.example/%e5%9b%be.png?q=%e5%9b%be",
         "http://a.example/%e5%9b%be.png", 80},
        {"http://a.example/a%20b/../c", "http://a.example/c", "http://a.example/c", 80},
        {"http://a.example/%2F?c=a%2Fb%c3", "http://a.example/%2F?c=a%2Fb%c3",
         "http://a.example/%2F", 80},
        {"http://a.example/@b", "http://a.example/@b", "http://a.example/@b", 80},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fetch_target target;
        assert_int_equal(fetch_target_parse(str_from(rows[i].url), FETCH_PICTURE, &target, NULL),
                         STATUS_OK);
        assert_string_equal(target.url, rows[i].written);
        assert_string_equal(target.shown, rows[i].shown);
        assert_int_equal(target.port, rows[i].port);
        fetch_target_release(&target);
    }
}

static void follows_redirects(void **state)
{
    (void)state;
    static const struct {
        const char *location, *url, *code;
    } rows[] = {
        {"/b.png", "https://a.example:8443/b.png", NULL},
        {"b.png?x", "https://a.example:8443/x/b.png?x", NULL},
        {"../b.png", "https://a.example:8443/b.png", NULL},
        {"//127.1/b", "https://127.0.0.1/b", NULL},
        {"http://b.example/", "http://b.example/", NULL},
        {"http://2130706433/", "http://127.0.0.1/", NULL},
        {"?y", "https://a.example:8443/x/a.png?y", NULL},
        {"file:///etc/passwd", NULL, "image_scheme_not_supported"},
        {"ftp://a.example/", NULL, "image_scheme_not_supported"},
        {"gopher://127.0.0.1:6379/x", NULL, "image_scheme_not_supported"},
        {"data:image/png;base64,AAAA", NULL, NULL},
        {"http://user@b.example/", NULL, "invalid_value"},
        {"http://b.example:25/", NULL, "image_address_blocked"},
    };
    struct fetch_target from;
    assert_int_equal(
        fetch_target_parse(STR("https://a.example:8443/x/a.png"), FETCH_PICTURE, &from, NULL),
        STATUS_OK);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fetch_target to;
        struct reason why = {0};
        const enum status status =
            fetch_target_follow(&from, str_from(rows[i].location), FETCH_PICTURE, &to, &why);
        if ((status == STATUS_OK) != (rows[i].url != NULL))
            fail_msg("%s: %s", rows[i].location, status ? why.message[LANG_EN] : to.url);
        if (status == STATUS_OK)
            assert_string_equal(to.url, rows[i].url);
        else if (rows[i].code)
            assert_string_equal(why.code, rows[i].code);
        if (status == STATUS_OK)
            fetch_target_release(&to);
    }
    fetch_target_release(&from);
}

static void names_what_it_is(void **state)
{
    (void)state;
    struct fetch_target target;
    struct reason why;
    assert_int_equal(fetch_target_parse(STR("http://u:secret@a.example/v.mp4?k=secret"),
                                        FETCH_VIDEO, &target, &why),
                     STATUS_INVALID);
    assert_string_equal(why.message[LANG_EN],
                        "The video at http://a.example/v.mp4 could not be fetched: a URL here may "
                        "hold no user name or password.");
    assert_string_equal(why.message[LANG_ZH], "获取视频（http://a.example/v.mp4）失败："
                                              "此处的地址不能包含用户名或密码。");
    assert_true(fetch_target_is(STR("HtTpS://x")));
    assert_true(fetch_target_is(STR("http:x")));
    assert_false(fetch_target_is(STR("httpx://x")));
    assert_false(fetch_target_is(STR("data:,http://")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(brings_hosts_to_their_one_form),
        cmocka_unit_test(refuses_what_is_no_url_to_fetch),
        cmocka_unit_test(refuses_hidden_bytes_and_length),
        cmocka_unit_test(writes_urls_anew),
        cmocka_unit_test(follows_redirects),
        cmocka_unit_test(names_what_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
