#include "fetch/fetcher.h"

#include "base/test.h"
#include "client/scripted_server_test.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdatomic.h>
#include <unistd.h>

#define PICTURE "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 7\r\n\r\npicture"

/* What names mean in these tests; the server listens on 127.0.0.1, which is opened. */
static atomic_int lookups;
static void resolve(const char *host, struct resolver_answer *out)
{
    static const struct {
        const char *host;
        const char *addresses[3];
    } names[] = {
        {"good.test", {"127.0.0.1"}},
        {"inner.test", {"127.0.0.2", "10.0.0.1"}},
        {"six.test", {"169.254.169.254", "::1"}},
        {"mixed.test", {"169.254.169.254", "127.0.0.1", "10.0.0.1"}},
        {"metadata.test", {"169.254.169.254"}},
    };
    const int number = atomic_fetch_add(&lookups, 1) + 1;
    if (strcmp(host, "slow.test") == 0)
        usleep(400000);
    const char *rebound = number % 2 ? "127.0.0.1" : "127.0.0.2";
    out->error = EAI_NONAME;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        for (size_t k = 0; strcmp(names[i].host, host) == 0 && k < 3 && names[i].addresses[k];
             k++) {
            out->error = 0;
            if (!address_parse(str_from(names[i].addresses[k]), &out->addresses[out->count++]))
                abort();
        }
    if (strcmp(host, "rebinding.test") == 0) {
        out->error = 0;
        out->count = 1;
        if (!address_parse(str_from(rebound), &out->addresses[0]))
            abort();
    }
}

struct fixture {
    uv_loop_t loop;
    struct fetcher *fetcher;
    struct scripted_server server;
    bool has_server;
    struct address_range opened;
    struct fetch_rules rules;
    /* Of the last one that was over. */
    int done;
    enum status status;
    struct reason why;
    struct fetched file;
};

static void set_up(struct fixture *f, const struct script_step *steps, size_t count)
{
    *f = (struct fixture){0};
    lookups = 0;
    assert_int_equal(uv_loop_init(&f->loop), 0);
    assert_int_equal(fetcher_create(&f->loop, resolve, &f->fetcher, NULL), STATUS_OK);
    assert_int_equal(address_range_parse(STR("127.0.0.1"), &f->opened, NULL), STATUS_OK);
    f->rules = (struct fetch_rules){.guard = {.ranges = &f->opened, .range_count = 1},
                                    .max_picture_bytes = 1000,
                                    .budget_bytes = 5000,
                                    .max_redirects = 2,
                                    .timeout_ms = 5000,
                                    .running = 4,
                                    .running_per_client = 2};
    f->has_server = count > 0;
    if (f->has_server)
        scripted_server_start(&f->server, steps, count);
}

static void tear_down(struct fixture *f)
{
    fetched_release(&f->file);
    assert_int_equal(fetcher_bytes(f->fetcher), 0);
    fetcher_close(f->fetcher);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    if (f->has_server)
        scripted_server_stop(&f->server);
}

static void on_done(void *arg, enum status status, const struct reason *why, struct fetched *file)
{
    struct fixture *f = arg;
    f->done++;
    f->status = status;
    f->why = *why;
    if (status == STATUS_OK) {
        fetched_release(&f->file);
        f->file = *file;
        *file = (struct fetched){0};
    }
}

static enum status begin_for(struct fixture *f, const char *client, const char *url,
                             struct fetch **out)
{
    const struct fetch_order order = {.url = str_from(url),
                                      .kind = FETCH_PICTURE,
                                      .rules = &f->rules,
                                      .client = client,
                                      .on_done = on_done,
                                      .arg = f};
    return fetch_begin(f->fetcher, &order, out, &f->why);
}

static enum status begin(struct fixture *f, const char *url, struct fetch **out)
{
    return begin_for(f, "192.0.2.1", url, out);
}

/* Fetches http://HOST:PORT/x and waits for its end. */
static void fetch(struct fixture *f, const char *host)
{
    char url[128];
    struct fetch *fetch;
    const int before = f->done;
    snprintf(url, sizeof url, "http://%s:%d/x?secret", host, f->has_server ? f->server.port : 1080);
    assert_int_equal(begin(f, url, &fetch), STATUS_OK);
    while (f->done == before)
        uv_run(&f->loop, UV_RUN_ONCE);
}

