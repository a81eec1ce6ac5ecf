#include "api/route_hint.h"
#include "base/test.h"

static const char *const routes[] = {
    "/",
    "/health",
    "/health/ready",
    "/v1/models",
    "/v1/models/{id}",
    "/v1/chat/completions",
    "/v1/completions",
    "/tokenize",
    "/detokenize",
    "/metrics",
    NULL,
};

static const struct {
    const char *path, *hint;
} cases[] = {
    /* a missing or extra s */
    {"/v1/chat/completion", "/v1/chat/completions"},
    {"/v1/chats/completions", "/v1/chat/completions"},
    {"/v1/model", "/v1/models"},
    {"/v1/modelss", "/v1/models"},
    {"/v1/model/qwen-vl-8b", "/v1/models/{id}"},
    {"/v1/completion", "/v1/completions"},
    {"/metric", "/metrics"},
    /* a missing, wrong or doubled prefix */
    {"/chat/completions", "/v1/chat/completions"},
    {"/v1/v1/chat/completions", "/v1/chat/completions"},
    {"/v2/chat/completions", "/v1/chat/completions"},
    {"/api/chat/completions", "/v1/chat/completions"},
    {"/api/v1/chat/completions", "/v1/chat/completions"},
    {"/openai/v1/chat/completions", "/v1/chat/completions"},
    {"/compatible-mode/v1/chat/completions", "/v1/chat/completions"},
    {"/v1/chat/completions/v1", "/v1/chat/completions"},
    {"/models", "/v1/models"},
    {"/models/qwen-vl-8b", "/v1/models/{id}"},
    {"/v1/health", "/health"},
    {"/v1/tokenize", "/tokenize"},
    {"/v1/metrics", "/metrics"},
    /* wrong case */
    {"/v1/Chat/Completions", "/v1/chat/completions"},
    {"/V1/CHAT/COMPLETIONS", "/v1/chat/completions"},
    {"/Health", "/health"},
    {"/V1/MODELS/QWEN", "/v1/models/{id}"},
    /* slashes */
    {"/v1/chat/completions/", "/v1/chat/completions"},
    {"/v1/chat/completions///", "/v1/chat/completions"},
    {"//v1/chat/completions", "/v1/chat/completions"},
    {"/v1//chat//completions", "/v1/chat/completions"},
    {"/v1/models/", "/v1/models"},
    {"/v1/models/qwen/", "/v1/models/{id}"},
    {"//", "/"},
    {"/health/", "/health"},
    /* slips */
    {"/v1/chat/competions", "/v1/chat/completions"},
    {"/v1/chat/completoins", "/v1/chat/completions"},
    {"/v1/chatcompletions", "/v1/chat/completions"},
    {"/v1/chat-completions", "/v1/chat/completions"},
    {"/healthz", "/health"},
    {"/helth", "/health"},
    {"/health/reday", "/health/ready"},
    {"/health/readyz", "/health/ready"},
    {"/v1/modles/qwen", "/v1/models/{id}"},
    {"/detokenise", "/detokenize"},
    /* several at once */
    {"/API/V1//Chat/Completion/", "/v1/chat/completions"},
    /* nothing near */
    {"", NULL},
    {"/v1", NULL},
    {"/v1/", NULL},
    {"/api", NULL},
    {"/x", NULL},
    {"/favicon.ico", NULL},
    {"/robots.txt", NULL},
    {"/index.html", NULL},
    {"/wp-login.php", NULL},
    {"/v1/embeddings", NULL},
    {"/v1/audio/speech", NULL},
    {"/v1/images/generations", NULL},
    {"/v1/files/qwen3-vl-8b-instruct-2026", NULL},
    {"/v1/models/a/b/c", NULL},
    {"/static/app.js", NULL},
    {"/.env", NULL},
    {"/v10/chat/completions", "/v1/chat/completions"}, /* three edits of twenty */
};

static void finds_what_was_meant(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *hint = route_hint(str_from(cases[i].path), routes);
        const bool same =
            hint && cases[i].hint ? strcmp(hint, cases[i].hint) == 0 : hint == cases[i].hint;
        if (!same)
            fail_msg("%s: %s instead of %s", cases[i].path, hint ? hint : "nothing",
                     cases[i].hint ? cases[i].hint : "nothing");
    }
}

static void needs_routes(void **state)
{
    (void)state;
    static const char *const none[] = {NULL};
    assert_null(route_hint(STR("/v1/models"), none));
}

static void takes_any_bytes(void **state)
{
    (void)state;
    unsigned seed = 5;
    for (int n = 0; n < 20000; n++) {
        char path[200];
        const size_t len = (size_t)rand_r(&seed) % sizeof path;
        for (size_t i = 0; i < len; i++)
            path[i] =
                rand_r(&seed) % 4 ? "/v1models{}A"[rand_r(&seed) % 12] : (char)(rand_r(&seed) >> 8);
        char *exact = malloc(len + 1); /* sanitizers see what is read behind it */
        assert_non_null(exact);
        memcpy(exact, path, len);
        (void)route_hint((struct str){exact, len}, routes);
        free(exact);
    }
    char long_path[300];
    memset(long_path, '/', sizeof long_path);
    assert_string_equal(route_hint((struct str){long_path, sizeof long_path}, routes), "/");
    memset(long_path + 1, 'a', sizeof long_path - 1);
    assert_null(route_hint((struct str){long_path, sizeof long_path}, routes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_was_meant),
        cmocka_unit_test(needs_routes),
        cmocka_unit_test(takes_any_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
