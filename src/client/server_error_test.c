#include "client/server_error.h"

#include "base/test.h"

struct body_case {
    const char *body, *message, *code, *request_id;
};

static const struct body_case bodies[] = {
    {"{\"error\":{\"message\":\"m\",\"code\":\"c\",\"type\":\"t\",\"request_id\":\"r\","
     "\"hint\":\"h\"}}",
     "m", "c", "r"},
    {"{\"error\":{\"message\":\"m\",\"code\":404}}", "m", "404", "header"},
    {"{\"error\":{\"message\":null}}", "", "", "header"},
    {"{\"error\":\"m\"}", "m", "", "header"},
    {"{\"object\":\"error\",\"message\":\"m\",\"code\":40001}", "m", "40001", "header"},
    {"{\"code\":\"InvalidApiKey\",\"message\":\"m\",\"request_id\":\"r\"}", "m", "InvalidApiKey",
     "r"},
    {"{\"detail\":\"m\"}", "m", "", "header"},
    {"{\"detail\":[{\"loc\":[\"body\"],\"msg\":\"m\"}]}", "m", "", "header"},
    {"{\"detail\":[]}", "", "", "header"},
    {"{\"msg\":\"m\"}", "m", "", "header"},
    {"[]", "", "", "header"},
    {"3", "", "", "header"},
    {"{\"error\"", "", "", "header"},
    {"", "", "", "header"},
    {"no", "", "", "header"},
};

static void reads_many_dialects(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct http_response r;
        struct arena arena;
        struct server_error error;
        http_response_init(&r, 1000);
        arena_init(&arena, 1 << 20);
        buf_puts(&r.head, "HTTP/1.1 400 Bad\r\nX-Request-Id: header\r\n");
        buf_puts(&r.body, bodies[i].body);
        server_error_read(&arena, &r, &error);
        assert_true(str_is(error.message, bodies[i].message));
        assert_true(str_is(error.code, bodies[i].code));
        assert_true(str_is(error.request_id, bodies[i].request_id));
        assert_false(error.html);
        arena_release(&arena);
        http_response_release(&r);
    }
}

static void knows_html_by_its_looks(void **state)
{
    (void)state;
    static const struct {
        const char *body, *title;
    } pages[] = {
        {"<!DOCTYPE html><HTML><head><TITLE>\n 502 Bad Gateway </TITLE>", "502 Bad Gateway"},
        {"  <html><title lang=en>a</title>", "a"},
        {"<html><title>never closed", ""},
        {"<html></title><title>", ""},
        {"<html>", ""},
        {"<?xml version=\"1.0\"?>\n<html><title>x</title></html>", "x"},
    };
    for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
        struct http_response r;
        struct arena arena;
        struct server_error error;
        http_response_init(&r, 1000);
        arena_init(&arena, 1 << 20);
        buf_puts(&r.body, pages[i].body);
        server_error_read(&arena, &r, &error);
        assert_true(error.html);
        assert_true(str_is(error.title, pages[i].title));
        arena_release(&arena);
        http_response_release(&r);
    }
}

struct advice_case {
    int status;
    const char *headers, *body, *key;
    const char *code;
    const char *says; /* part of message or hint, in English */
};

static const struct advice_case advices[] = {
    {401, "", "", NULL, "key_missing", "QWEN_API_KEY"},
    {401, "", "", "secret", "unauthorized", "--api-key"},
    {403, "", "{}", "secret", "forbidden", "request id"},
    {403, "", "<html>", "secret", "forbidden", "firewall"},
    {404, "", "{\"error\":{\"code\":\"model_not_found\"}}", NULL, "model_not_found", "qwen-vl-8b"},
    {404, "", "", NULL, "not_found", "http://localhost:8000"},
    {413, "", "", NULL, "request_too_large", "max_body"},
    {422, "", "", NULL, "rejected", "(422)"},
    {429, "retry-after: 2\r\n", "", NULL, "rate_limited", "in 2 s"},
    {429, "", "{\"error\":{\"code\":\"quota_exceeded\"}}", NULL, "rate_limited", "quota"},
    {429, "", "", NULL, "rate_limited", "less often"},
    {500, "", "", NULL, "server_error", "log"},
    {502, "", "", NULL, "bad_gateway", "proxy"},
    {503, "", "", NULL, "unavailable", "/health/ready"},
    {504, "", "", NULL, "gateway_timeout", "proxy"},
    {301, "location: https://h/x\r\n", "", NULL, "redirect_changes_request", "https://h/x"},
    {200, "", "<html><title>Log in</title>", NULL, "not_an_api", "Log in"},
    {200, "content-type: text/plain\r\n", "hello", NULL, "invalid_json_answer", "text/plain"},
};

static void every_class_has_advice(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(advices); i++) {
        struct http_response r;
        struct arena arena;
        struct server_error error;
        struct endpoint endpoint;
        struct reason why = {0};
        const struct endpoint_flags flags = {.api_key = advices[i].key,
                                             .base_url = "http://localhost:8000"};
        unsetenv("QWEN_API_KEY");
        unsetenv("OPENAI_API_KEY");
        assert_int_equal(endpoint_init(&endpoint, &flags, &why), STATUS_OK);
        http_response_init(&r, 1000);
        arena_init(&arena, 1 << 20);
        r.status = advices[i].status;
        buf_printf(&r.head, "HTTP/1.1 %d X\r\n%s", r.status, advices[i].headers);
        buf_puts(&r.body, advices[i].body);
        server_error_read(&arena, &r, &error);
        server_error_explain(&error, &r, &endpoint, &clock_system, &why);
        assert_string_equal(why.code, advices[i].code);
        if (!strstr(why.message[LANG_EN], advices[i].says) &&
            !strstr(why.hint[LANG_EN], advices[i].says))
            fail_msg("%d: \"%s\" is not in: %s %s", r.status, advices[i].says, why.message[LANG_EN],
                     why.hint[LANG_EN]);
        assert_true(why.message[LANG_ZH][0] && why.hint[LANG_ZH][0]);
        assert_null(strstr(why.hint[LANG_EN], "secret"));
        arena_release(&arena);
        http_response_release(&r);
        endpoint_release(&endpoint);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_many_dialects),
        cmocka_unit_test(knows_html_by_its_looks),
        cmocka_unit_test(every_class_has_advice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