static void assert_failed(const struct fixture *f, const char *code, const char *words)
{
    assert_int_not_equal(f->status, STATUS_OK);
    assert_string_equal(f->why.code, code);
    if (!strstr(f->why.message[LANG_EN], words))
        fail_msg("%s", f->why.message[LANG_EN]);
    assert_null(strstr(f->why.message[LANG_EN], "secret"));
    assert_true(f->why.message[LANG_ZH][0]);
}

static void fetches_a_picture(void **state)
{
    (void)state;
    static const struct script_step steps[] = {{.reply = PICTURE}, {.reply = PICTURE}};
    struct fixture f;
    set_up(&f, steps, ARRAY_LEN(steps));
    fetch(&f, "127.0.0.1");
    assert_int_equal(f.status, STATUS_OK);
    assert_int_equal(lookups, 0);
    fetch(&f, "good.test");
    assert_int_equal(f.status, STATUS_OK);
    assert_true(str_is(buf_str(&f.file.bytes), "picture"));
    assert_string_equal(f.file.type, "image/png");
    assert_in_range(fetcher_bytes(f.fetcher), 8, 64);
    tear_down(&f);
}

static void visits_only_what_is_open(void **state)
{
    (void)state;
    static const struct {
        const char *host, *code, *words;
    } rows[] = {
        {"inner.test", "image_address_blocked", "not visited: loopback"},
        {"metadata.test", "image_address_blocked", "not visited: cloud metadata"},
        {"127.0.0.2", "image_address_blocked", "not visited: loopback"},
        {"2130706434", "image_address_blocked", "not visited: loopback"},
        {"[::1]", "image_address_blocked", "not visited: loopback"},
        {"[::ffff:10.0.0.1]", "image_address_blocked", "not visited: private"},
        {"0.0.0.0", "image_address_blocked", "not visited: unspecified"},
        {"[::]", "image_address_blocked", "not visited: unspecified"},
        {"unknown.test", "image_dns_failed", "not known"},
    };
    struct fixture f;
    set_up(&f, NULL, 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        fetch(&f, rows[i].host);
        assert_failed(&f, rows[i].code, rows[i].words);
    }
    tear_down(&f);
}

static void uses_the_open_ones_of_several(void **state)
{
    (void)state;
    static const struct script_step steps[] = {{.reply = PICTURE}};
    struct fixture f;
    set_up(&f, steps, ARRAY_LEN(steps));
    fetch(&f, "mixed.test");
    assert_int_equal(f.status, STATUS_OK);
    tear_down(&f);
}

static void *answer_once(void *arg)
{
    char request[4096];
    const int fd = accept(*(const int *)arg, NULL, NULL);
    if (recv(fd, request, sizeof request, 0) > 0)
        send(fd, PICTURE, strlen(PICTURE), MSG_NOSIGNAL);
    close(fd);
    return NULL;
}

static void connects_by_ipv6_too(void **state)
{
    (void)state;
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    socklen_t len = sizeof address;
    const int listener = socket(AF_INET6, SOCK_STREAM, 0);
    pthread_t thread;
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, len) != 0)
        skip(); /* this machine has none */
    struct fixture f;
    struct fetch *fetch;
    char url[64];
    set_up(&f, NULL, 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
    assert_int_equal(pthread_create(&thread, NULL, answer_once, (void *)(uintptr_t)&listener), 0);
    assert_int_equal(address_range_parse(STR("::1"), &f.opened, NULL), STATUS_OK);
    snprintf(url, sizeof url, "http://six.test:%u/", (unsigned)ntohs(address.sin6_port));
    assert_int_equal(begin(&f, url, &fetch), STATUS_OK);
    while (f.done == 0)
        uv_run(&f.loop, UV_RUN_ONCE);
    assert_int_equal(f.status, STATUS_OK);
    pthread_join(thread, NULL);
    close(listener);
    tear_down(&f);
}

