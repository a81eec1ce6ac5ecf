#include "client/endpoint.h"

#include "base/buf.h"
#include "base/test.h"

#include <unistd.h>

static const char *const variables[] = {
    "QWEN_API_BASE_URL", "QWEN_API_KEY",    "QWEN_API_TIMEOUT", "QWEN_API_MODEL",
    "APP_VERSION",       "OPENAI_BASE_URL", "OPENAI_API_KEY",   "HTTP_PROXY",
    "HTTPS_PROXY",       "ALL_PROXY",       "NO_PROXY",         "http_proxy",
    "https_proxy",       "all_proxy",       "no_proxy",         "SSL_CERT_FILE"};

/* An empty directory as the working directory, and no variable set. */
static int clean(void **state)
{
    static char path[] = "/tmp/qvl-endpoint-XXXXXX";
    *state = path;
    if (!strcmp(path + strlen(path) - 6, "XXXXXX") && !mkdtemp(path))
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(variables); i++)
        unsetenv(variables[i]);
    return chdir(path);
}

static int tidy(void **state)
{
    unlink(".env");
    unlink("key");
    return *state ? 0 : -1;
}

static int leave(void **state)
{
    (void)state;
    char path[4096];
    return getcwd(path, sizeof path) && chdir("/") == 0 ? rmdir(path) : -1;
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void begin(struct endpoint *e, const struct endpoint_flags *flags)
{
    struct reason why = {0};
    if (endpoint_init(e, flags, &why) != STATUS_OK)
        fail_msg("%s", why.message[LANG_EN]);
}

static void assert_refused(const struct endpoint_flags *flags, const char *code)
{
    struct endpoint e;
    struct reason why = {0};
    assert_int_not_equal(endpoint_init(&e, flags, &why), STATUS_OK);
    assert_string_equal(why.code, code);
}

static void has_defaults(void **state)
{
    (void)state;
    struct endpoint e;
    begin(&e, &(struct endpoint_flags){0});
    assert_string_equal(e.url.api, "http://localhost:8000/v1");
    assert_null(e.api_key.value);
    assert_string_equal(e.model.value, "qwen-vl-8b");
    assert_int_equal(e.transport.idle_timeout_ms, 30000);
    assert_int_equal(e.transport.connect_timeout_ms, 10000);
    assert_string_equal(e.transport.user_agent, "qvl/" QVL_VERSION " (app/1.0.0)");
    assert_null(e.transport.proxy);
    assert_null(endpoint_headers(&e, NULL)[0]);
    assert_string_equal(endpoint_url(&e, "/models"), "http://localhost:8000/v1/models");
    endpoint_release(&e);
}

static void flag_wins_over_environment_over_file(void **state)
{
    (void)state;
    struct endpoint e;
    char text[128];
    write_file(".env", "QWEN_API_BASE_URL=http://file\nQWEN_API_KEY='file key'\n"
                       "QWEN_API_MODEL=m\nQWEN_API_TIMEOUT=1.5\nAPP_VERSION=2\n");
    begin(&e, &(struct endpoint_flags){0});
    assert_string_equal(e.url.root, "http://file");
    assert_string_equal(e.api_key.value, "file key");
    assert_string_equal(e.model.value, "m");
    assert_int_equal(e.transport.idle_timeout_ms, 1500);
    assert_int_equal(e.transport.connect_timeout_ms, 1500);
    assert_string_equal(e.transport.user_agent, "qvl/" QVL_VERSION " (app/2)");
    endpoint_describe_source(&e, &e.api_key, LANG_EN, text, sizeof text);
    assert_string_equal(text, "QWEN_API_KEY in .env");
    endpoint_describe_source(&e, &e.api_key, LANG_ZH, text, sizeof text);
    assert_string_equal(text, ".env 中的 QWEN_API_KEY");
    assert_string_equal(endpoint_headers(&e, NULL)[0], "Authorization: Bearer file key");
    endpoint_release(&e);
    setenv("QWEN_API_KEY", "environment key", 1);
    begin(&e, &(struct endpoint_flags){.base_url = "http://flag/v1", .timeout_s = 60});
    assert_string_equal(e.url.root, "http://flag");
    assert_string_equal(e.api_key.value, "environment key");
    assert_int_equal(e.api_key.origin, ORIGIN_ENVIRONMENT);
    assert_int_equal(e.transport.idle_timeout_ms, 60000);
    endpoint_release(&e);
    begin(&e, &(struct endpoint_flags){.api_key = "flag key"});
    assert_string_equal(e.api_key.value, "flag key");
    endpoint_release(&e);
}

static void openai_names_are_read_second(void **state)
{
    (void)state;
    struct endpoint e;
    setenv("OPENAI_BASE_URL", "http://openai/v1", 1);
    setenv("OPENAI_API_KEY", "openai", 1);
    begin(&e, &(struct endpoint_flags){0});
    assert_string_equal(e.url.root, "http://openai");
    assert_string_equal(e.api_key.name, "OPENAI_API_KEY");
    endpoint_release(&e);
    setenv("QWEN_API_KEY", "qwen", 1);
    setenv("QWEN_API_BASE_URL", "", 1);
    begin(&e, &(struct endpoint_flags){0});
    assert_string_equal(e.url.root, "http://openai");
    assert_string_equal(e.api_key.value, "qwen");
    endpoint_release(&e);
}

static void reads_key_files(void **state)
{
    (void)state;
    struct endpoint e;
    write_file("key", "  from-file\r\n");
    begin(&e, &(struct endpoint_flags){.api_key_file = "key"});
    assert_string_equal(e.api_key.value, "from-file");
    endpoint_release(&e);
    write_file("key", "\n");
    assert_refused(&(struct endpoint_flags){.api_key_file = "key"}, "key_empty");
    write_file("key", "a\nb");
    assert_refused(&(struct endpoint_flags){.api_key_file = "key"}, "key_invalid");
    assert_refused(&(struct endpoint_flags){.api_key_file = "none"}, "unreadable");
}

struct proxy_case {
    const char *url, *assignments, *proxy;
};

static const struct proxy_case proxies[] = {
    {"http://h", "HTTP_PROXY=http://up", "http://up"},
    {"http://h", "HTTP_PROXY=http://up\nhttp_proxy=http://low", "http://low"},
    {"http://h", "HTTP_PROXY=http://up\nhttp_proxy=", NULL},
    {"http://h", "HTTPS_PROXY=http://up", NULL},
    {"https://h", "HTTPS_PROXY=http://up\nHTTP_PROXY=http://no", "http://up"},
    {"https://h", "ALL_PROXY=socks5://all", "socks5://all"},
    {"http://h", "ALL_PROXY=http://all\nHTTP_PROXY=http://up", "http://up"},
    {"http://localhost:8000", "HTTP_PROXY=http://up", "http://up"},
    {"http://localhost:8000", "HTTP_PROXY=http://up\nNO_PROXY=localhost", NULL},
    {"http://localhost:8000", "HTTP_PROXY=http://up\nno_proxy=a,localhost:8000", NULL},
    {"http://h", "HTTP_PROXY=http://up\nNO_PROXY=h:80", "http://up"},
};

static void takes_the_proxy_that_requests_takes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(proxies); i++) {
        struct endpoint e;
        write_file(".env", proxies[i].assignments);
        begin(&e, &(struct endpoint_flags){.base_url = proxies[i].url});
        if (proxies[i].proxy)
            assert_string_equal(e.transport.proxy, proxies[i].proxy);
        else
            assert_null(e.transport.proxy);
        endpoint_release(&e);
        begin(&e, &(struct endpoint_flags){.base_url = proxies[i].url, .proxy = ""});
        assert_null(e.transport.proxy);
        endpoint_release(&e);
        begin(&e, &(struct endpoint_flags){.base_url = proxies[i].url, .proxy = "u:p@x:1"});
        assert_string_equal(e.transport.proxy, "u:p@x:1");
        assert_string_equal(e.transport.proxy_public, "x:1");
        endpoint_release(&e);
    }
}

