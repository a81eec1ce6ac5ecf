#include "server/cors.h"

#include "base/test.h"

static const char *const none[] = {NULL};
static const char *const any[] = {"https://a.example", "*"};
static const char *const named[] = {"https://a.example", "http://localhost:3000", "null"};

struct row {
    const char *const *origins;
    size_t origin_count;
    const char *origin; /* of the request; NULL: no such header */
    const char *expected;
};

#define EXPOSE "expose;"

static const struct row rows[] = {
    {none, 0, "https://a.example", ""},
    {none, 0, NULL, ""},
    {any, 2, "https://b.example", "access-control-allow-origin=*;" EXPOSE},
    {any, 2, "https://a.example", "access-control-allow-origin=*;" EXPOSE},
    {any, 2, NULL, "access-control-allow-origin=*;" EXPOSE},
    {named, 3, NULL, "vary=origin;"},
    {named, 3, "", "vary=origin;"},
    {named, 3, "*", "vary=origin;"},
    {named, 3, "https://b.example", "vary=origin;"},
    {named, 3, "https://a.example.evil", "vary=origin;"},
    {named, 3, "http://a.example", "vary=origin;"},
    {named, 3, "https://a.example:8443", "vary=origin;"},
    {named, 3, "https://A.example",
     "vary=origin;access-control-allow-origin=https://A.example;" EXPOSE
     "access-control-allow-credentials=true;"},
    {named, 3, "http://localhost:3000",
     "vary=origin;access-control-allow-origin=http://localhost:3000;" EXPOSE
     "access-control-allow-credentials=true;"},
    {named, 3, "null", "vary=origin;access-control-allow-origin=null;" EXPOSE},
};

static void write_fields(const struct http_field *fields, size_t count, char *out, size_t size)
{
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        if (strcmp(fields[i].name, "access-control-expose-headers") == 0)
            len += (size_t)snprintf(out + len, size - len, EXPOSE);
        else
            len += (size_t)snprintf(out + len, size - len, "%s=%.*s;", fields[i].name,
                                    STR_ARG(fields[i].value));
    }
}

static void test_fields(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_header header = {STR("Origin"), str_from(rows[i].origin)};
        const struct http_request request = {
            .method = STR("GET"), .headers = &header, .header_count = rows[i].origin != NULL};
        const struct text_list origins = {(const char **)rows[i].origins, rows[i].origin_count};
        struct http_field fields[CORS_FIELDS_MAX];
        char got[512];
        write_fields(fields, cors_fields(&origins, &request, fields), got, sizeof got);
        assert_string_equal(got, rows[i].expected);
    }
}

/* A request that never became one has no origin. */
static void test_no_request(void **state)
{
    (void)state;
    struct http_field fields[CORS_FIELDS_MAX];
    const struct text_list all = {(const char **)any, 2}, some = {(const char **)named, 3};
    assert_int_equal(cors_fields(&all, NULL, fields), 2);
    assert_int_equal(cors_fields(&some, NULL, fields), 1);
}

static void test_preflight(void **state)
{
    (void)state;
    struct http_header headers[] = {
        {STR("origin"), STR("https://a.example")},
        {STR("Access-Control-Request-Method"), STR("POST")},
        {STR("Access-Control-Request-Headers"), STR("authorization,x-stainless-os")},
    };
    struct http_request request = {.method = STR("OPTIONS"), .headers = headers, .header_count = 3};
    const struct text_list all = {(const char **)any, 2}, some = {(const char **)named, 3},
                           nobody = {0};
    assert_true(cors_is_preflight(&all, &request));
    assert_true(cors_is_preflight(&some, &request));
    assert_false(cors_is_preflight(&nobody, &request));
    struct http_field fields[PREFLIGHT_FIELDS_MAX];
    char got[512];
    size_t n = cors_preflight_fields(&request, STR("POST, OPTIONS"), fields);
    write_fields(fields, n, got, sizeof got);
    assert_string_equal(got, "access-control-allow-methods=POST, OPTIONS;"
                             "access-control-allow-headers=authorization,x-stainless-os;"
                             "access-control-max-age=600;");
    headers[2].value = STR("a b, c");
    n = cors_preflight_fields(&request, STR("POST, OPTIONS"), fields);
    write_fields(fields, n, got, sizeof got);
    assert_null(strstr(got, "allow-headers"));
    headers[0].value = STR("https://b.example");
    assert_true(cors_is_preflight(&all, &request));
    assert_false(cors_is_preflight(&some, &request));
    request.header_count = 1;
    assert_false(cors_is_preflight(&all, &request));
    request.header_count = 3;
    request.method = STR("GET");
    assert_false(cors_is_preflight(&all, &request));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fields),
                                       cmocka_unit_test(test_no_request),
                                       cmocka_unit_test(test_preflight)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