/* The name means an open address when it is looked up, and another one at once afterwards. */
static void is_not_led_elsewhere_by_a_second_lookup(void **state)
{
    (void)state;
    static const struct script_step steps[] = {{.reply = PICTURE}};
    struct fixture f;
    set_up(&f, steps, ARRAY_LEN(steps));
    fetch(&f, "rebinding.test");
    assert_int_equal(f.status, STATUS_OK); /* 127.0.0.2 would have been refused */
    assert_int_equal(lookups, 1);
    fetch(&f, "rebinding.test"); /* the name is looked up anew, not remembered */
    assert_failed(&f, "image_address_blocked", "not visited: loopback");
    assert_int_equal(lookups, 2);
    tear_down(&f);
}

/* Whatever libcurl would connect to: the socket is checked too. */
static void checks_each_socket(void **state)
{
    (void)state;
    const struct fetch_rules rules = {.max_picture_bytes = 10};
    const struct fetch_trust trust = {0};
    struct fetch_budget budget = {0};
    struct fetch_target target;
    struct fetched file;
    struct hop hop;
    struct reason why;
    struct address address;
    assert_true(address_parse(STR("127.0.0.1"), &address));
    assert_int_equal(fetch_target_parse(STR("http://a.test:1080/"), FETCH_PICTURE, &target, NULL),
                     STATUS_OK);
    fetched_init(&file, FETCH_PICTURE, &budget);
    assert_true(hop_init(&hop, &rules, &trust, &target, &address, 1, &file, NULL));
    const CURLcode code = curl_easy_perform(hop.easy);
    assert_int_equal(code, CURLE_COULDNT_CONNECT);
    assert_int_equal(hop_result(&hop, code, &why), STATUS_INVALID);
    assert_string_equal(why.code, "image_address_blocked");
    hop_release(&hop);
    fetched_release(&file);
    fetch_target_release(&target);
}

static void follows_redirects_by_hand(void **state)
{
    (void)state;
    static const struct script_step good[] = {
        {.reply = "HTTP/1.1 302 Found\r\nLocation: /y\r\nContent-Length: 9999\r\n\r\nx"},
        {.reply = "HTTP/1.1 308 Permanent\r\nlocation: z\r\n\r\n"},
        {.reply = PICTURE},
    };
    static const struct script_step circle[] = {
        {.reply = "HTTP/1.1 301 Moved\r\nLocation: /x\r\n\r\n"},
        {.reply = "HTTP/1.1 303 See\r\nLocation: /x\r\n\r\n"},
        {.reply = "HTTP/1.1 307 Temporary\r\nLocation: /x\r\n\r\n"},
    };
    static const struct {
        const char *reply, *code, *words;
    } bad[] = {
        {"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.2/\r\n\r\n", "image_address_blocked",
         "not visited: loopback"},
        {"HTTP/1.1 302 Found\r\nLocation: http://metadata.test/\r\n\r\n", "image_address_blocked",
         "not visited: cloud metadata"},
        {"HTTP/1.1 302 Found\r\nLocation: //0xa9fea9fe/\r\n\r\n", "image_address_blocked",
         "not visited: cloud metadata"},
        {"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n", "image_scheme_not_supported",
         "After a redirect"},
        {"HTTP/1.1 302 Found\r\nLocation: http://u:p@good.test/\r\n\r\n", "invalid_value",
         "After a redirect"},
        {"HTTP/1.1 302 Found\r\nLocation: http://good.test:25/\r\n\r\n", "image_address_blocked",
         "port 25"},
        {"HTTP/1.1 302 Found\r\n\r\n", "image_http_status", "302"},
        {"HTTP/1.1 304 Not Modified\r\nLocation: /y\r\n\r\n", "image_http_status", "304"},
    };
    struct fixture f;
    set_up(&f, good, ARRAY_LEN(good));
    fetch(&f, "good.test");
    assert_int_equal(f.status, STATUS_OK);
    assert_true(str_is(buf_str(&f.file.bytes), "picture"));
    tear_down(&f);
    set_up(&f, circle, ARRAY_LEN(circle));
    fetch(&f, "good.test");
    assert_failed(&f, "image_redirects", "more than 2 times");
    tear_down(&f);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        const struct script_step step = {.reply = bad[i].reply};
        set_up(&f, &step, 1);
        fetch(&f, "good.test");
        assert_failed(&f, bad[i].code, bad[i].words);
        tear_down(&f);
    }
}

