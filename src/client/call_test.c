#include "client/call.h"

#include "base/test.h"
#include "scripted_server_test.h"

#define BUSY                                                                                       \
    "HTTP/1.1 503 Busy\r\nContent-Length: 2\r\nretry-after-ms: 1\r\nConnection: close\r\n\r\nno"
#define GOOD "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi"

static double none(void *context)
{
    (void)context;
    return 0;
}

static void record(void *context, const struct retry_note *note)
{
    if (note->status)
        buf_printf(context, "%d/%d: %d after %d%s\n", note->retry, note->max_retries, note->status,
                   (int)note->wait_ms, note->asked ? " asked" : "");
    else
        buf_printf(context, "%d/%d: %s\n", note->retry, note->max_retries, note->why->code);
}

static enum http_take take_good(void *context, const struct http_response *response,
                                struct str bytes)
{
    if (response->status != 200)
        return HTTP_KEEP;
    buf_add_str(context, bytes);
    return HTTP_TAKEN;
}

struct call_case {
    struct script_step steps[4];
    size_t count;
    const char *notes;
    int status;        /* HTTP; 0: failed */
    const char *taken; /* what the stream gave */
};

static const struct call_case cases[] = {
    {{{.reply = GOOD}}, 1, "", 200, "hi"},
    {{{.reply = BUSY}, {.reply = BUSY}, {.reply = GOOD}},
     3,
     "1/3: 503 after 1 asked\n2/3: 503 after 1 asked\n",
     200,
     "hi"},
    {{{.end = SCRIPT_RESET}, {.reply = NULL}, {.reply = GOOD}},
     3,
     "1/3: connection_reset\n2/3: empty_reply\n",
     200,
     "hi"},
    {{{.reply = BUSY}, {.reply = BUSY}, {.reply = BUSY}, {.reply = BUSY}},
     4,
     "1/3: 503 after 1 asked\n2/3: 503 after 1 asked\n3/3: 503 after 1 asked\n",
     503,
     ""},
    {{{.reply = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi"}}, 1, "", 0, "hi"},
    {{{.reply = "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"}}, 1, "", 401, ""},
    {{{.reply = "nonsense\r\n"}}, 1, "", 0, ""},
};

static void tries_again_and_tells(void **state)
{
    (void)state;
    static const struct http_transport transport = {
        .user_agent = "test", .connect_timeout_ms = 2000, .idle_timeout_ms = 2000};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct scripted_server server;
        struct http_client client;
        struct http_response response;
        struct buf notes, taken;
        char url[64];
        scripted_server_start(&server, cases[i].steps, cases[i].count);
        assert_int_equal(http_client_init(&client, &clock_system, -1, NULL), STATUS_OK);
        http_response_init(&response, 100);
        buf_init(&notes, 1000);
        buf_init(&taken, 1000);
        snprintf(url, sizeof url, "http://127.0.0.1:%d/", server.port);
        const struct http_request request = {.method = "POST", .url = url, .body = STR("x")};
        const struct call call = {.client = &client,
                                  .transport = &transport,
                                  .policy = {.max_retries = 3,
                                             .factor_ms = 1,
                                             .max_wait_ms = 1000,
                                             .clock = &clock_system,
                                             .random = none},
                                  .on_retry = record,
                                  .context = &notes};
        const enum status status =
            call_perform(&call, &request, take_good, &taken, &response, NULL);
        assert_true((status == STATUS_OK) == (cases[i].status > 0));
        if (cases[i].status > 0)
            assert_int_equal(response.status, cases[i].status);
        assert_true(str_is(buf_str(&notes), cases[i].notes));
        assert_true(str_is(buf_str(&taken), cases[i].taken));
        assert_int_equal(server.requests, cases[i].count);
        http_client_release(&client);
        scripted_server_stop(&server);
        http_response_release(&response);
        buf_release(&notes);
        buf_release(&taken);
    }
}

static void every_key_is_another(void **state)
{
    (void)state;
    char a[64], b[64];
    call_idempotency_header(a);
    call_idempotency_header(b);
    assert_string_not_equal(a, b);
    assert_int_equal(strlen(a), strlen("Idempotency-Key: qvl-") + 32);
    for (int i = 0; i < 100; i++) {
        const double r = call_random(NULL);
        assert_true(r >= 0 && r < 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tries_again_and_tells),
        cmocka_unit_test(every_key_is_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
