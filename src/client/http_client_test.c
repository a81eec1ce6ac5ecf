#include "client/http_client.h"

#include "base/test.h"
#include "client/outcome.h"
#include "scripted_server_test.h"

#include <unistd.h>

#define OK_HEAD "HTTP/1.1 200 OK\r\n"

static const struct http_transport quick = {
    .user_agent = "test/1", .connect_timeout_ms = 2000, .idle_timeout_ms = 150};

struct fixture {
    struct scripted_server server;
    struct http_client client;
    struct http_response response;
    struct http_request request;
    struct reason why;
    char url[64];
};

static void setup(struct fixture *f, const struct script_step *steps, size_t count)
{
    *f = (struct fixture){0};
    scripted_server_start(&f->server, steps, count);
    assert_int_equal(http_client_init(&f->client, &clock_system, -1, NULL), STATUS_OK);
    http_response_init(&f->response, 100);
    snprintf(f->url, sizeof f->url, "http://127.0.0.1:%d/x", f->server.port);
    f->request = (struct http_request){.method = "POST", .url = f->url, .body = STR("hello")};
}

static void teardown(struct fixture *f)
{
    http_client_release(&f->client); /* closes the connection that the server may hold */
    scripted_server_stop(&f->server);
    http_response_release(&f->response);
}

static enum status perform(struct fixture *f)
{
    return http_client_perform(&f->client, &quick, &f->request, NULL, NULL, &f->response, &f->why);
}

static void reads_answers_on_one_connection(void **state)
{
    (void)state;
    static const struct script_step steps[] = {
        {.reply = OK_HEAD "Content-Length: 2\r\nX-A: b\r\n\r\nhi", .keep_requests = 2}};
    static const char *const headers[] = {"X-Test: 1", "X-Empty:", NULL};
    struct fixture f;
    setup(&f, steps, ARRAY_LEN(steps));
    f.request.headers = headers;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(perform(&f), STATUS_OK);
        assert_int_equal(f.response.status, 200);
        assert_string_equal(f.response.body.data, "hi");
        assert_true(str_is(http_header(&f.response, "x-a"), "b"));
        assert_int_equal(f.response.phase, HTTP_PHASE_BODY);
        assert_string_equal(f.response.address, "127.0.0.1");
        assert_non_null(strstr(f.response.sent.data, "\r\nX-Test: 1\r\n"));
        assert_non_null(strstr(f.response.sent.data, "\r\nX-Empty:\r\n"));
        assert_non_null(strstr(f.response.sent.data, "User-Agent: test/1\r\n"));
        assert_null(strstr(f.response.sent.data, "Expect"));
        assert_true(f.response.timings.total_us >= f.response.timings.first_byte_us);
    }
    assert_int_equal(f.server.requests, 3);
    teardown(&f);
}

struct failure_case {
    const char *code;
    struct script_step step;
    int status; /* of the response, as far as it came */
};

static const struct failure_case failures[] = {
    {"empty_reply", {.reply = NULL}, 0},
    {"connection_reset", {.end = SCRIPT_RESET}, 0},
    {"not_http", {.reply = "SSH-2.0-OpenSSH_9.2\r\n"}, 0},
    {"first_byte_timeout", {.end = SCRIPT_HOLD}, 0},
    {"idle_timeout", {.reply = OK_HEAD "Content-Length: 9\r\n\r\nhi", .end = SCRIPT_HOLD}, 200},
    {"truncated_answer", {.reply = OK_HEAD "Content-Length: 9\r\n\r\nhi"}, 200},
    {"truncated_answer", {.reply = OK_HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n"}, 200},
    {"answer_too_large",
     {.reply = OK_HEAD "\r\n0123456789012345678901234567890123456789012345678901234567890123456789"
                       "0123456789012345678901234567890"},
     200},
};

static void tells_failures_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(failures); i++) {
        struct fixture f;
        setup(&f, &failures[i].step, 1);
        assert_int_not_equal(perform(&f), STATUS_OK);
        assert_string_equal(f.why.code, failures[i].code);
        assert_int_equal(f.response.status, failures[i].status);
        assert_true(f.why.message[LANG_EN][0] && f.why.message[LANG_ZH][0]);
        assert_int_not_equal(outcome_of_fault(f.why.code), OUTCOME_REQUEST);
        teardown(&f);
    }
}