static void names_the_step_that_failed(void **state)
{
    (void)state;
    static const struct {
        struct script_step step;
        const char *code, *words;
    } rows[] = {
        {{.reply = "HTTP/1.1 404 Not Found\r\n\r\n"}, "image_http_status", "status 404"},
        {{.reply = "HTTP/1.1 206 Partial\r\n\r\nx"}, "image_http_status", "status 206"},
        {{.reply = "HTTP/1.1 204 No Content\r\n\r\n"}, "image_http_status", "status 204"},
        {{.reply = "SSH-2.0-OpenSSH_9.2\r\n"}, "image_http_status", "HTTP/1.1"},
        {{.reply = "HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n"}, "image_too_large", "1001"},
        {{.reply = "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n"}, NULL, ""},
        {{.reply = "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nshort"},
         "image_connect_failed",
         "5 of 20"},
        {{.reply = NULL}, "image_connect_failed", "before the answer"},
        {{.reply = "HTTP/1.1 200 OK\r\nContent-Le"}, "image_connect_failed", ""},
        {{.reply = NULL, .end = SCRIPT_RESET}, "image_connect_failed", "before the answer"},
        {{.reply = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx"},
         "image_not_an_image",
         "gzip"},
        {{.reply = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}, NULL, ""},
    };
    struct fixture f;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        set_up(&f, &rows[i].step, 1);
        fetch(&f, "127.0.0.1");
        assert_failed(&f, rows[i].code ? rows[i].code : f.why.code, rows[i].words);
        tear_down(&f);
    }
    set_up(&f, NULL, 0);
    fetch(&f, "127.0.0.1");
    assert_failed(&f, "image_connect_failed", "Connection refused");
    tear_down(&f);
}

static void bounds_what_it_keeps(void **state)
{
    (void)state;
    static char large[3000] = "HTTP/1.1 200 OK\r\n\r\n";
    static char long_head[70000] = "HTTP/1.1 200 OK\r\nX: ";
    memset(large + strlen(large), 'x', sizeof large - 1 - strlen(large));
    for (size_t i = strlen(long_head); i + 64 < sizeof long_head; i += 64)
        memcpy(long_head + i, "\r\nX-Padding: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
               64);
    const struct script_step steps[] = {{.reply = large}, {.reply = long_head}, {.reply = PICTURE}};
    struct fixture f;
    set_up(&f, steps, ARRAY_LEN(steps));
    fetch(&f, "127.0.0.1");
    assert_failed(&f, "image_too_large", "more than 1000 bytes");
    fetch(&f, "127.0.0.1");
    assert_failed(&f, "image_http_status", "64 KiB");
    f.rules.budget_bytes = 6;
    fetch(&f, "127.0.0.1");
    assert_int_equal(f.status, STATUS_NO_MEMORY);
    assert_string_equal(f.why.code, "memory_full");
    tear_down(&f);
}

static void ends_in_time(void **state)
{
    (void)state;
    const struct script_step silent = {.end = SCRIPT_HOLD};
    const struct script_step half = {.reply = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
                                     .end = SCRIPT_HOLD};
    struct fixture f;
    set_up(&f, &silent, 1);
    f.rules.timeout_ms = 200;
    fetch(&f, "127.0.0.1");
    assert_failed(&f, "image_timeout", "0.2 s was over while waiting for the answer (0 bytes");
    tear_down(&f);
    set_up(&f, &half, 1);
    f.rules.timeout_ms = 200;
    fetch(&f, "127.0.0.1");
    assert_failed(&f, "image_timeout", "while receiving (4 bytes");
    tear_down(&f);
    set_up(&f, NULL, 0);
    f.rules.timeout_ms = 100;
    fetch(&f, "slow.test");
    assert_failed(&f, "image_timeout", "while looking up the name");
    tear_down(&f); /* the lookup goes on for a while, and nobody hears of it */
}

/* A place is taken until the lookup itself is over, though the fetch was told of before. */
static void keeps_a_place_while_a_name_is_looked_up(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, NULL, 0);
    f.rules.running_per_client = 1;
    f.rules.timeout_ms = 100;
    const uint64_t begun = uv_hrtime();
    fetch(&f, "slow.test");
    assert_failed(&f, "image_timeout", "looking up");
    fetch(&f, "unknown.test");
    assert_failed(&f, "image_dns_failed", "");
    assert_true(uv_hrtime() - begun >= 390000000u);
    tear_down(&f);
}