static void headers_of_the_command_line_win(void **state)
{
    (void)state;
    static const char *const first[] = {"Accept: a", NULL};
    static const char *const own[] = {"X-A: 1", "authorization: Basic x"};
    struct endpoint e;
    begin(&e, &(struct endpoint_flags){.headers = own, .header_count = 1, .api_key = "k"});
    const char *const *list = endpoint_headers(&e, first);
    assert_string_equal(list[0], "Accept: a");
    assert_string_equal(list[1], "Authorization: Bearer k");
    assert_string_equal(list[2], "X-A: 1");
    assert_null(list[3]);
    endpoint_release(&e);
    begin(&e, &(struct endpoint_flags){.headers = own, .header_count = 2, .api_key = "k"});
    list = endpoint_headers(&e, NULL);
    assert_string_equal(list[1], "authorization: Basic x");
    assert_null(list[2]);
    endpoint_release(&e);
    static const char *const bad[] = {"no colon", ": x", "a b: c", "a: b\nc: d", ""};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_refused(&(struct endpoint_flags){.headers = &bad[i], .header_count = 1},
                       "header_invalid");
}

static void says_what_is_wrong(void **state)
{
    (void)state;
    static const char *const own[] = {"api-key: x"};
    struct endpoint e;
    assert_refused(&(struct endpoint_flags){.env_file = "none.env"}, "missing_file");
    assert_refused(&(struct endpoint_flags){.base_url = "localhost:1"}, "base_url_no_scheme");
    assert_refused(&(struct endpoint_flags){.api_key = ""}, "key_empty");
    assert_refused(&(struct endpoint_flags){.base_url = "https://api.openai.com/v1"},
                   "key_missing");
    begin(&e, &(struct endpoint_flags){
                  .base_url = "https://api.openai.com", .headers = own, .header_count = 1});
    endpoint_release(&e);
    static const char *const times[] = {"soon", "0", "-1"};
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        setenv("QWEN_API_TIMEOUT", times[i], 1);
        assert_refused(&(struct endpoint_flags){0}, "timeout_invalid");
    }
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, clean, tidy)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(has_defaults),
        CASE(flag_wins_over_environment_over_file),
        CASE(openai_names_are_read_second),
        CASE(reads_key_files),
        CASE(takes_the_proxy_that_requests_takes),
        CASE(headers_of_the_command_line_win),
        CASE(says_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, leave);
}
