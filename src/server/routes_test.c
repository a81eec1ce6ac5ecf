#include "server/routes.h"

#include "base/test.h"

static void test_find(void **state)
{
    (void)state;
    static const struct {
        const char *path, *method, *found; /* found: the row's path; NULL: none */
        bool known;
    } rows[] = {
        {"/health", "GET", "/health", true},
        {"/health", "HEAD", "/health", true},
        {"/health", "POST", NULL, true},
        {"/health", "get", NULL, true},
        {"/health/ready", "GET", "/health/ready", true},
        {"/health/", "GET", NULL, false},
        {"/healthy", "GET", NULL, false},
        {"/v1/models", "GET", "/v1/models", true},
        {"/v1/models/", "GET", NULL, false},
        {"/v1/models/x", "GET", "/v1/models/{id}", true},
        {"/v1/models/x/y", "HEAD", "/v1/models/{id}", true},
        {"/v1/models/x", "DELETE", NULL, true},
        {"/v1/chat/completions", "POST", "/v1/chat/completions", true},
        {"/v1/chat/completions", "GET", NULL, true},
        {"/v1/chat/completions", "HEAD", NULL, true},
        {"/V1/chat/completions", "POST", NULL, false},
        {"", "GET", NULL, false},
        {"/", "GET", NULL, false},
        {"*", "GET", NULL, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool known;
        const struct route *route =
            route_find(str_from(rows[i].path), str_from(rows[i].method), &known);
        assert_int_equal(known, rows[i].known);
        assert_int_equal(route != NULL, rows[i].found != NULL);
        if (route)
            assert_string_equal(route->path, rows[i].found);
    }
}

static void test_allow(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"/health", "GET, HEAD, OPTIONS"},
        {"/v1/models/x", "GET, HEAD, OPTIONS"},
        {"/v1/chat/completions", "POST, OPTIONS"},
        {"*", "GET, HEAD, POST, OPTIONS"},
        {"/nowhere", "OPTIONS"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char allow[64];
        route_allow(str_from(rows[i][0]), allow, sizeof allow);
        assert_string_equal(allow, rows[i][1]);
        for (size_t size = 1; size < sizeof allow; size++) {
            char small[64];
            memset(small, '#', sizeof small);
            route_allow(str_from(rows[i][0]), small, size);
            assert_true(strlen(small) < size);
            assert_int_equal(small[size], '#');
        }
    }
}

static void test_id(void **state)
{
    (void)state;
    bool known;
    const struct str path = STR("/v1/models/a/b%20c");
    const struct route *route = route_find(path, STR("GET"), &known);
    assert_non_null(route);
    assert_true(str_is(route_id(route, path), "a/b%20c"));
}

static void test_nearest(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"/v1/chat/completion", "/v1/chat/completions"},
        {"/chat/completions", "/v1/chat/completions"},
        {"/v1/v1/models", "/v1/models"},
        {"/Health", "/health"},
        {"/favicon.ico", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *near = route_nearest(str_from(rows[i][0]));
        if (rows[i][1])
            assert_string_equal(near, rows[i][1]);
        else
            assert_null(near);
    }
}

/* Also the last one of a table that grew. */
static void test_every_route_is_found_and_near(void **state)
{
    (void)state;
    for (const struct route *route = routes; route->path; route++) {
        bool known;
        char path[128];
        snprintf(path, sizeof path, "%.*s%s", (int)strcspn(route->path, "{"), route->path,
                 strchr(route->path, '{') ? "x" : "");
        assert_ptr_equal(route_find(str_from(path), str_from(route->method), &known), route);
        strcat(path, "/");
        if (!strchr(route->path, '{'))
            assert_string_equal(route_nearest(str_from(path)), route->path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find), cmocka_unit_test(test_allow), cmocka_unit_test(test_id),
        cmocka_unit_test(test_every_route_is_found_and_near), cmocka_unit_test(test_nearest)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