static void cancels(void **state)
{
    (void)state;
    const struct script_step silent = {.end = SCRIPT_HOLD};
    struct fixture f;
    struct fetch *fetches[4];
    char url[64];
    set_up(&f, &silent, 1);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/x", f.server.port);
    f.rules.running_per_client = 1;
    assert_int_equal(begin(&f, url, &fetches[0]), STATUS_OK);
    assert_int_equal(begin(&f, url, &fetches[1]), STATUS_OK);
    assert_int_equal(begin(&f, "http://slow.test/", &fetches[2]), STATUS_OK);
    fetch_cancel(fetches[1]); /* before it began */
    for (int i = 0; i < 5; i++)
        uv_run(&f.loop, UV_RUN_NOWAIT);
    assert_int_equal(f.done, 1);
    assert_string_equal(f.why.code, "client_closed");
    fetch_cancel(fetches[0]); /* on its way */
    assert_int_equal(f.done, 1);
    while (f.done < 2)
        uv_run(&f.loop, UV_RUN_ONCE);
    for (int i = 0; i < 3; i++)
        uv_run(&f.loop, UV_RUN_NOWAIT);
    fetch_cancel(fetches[2]); /* while its name is looked up */
    while (f.done < 3)
        uv_run(&f.loop, UV_RUN_ONCE);
    assert_int_equal(f.status, STATUS_CANCELLED);
    tear_down(&f);
}

/* Five of one client wait when another comes: that one is next. */
static void lets_clients_take_turns(void **state)
{
    (void)state;
    struct fixture f;
    struct fetch *fetch;
    set_up(&f, NULL, 0);
    f.rules.running = 2;
    f.rules.running_per_client = 2;
    for (int i = 0; i < 5; i++)
        assert_int_equal(begin_for(&f, "192.0.2.1", "http://slow.test/", &fetch), STATUS_OK);
    for (int i = 0; i < 5; i++)
        uv_run(&f.loop, UV_RUN_NOWAIT);
    assert_int_equal(begin_for(&f, "192.0.2.2", "http://unknown.test/", &fetch), STATUS_OK);
    while (f.done < 3)
        uv_run(&f.loop, UV_RUN_ONCE);
    /* A look-up that the test before did not wait for may count here. */
    assert_in_range(atomic_load(&lookups), 3, 5);
    assert_non_null(strstr(f.why.message[LANG_EN], "unknown.test"));
    while (f.done < 6)
        uv_run(&f.loop, UV_RUN_ONCE);
    assert_in_range(atomic_load(&lookups), 6, 7);
    tear_down(&f);
}

static void refuses_urls_at_once(void **state)
{
    (void)state;
    struct fixture f;
    struct fetch *fetch;
    set_up(&f, NULL, 0);
    assert_int_equal(begin(&f, "http://u@good.test/", &fetch), STATUS_INVALID);
    assert_string_equal(f.why.code, "invalid_value");
    assert_int_equal(f.done, 0);
    tear_down(&f);
}

static void looks_names_up_by_the_system(void **state)
{
    (void)state;
    struct resolver_answer answer = {0};
    resolve_by_system("localhost", &answer);
    assert_int_equal(answer.error, 0);
    assert_int_equal(address_classify(&answer.addresses[0]), ADDRESS_LOOPBACK);
    answer = (struct resolver_answer){0};
    resolve_by_system("no-such-name.invalid", &answer);
    assert_int_not_equal(answer.error, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fetches_a_picture),
        cmocka_unit_test(visits_only_what_is_open),
        cmocka_unit_test(uses_the_open_ones_of_several),
        cmocka_unit_test(connects_by_ipv6_too),
        cmocka_unit_test(is_not_led_elsewhere_by_a_second_lookup),
        cmocka_unit_test(checks_each_socket),
        cmocka_unit_test(follows_redirects_by_hand),
        cmocka_unit_test(names_the_step_that_failed),
        cmocka_unit_test(bounds_what_it_keeps),
        cmocka_unit_test(ends_in_time),
        cmocka_unit_test(keeps_a_place_while_a_name_is_looked_up),
        cmocka_unit_test(cancels),
        cmocka_unit_test(lets_clients_take_turns),
        cmocka_unit_test(refuses_urls_at_once),
        cmocka_unit_test(looks_names_up_by_the_system),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