static void tells_refused_and_unknown_hosts_apart(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f, NULL, 0);
    const int port = f.server.port;
    scripted_server_stop(&f.server);
    assert_int_not_equal(perform(&f), STATUS_OK);
    assert_string_equal(f.why.code, "connection_refused");
    char expected[128];
    snprintf(expected, sizeof expected,
             "Nothing listens at http://127.0.0.1:%d (connection refused).", port);
    assert_string_equal(f.why.message[LANG_EN], expected);
    f.request.url = "http://no-such-host.invalid/";
    assert_int_not_equal(perform(&f), STATUS_OK);
    assert_true(strcmp(f.why.code, "dns_not_found") == 0 ||
                strcmp(f.why.code, "dns_timeout") == 0); /* a resolver may be out of reach */
    f.request.url = "http://";
    assert_int_equal(perform(&f), STATUS_INVALID);
    assert_string_equal(f.why.code, "url_invalid");
    http_client_release(&f.client);
    http_response_release(&f.response);
}

static void a_refusal_of_the_body_is_an_answer(void **state)
{
    (void)state;
    static const struct script_step steps[] = {
        {.reply = "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"}};
    struct fixture f;
    setup(&f, steps, 1);
    assert_int_equal(perform(&f), STATUS_OK);
    assert_int_equal(f.response.status, 413);
    assert_string_equal(f.response.body.data, "no");
    teardown(&f);
}

static enum http_take until_stop(void *context, const struct http_response *response,
                                 struct str bytes)
{
    assert_int_equal(response->status, 200);
    buf_add_str(context, bytes);
    return memchr(bytes.ptr, '!', bytes.len) ? HTTP_STOP : HTTP_TAKEN;
}

static void a_stream_can_be_left(void **state)
{
    (void)state;
    static const struct script_step steps[] = {
        {.reply = OK_HEAD "Transfer-Encoding: chunked\r\n\r\n3\r\nhi!\r\n", .end = SCRIPT_HOLD}};
    struct fixture f;
    struct buf got;
    setup(&f, steps, 1);
    buf_init(&got, 100);
    assert_int_equal(
        http_client_perform(&f.client, &quick, &f.request, until_stop, &got, &f.response, &f.why),
        STATUS_OK);
    assert_string_equal(got.data, "hi!");
    assert_true(f.response.streamed);
    assert_int_equal(f.response.body.len, 0);
    buf_release(&got);
    teardown(&f);
}

static void cancelling_ends_at_once(void **state)
{
    (void)state;
    static const struct script_step steps[] = {{.end = SCRIPT_HOLD}};
    struct fixture f;
    int fds[2];
    setup(&f, steps, 1);
    assert_int_equal(pipe(fds), 0);
    f.client.cancel_fd = fds[0];
    assert_true(http_client_sleep(&f.client, 1));
    assert_int_equal(write(fds[1], "x", 1), 1);
    assert_int_equal(perform(&f), STATUS_CANCELLED);
    assert_string_equal(f.why.code, "cancelled");
    assert_false(http_client_sleep(&f.client, 60000));
    close(fds[0]);
    close(fds[1]);
    f.client.cancel_fd = -1;
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_answers_on_one_connection),
        cmocka_unit_test(tells_failures_apart),
        cmocka_unit_test(tells_refused_and_unknown_hosts_apart),
        cmocka_unit_test(a_refusal_of_the_body_is_an_answer),
        cmocka_unit_test(a_stream_can_be_left),
        cmocka_unit_test(cancelling_ends_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
