/* Every allocation of our own on the way from a URL to its file fails once. */
#include "base/failing_alloc_test.h"
#include "base/test.h"
#include "fetch/fetcher.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <unistd.h>

#define PICTURE "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\npicture"

static void resolve(const char *host, struct resolver_answer *out)
{
    (void)host;
    out->count = 1;
    if (!address_parse(STR("127.0.0.1"), &out->addresses[0]))
        abort();
}

struct outcome {
    bool done;
    enum status status;
    struct reason why;
};

static void on_done(void *arg, enum status status, const struct reason *why, struct fetched *file)
{
    struct outcome *outcome = arg;
    (void)file; /* not taken: released by the fetcher */
    *outcome = (struct outcome){true, status, *why};
}

static enum status fetch(struct fetcher *fetcher, uv_loop_t *loop, const char *url,
                         struct reason *why)
{
    const struct fetch_rules rules = {.guard = {.private_too = true},
                                      .max_picture_bytes = 100,
                                      .budget_bytes = 100,
                                      .max_redirects = 1,
                                      .timeout_ms = 10000,
                                      .running = 1,
                                      .running_per_client = 1};
    struct outcome outcome = {0};
    const struct fetch_order order = {str_from(url), FETCH_PICTURE, &rules,
                                      "client",      on_done,       &outcome};
    struct fetch *begun;
    const enum status status = fetch_begin(fetcher, &order, &begun, why);
    if (status)
        return status;
    while (!outcome.done)
        uv_run(loop, UV_RUN_ONCE);
    *why = outcome.why;
    return outcome.status;
}

static bool attempt(const void *argument)
{
    const char *url = argument;
    uv_loop_t loop;
    struct fetcher *fetcher = NULL;
    struct reason why;
    assert_int_equal(uv_loop_init(&loop), 0);
    enum status status = fetcher_create(&loop, resolve, &fetcher, &why);
    if (!status)
        status = fetch(fetcher, &loop, url, &why);
    if (status) {
        assert_int_equal(status, STATUS_NO_MEMORY);
        assert_string_equal(why.code, "memory_full");
    }
    fetcher_close(fetcher);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    return status == STATUS_OK;
}

/* Answers one connection after the other, without an allocation. */
static void *serve(void *arg)
{
    const int listener = *(const int *)arg;
    char request[4096];
    int fd;
    while ((fd = accept(listener, NULL, NULL)) >= 0) {
        if (recv(fd, request, sizeof request, 0) > 0)
            send(fd, PICTURE, strlen(PICTURE), MSG_NOSIGNAL);
        close(fd);
    }
    return NULL;
}

static void gives_up_cleanly(void **state)
{
    (void)state;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    pthread_t thread;
    char url[64];
    assert_int_equal(bind(listener, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(listener, 8), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
    assert_int_equal(pthread_create(&thread, NULL, serve, (void *)(uintptr_t)&listener), 0);
    snprintf(url, sizeof url, "http://name.test:%u/", (unsigned)ntohs(address.sin_port));
    assert_in_range(failing_alloc_each(attempt, url), 8, 60);
    shutdown(listener, SHUT_RDWR);
    pthread_join(thread, NULL);
    close(listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(gives_up_cleanly)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
