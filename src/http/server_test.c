#include "http/server.h"

#include "http/connection.h"

#include "base/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DEADLINE_MS = 20000 };

/* What the handler does with a request. */
enum behaviour { ANSWER, ANSWER_AT_HEAD, HOLD, STREAM_AND_HOLD };

struct fixture {
    uv_loop_t loop;
    struct http_server *server;
    int port;
    enum behaviour behaviour;
    struct http_exchange *held; /* the last one that was not answered */
    struct buf log;             /* what the handler was told: "head:/x request:3 end " */
    int open;                   /* exchanges between their first callback and on_end */
};

static void answer(struct http_exchange *x, const char *body)
{
    http_respond(x, 200, NULL, 0, str_from(body));
}

static void on_head(void *arg, struct http_exchange *x)
{
    struct fixture *f = arg;
    f->open++;
    buf_printf(&f->log, "head:%.*s ", STR_ARG(x->request->path));
    if (f->behaviour == ANSWER_AT_HEAD)
        answer(x, "early");
}

static void on_request(void *arg, struct http_exchange *x)
{
    struct fixture *f = arg;
    if (x->status)
        return;
    buf_printf(&f->log, "request:%zu ", x->body.len);
    if (f->behaviour == ANSWER)
        answer(x, "late");
    else
        f->held = x;
    if (f->behaviour == STREAM_AND_HOLD) {
        http_stream_begin(x, 200, NULL, 0);
        http_stream_write(x, STR("begun"));
    }
}

static void on_broken(void *arg, struct http_exchange *x, const struct reason *why)
{
    struct fixture *f = arg;
    f->open += !x->request;
    buf_printf(&f->log, "broken:%s ", why->code);
    http_respond(x, 400, NULL, 0, str_from(why->code));
}

static void on_end(void *arg, struct http_exchange *x, const struct reason *cut)
{
    struct fixture *f = arg;
    f->open--;
    buf_puts(&f->log, cut ? "end:" : "end");
    buf_printf(&f->log, "%s ", cut ? cut->code : "");
    if (f->held == x)
        f->held = NULL;
}

static size_t no_memory(void *arg, struct http_exchange *x, char *out, size_t size)
{
    (void)arg;
    x->status = 503;
    return (size_t)snprintf(out, size, "HTTP/1.1 503 No\r\ncontent-length: 4\r\n\r\nnone");
}

static void begin(struct fixture *f, const struct http_server_options *options)
{
    *f = (struct fixture){0};
    buf_init(&f->log, 1 << 20);
    assert_int_equal(uv_loop_init(&f->loop), 0);
    const struct http_handler handler = {
        .arg = f,
        .on_head = on_head,
        .on_request = on_request,
        .on_broken = on_broken,
        .on_end = on_end,
        .no_memory = no_memory,
    };
    char address[64];
    assert_int_equal(http_server_create(&f->loop, options, handler, &f->server, NULL), STATUS_OK);
    assert_int_equal(http_server_listen(f->server, "127.0.0.1:0", false, NULL), STATUS_OK);
    assert_true(http_server_address(f->server, 0, address, sizeof address));
    f->port = atoi(strrchr(address, ':') + 1);
}

/* Every exchange had its one end, and nothing is left in the loop. */
static void end(struct fixture *f)
{
    http_server_destroy(f->server);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(f->open, 0);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    buf_release(&f->log);
}

static int64_t now_ms(void)
{
    return (int64_t)(uv_hrtime() / 1000000);
}

static void turn(struct fixture *f)
{
    uv_run(&f->loop, UV_RUN_NOWAIT);
    usleep(200);
}

static void run_for(struct fixture *f, int64_t ms)
{
    for (const int64_t until = now_ms() + ms; now_ms() < until;)
        turn(f);
}

static void wait_for(struct fixture *f, const char *log)
{
    const int64_t until = now_ms() + DEADLINE_MS;
    while (!f->log.data || !strstr(f->log.data, log)) {
        turn(f);
        if (now_ms() > until)
            fail_msg("\"%s\" does not come after: %s", log, f->log.data);
    }
}

static void assert_log(struct fixture *f, const char *log)
{
    wait_for(f, log);
    run_for(f, 20); /* nothing more comes */
    assert_string_equal(f->log.data, log);
    buf_clear(&f->log);
}

static int client(const struct fixture *f, int receive_bytes)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)f->port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (receive_bytes)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static int client_that_says(struct fixture *f, const char *text)
{
    const int fd = client(f, 0);
    say(fd, text);
    run_for(f, 10);
    return fd;
}

/* Reads until the text has come, or, if that is NULL, until the end. False: the other of these came
 * first. */
static bool hears(struct fixture *f, int fd, const char *text, struct buf *out)
{
    char piece[65536];
    const int64_t until = now_ms() + DEADLINE_MS;
    while (now_ms() < until) {
        turn(f);
        const ssize_t n = recv(fd, piece, sizeof piece, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno == ECONNRESET))
            return !text;
        if (n > 0)
            buf_add(out, piece, (size_t)n);
        if (text && out->len && memmem(out->data, out->len, text, strlen(text)))
            return true;
    }
    fail_msg("nothing comes after: %s", out->len ? out->data : "");
    return false;
}

static void assert_hears(struct fixture *f, int fd, const char *text)
{
    struct buf out;
    buf_init(&out, 64 << 20);
    if (!hears(f, fd, text, &out))
        fail_msg("not \"%s\" but: %s", text ? text : "the end", out.len ? out.data : "");
    buf_release(&out);
}

static bool is_silent(struct fixture *f, int fd)
{
    char c;
    run_for(f, 100);
    return recv(fd, &c, 1, MSG_DONTWAIT | MSG_PEEK) < 0 && errno == EAGAIN;
}

#define GET  "GET /get HTTP/1.1\r\nHost: x\r\n\r\n"
#define POST "POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n"

static void test_one_end_for_each(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, &http_server_options_default);
    const int fd = client_that_says(&f, GET);
    assert_hears(&f, fd, "late");
    assert_log(&f, "head:/get request:0 end ");
    say(fd, POST "abc" GET GET);
    assert_log(&f, "head:/post request:3 end head:/get request:0 end head:/get request:0 end ");
    say(fd, "nonsense\r\n");
    assert_hears(&f, fd, NULL);
    assert_log(&f, "broken:bad_request end ");
    close(fd);
    end(&f);
}

static void test_answer_at_the_head(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, &http_server_options_default);
    f.behaviour = ANSWER_AT_HEAD;
    const int fd = client_that_says(&f, GET GET POST "abc" GET);
    struct buf out;
    buf_init(&out, 1 << 20);
    assert_true(hears(&f, fd, NULL, &out)); /* the one with a body was the last */
    assert_non_null(strstr(out.data, "connection: close\r\n"));
    assert_log(&f, "head:/get end head:/get end head:/post end ");
    buf_release(&out);
    close(fd);
    end(&f);
}

static void test_answer_later(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, &http_server_options_default);
    f.behaviour = HOLD;
    const int fd = client_that_says(&f, GET GET);
    assert_log(&f, "head:/get request:0 "); /* the next waits for its turn */
    answer(f.held, "first");
    assert_string_equal(f.log.data, ""); /* no callback comes from inside a call */
    assert_hears(&f, fd, "first");
    wait_for(&f, "end head:/get request:0 ");
    answer(f.held, "second");
    assert_hears(&f, fd, "second");
    close(fd);
    end(&f);
}

static void test_client_leaves(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, &http_server_options_default);
    f.behaviour = HOLD;
    int fd = client_that_says(&f, GET);
    run_for(&f, 150);
    close(fd);
    assert_log(&f, "head:/get request:0 end:client_closed ");
    fd = client_that_says(&f, POST "a");
    close(fd);
    assert_log(&f, "head:/post end:client_closed ");
    fd = client_that_says(&f, "GET /ge");
    close(fd);
    f.behaviour = STREAM_AND_HOLD;
    fd = client_that_says(&f, GET);
    assert_hears(&f, fd, "begun");
    run_for(&f, 150);
    const struct linger reset = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(fd);
    assert_log(&f, "head:/get request:0 end:client_closed ");
    run_for(&f, 20);
    assert_int_equal(http_server_connections(f.server), 0);
    end(&f);
}

static void test_half_close(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, &http_server_options_default);
    f.behaviour = HOLD;
    const int fd = client(&f, 0);
    say(fd, GET GET);
    shutdown(fd, SHUT_WR);
    for (int i = 0; i < 2; i++) {
        wait_for(&f, i ? "end head:/get request:0 " : "head:/get request:0 ");
        run_for(&f, 200);
        answer(f.held, i ? "two" : "one");
        assert_hears(&f, fd, i ? "two" : "one");
    }
    assert_hears(&f, fd, NULL);
    assert_log(&f, "head:/get request:0 end head:/get request:0 end ");
    close(fd);
    end(&f);
}

static void test_bodies_together_are_bounded(void **state)
{
    (void)state;
    struct fixture f;
    struct http_server_options options = http_server_options_default;
    options.buffered_max = 5;
    begin(&f, &options);
    f.behaviour = HOLD;
    const int first = client_that_says(&f, POST "abc");
    assert_log(&f, "head:/post request:3 ");
    struct buf taken = f.held->body; /* it counts until the exchange is over, wherever it is */
    buf_init(&f.held->body, 0);
    const int second = client_that_says(&f, POST "abc");
    assert_hears(&f, second, "memory_full");
    assert_log(&f, "head:/post broken:memory_full end ");
    answer(f.held, "done");
    assert_hears(&f, first, "done");
    assert_log(&f, "end ");
    buf_release(&taken);
    f.behaviour = ANSWER;
    for (int i = 0; i < 10; i++) {
        say(first, POST "abc");
        assert_log(&f, "head:/post request:3 end ");
    }
    close(first);
    close(second);
    end(&f);
}

static void test_connections_are_bounded(void **state)
{
    (void)state;
    struct fixture f;
    struct http_server_options options = http_server_options_default;
    options.connections_max = 2;
    begin(&f, &options);
    int fds[5];
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        fds[i] = client_that_says(&f, GET);
    assert_int_equal(http_server_connections(f.server), 2);
    assert_hears(&f, fds[0], "late");
    assert_hears(&f, fds[1], "late");
    for (size_t i = 2; i < ARRAY_LEN(fds); i++) {
        assert_true(is_silent(&f, fds[i]));
        close(fds[i - 2]);
        assert_hears(&f, fds[i], "late");
        assert_int_equal(http_server_connections(f.server), 2);
    }
    close(fds[3]);
    close(fds[4]);
    end(&f);
}

/* Connections in every state. */
static void make_busy(struct fixture *f, int fds[7])
{
    fds[0] = client_that_says(f, "");
    fds[1] = client_that_says(f, "GET /half HTTP/1.1\r\nHo");
    fds[2] = client_that_says(f, POST "a");
    f->behaviour = HOLD;
    fds[3] = client_that_says(f, GET GET GET);
    f->behaviour = STREAM_AND_HOLD;
    fds[4] = client_that_says(f, GET);
    fds[5] = client(f, 4096);
    f->behaviour = HOLD;
    say(fds[5], GET);
    buf_clear(&f->log);
    wait_for(f, "request:0 ");
    static char large[16 << 20];
    http_respond(f->held, 200, NULL, 0, (struct str){large, sizeof large});
    fds[6] = client_that_says(f, "nonsense\r\n");
    assert_hears(f, fds[6], "bad_request");
    run_for(f, 50);
    buf_clear(&f->log);
}

static void test_destroy_while_busy(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, &http_server_options_default);
    int fds[7];
    make_busy(&f, fds);
    assert_int_equal(http_server_connections(f.server), 7);
    http_server_destroy(f.server);
    f.server = NULL;
    assert_int_equal(f.open, 0);
    assert_string_equal(f.log.data, "end:client_closed end:client_closed end:client_closed "
                                    "end:client_closed ");
    uv_run(&f.loop, UV_RUN_DEFAULT);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        close(fds[i]);
    end(&f);
}

static void test_drain(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, &http_server_options_default);
    const int idle = client_that_says(&f, GET);
    assert_hears(&f, idle, "late");
    f.behaviour = HOLD;
    const int busy = client_that_says(&f, GET GET);
    http_server_drain(f.server);
    http_server_drain(f.server);
    assert_hears(&f, idle, NULL);
    buf_clear(&f.log);
    answer(f.held, "last");
    struct buf out;
    buf_init(&out, 1 << 20);
    assert_true(hears(&f, busy, NULL, &out));
    assert_non_null(strstr(out.data, "connection: close\r\n"));
    assert_non_null(strstr(out.data, "last"));
    assert_string_equal(f.log.data, "end "); /* the second request is not begun */
    buf_release(&out);
    close(idle);
    close(busy);
    end(&f);
}

static void test_reader_that_lets_a_stream_pile_up(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, &http_server_options_default);
    f.behaviour = STREAM_AND_HOLD;
    const int fd = client(&f, 4096);
    say(fd, GET);
    wait_for(&f, "request:0 ");
    static char piece[64 << 10];
    for (int i = 0; i < 2000 && f.held; i++) {
        http_stream_write(f.held, (struct str){piece, sizeof piece});
        turn(&f);
    }
    assert_log(&f, "head:/get request:0 end:slow_reader ");
    close(fd);
    end(&f);
}

/* Streams whose readers are slow share the sum with bodies: who adds to it then is cut. */
static void test_what_waits_together_is_bounded(void **state)
{
    (void)state;
    struct fixture f;
    struct http_server_options options = http_server_options_default;
    options.buffered_max = 200 << 10;
    begin(&f, &options);
    f.behaviour = STREAM_AND_HOLD;
    const int fd = client(&f, 4096);
    say(fd, GET);
    wait_for(&f, "request:0 ");
    static char piece[16 << 10];
    int pieces = 0;
    while (pieces < 2000 && f.held) {
        http_stream_write(f.held, (struct str){piece, sizeof piece});
        pieces++;
        turn(&f);
        assert_true(f.server->waiting_bytes <= options.buffered_max + 2 * sizeof piece);
    }
    assert_log(&f, "head:/get request:0 end:slow_reader ");
    assert_int_equal(f.server->waiting_bytes, 0);
    const int other = client_that_says(&f, POST "abc");
    assert_log(&f, "head:/post request:3 ");
    assert_int_equal(f.server->body_bytes, 3);
    http_stream_end(f.held);
    assert_log(&f, "end ");
    assert_int_equal(f.server->body_bytes + f.server->waiting_bytes, 0);
    close(fd);
    close(other);
    end(&f);
}

static void test_reader_that_stops(void **state)
{
    (void)state;
    struct fixture f;
    struct http_server_options options = http_server_options_default;
    options.write_timeout_ms = 200;
    begin(&f, &options);
    f.behaviour = HOLD;
    const int slow = client(&f, 4096), steady = client(&f, 4096);
    static char large[16 << 20];
    say(slow, GET);
    wait_for(&f, "request:0 ");
    http_respond(f.held, 200, NULL, 0, (struct str){large, sizeof large});
    assert_log(&f, "head:/get request:0 end:slow_reader ");
    /* One that takes some, again and again, is waited for. */
    say(steady, GET);
    wait_for(&f, "request:0 ");
    http_respond(f.held, 200, NULL, 0, (struct str){large, sizeof large});
    for (int i = 0; i < 12; i++) {
        char some[1 << 20];
        run_for(&f, 50);
        for (int k = 0; k < 20; k++) {
            (void)!recv(steady, some, sizeof some, MSG_DONTWAIT);
            turn(&f);
        }
    }
    assert_null(strstr(f.log.data, "end"));
    close(slow);
    close(steady);
    end(&f);
}

/* A failed buffer stands for memory that is used up. */
static void test_no_memory_for_an_answer(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, &http_server_options_default);
    for (int streamed = 0; streamed < 2; streamed++) {
        f.behaviour = streamed ? STREAM_AND_HOLD : HOLD;
        const int fd = client_that_says(&f, GET GET);
        wait_for(&f, "request:0 ");
        if (streamed)
            assert_hears(&f, fd, "begun");
        struct connection *c = f.server->connections;
        c->out.failed = true;
        if (streamed)
            http_stream_write(f.held, STR("more"));
        else
            answer(f.held, "lost");
        struct buf out;
        buf_init(&out, 1 << 20);
        assert_true(hears(&f, fd, NULL, &out));
        if (streamed)
            assert_int_equal(out.len, 0); /* not even the last chunk */
        else
            assert_string_equal(out.data, "HTTP/1.1 503 No\r\ncontent-length: 4\r\n\r\nnone");
        assert_log(&f, "head:/get request:0 end:memory_full ");
        buf_release(&out);
        close(fd);
    }
    end(&f);
}

/* The client must not take an aborted stream for a whole one. */
static void test_abort(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, &http_server_options_default);
    f.behaviour = STREAM_AND_HOLD;
    const int fd = client_that_says(&f, GET);
    assert_hears(&f, fd, "begun");
    struct http_exchange *x = f.held;
    http_stream_abort(x);
    http_stream_write(x, STR("more"));
    http_stream_end(x);
    struct buf out;
    buf_init(&out, 1 << 20);
    assert_true(hears(&f, fd, NULL, &out));
    assert_int_equal(out.len, 0);
    assert_log(&f, "head:/get request:0 end ");
    buf_release(&out);
    close(fd);
    end(&f);
}

/* To an HTTP/1.0 client the end of the connection is the end of the answer, unless it is a reset.
 */
static void test_abort_of_http_1_0(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, &http_server_options_default);
    f.behaviour = STREAM_AND_HOLD;
    for (int whole = 0; whole < 2; whole++) {
        const int fd = client_that_says(&f, "GET /get HTTP/1.0\r\n\r\n");
        assert_hears(&f, fd, "begun");
        if (whole)
            http_stream_end(f.held);
        else
            http_stream_abort(f.held);
        char c;
        ssize_t n;
        do
            turn(&f);
        while ((n = recv(fd, &c, 1, MSG_DONTWAIT)) < 0 && errno == EAGAIN);
        assert_int_equal(n, whole ? 0 : -1);
        if (!whole)
            assert_int_equal(errno, ECONNRESET);
        assert_log(&f, "head:/get request:0 end ");
        close(fd);
    }
    end(&f);
}

/* The end of a client that sent more than is kept of later requests waits behind them. */
static void test_client_leaves_behind_its_requests(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, &http_server_options_default);
    f.behaviour = HOLD;
    for (int early = 0; early < 2; early++) {
        const int fd = client(&f, 0);
        say(fd, GET);
        wait_for(&f, "request:0 ");
        static char more[80 << 10];
        memset(more, 'x', sizeof more);
        for (size_t sent = 0; sent < sizeof more; turn(&f)) {
            const ssize_t n = send(fd, more + sent, sizeof more - sent, MSG_DONTWAIT);
            sent += n > 0 ? (size_t)n : 0;
        }
        run_for(&f, early ? 0 : 400);
        shutdown(fd, SHUT_WR);
        if (early) {
            run_for(&f, 400);
            answer(f.held, "wanted");
            assert_hears(&f, fd, "wanted");
            assert_log(&f, "head:/get request:0 end broken:uri_too_long end ");
        } else {
            assert_log(&f, "head:/get request:0 end:client_closed ");
        }
        close(fd);
    }
    end(&f);
}

static void test_slow_heads_and_bodies(void **state)
{
    (void)state;
    struct fixture f;
    struct http_server_options options = http_server_options_default;
    options.header_timeout_ms = 100;
    options.idle_timeout_ms = 300;
    begin(&f, &options);
    const int idle = client_that_says(&f, "");
    const int head = client_that_says(&f, "GET /x HTTP/1.1\r\n");
    const int body = client_that_says(&f, POST "a");
    assert_hears(&f, head, "request_timeout");
    assert_hears(&f, head, NULL);
    assert_hears(&f, idle, NULL);
    assert_hears(&f, body, "request_timeout"); /* after the first window of five seconds */
    wait_for(&f, "head:/post broken:request_timeout end broken:request_timeout end ");
    close(idle);
    close(head);
    close(body);
    end(&f);
}

static void test_continue(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, &http_server_options_default);
    const int fd = client_that_says(&f, "POST /c HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                                        "Content-Length: 3\r\n\r\n");
    assert_hears(&f, fd, "HTTP/1.1 100 Continue\r\n\r\n");
    say(fd, "abc");
    assert_hears(&f, fd, "late");
    f.behaviour = ANSWER_AT_HEAD;
    say(fd, "POST /c HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    struct buf out;
    buf_init(&out, 1 << 20);
    assert_true(hears(&f, fd, NULL, &out));
    assert_null(strstr(out.data, " 100 "));
    buf_release(&out);
    close(fd);
    end(&f);
}

static void test_addresses(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",         ":80",    "localhost",   "127.0.0.1:",   "127.0.0.1:x",    "127.0.0.1:65536",
        "::1:80",   "[::1]",  "[::1]80",     "[]:80",        "[127.0.0.1",     "unix:",
        "unix:rel", "a b:80", "1.2.3.4.5:1", "127.0.0.1:-1", "[localhost]:80", "127.0.0.1:000080",
    };
    struct fixture f;
    begin(&f, &http_server_options_default);
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct reason why;
        if (http_server_listen(f.server, wrong[i], false, &why) == STATUS_OK)
            fail_msg("listens at %s", wrong[i]);
        if (strcmp(why.code, "listen_address_invalid") != 0)
            fail_msg("%s: %s", wrong[i], why.code);
    }
    char address[64], taken[64];
    snprintf(taken, sizeof taken, "127.0.0.1:%d", f.port);
    struct reason why;
    assert_int_not_equal(http_server_listen(f.server, taken, false, &why), STATUS_OK);
    assert_string_equal(why.code, "address_in_use");
    assert_int_not_equal(http_server_listen(f.server, "unix:/nonexistent/s", false, &why),
                         STATUS_OK);
    assert_string_equal(why.code, "listen_failed");
    assert_false(http_server_address(f.server, 1, address, sizeof address));
    end(&f);
}

static void test_unix_socket(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, &http_server_options_default);
    char place[64], address[64];
    snprintf(place, sizeof place, "unix:/tmp/qvl-server-test-%d", (int)getpid());
    assert_int_equal(http_server_listen(f.server, place, false, NULL), STATUS_OK);
    assert_true(http_server_address(f.server, 1, address, sizeof address));
    assert_string_equal(address, place);
    struct reason why;
    assert_int_not_equal(http_server_listen(f.server, place, false, &why), STATUS_OK);
    assert_string_equal(why.code, "address_in_use");
    assert_int_equal(access(place + 5, F_OK), 0);
    end(&f);
    assert_int_not_equal(access(place + 5, F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_end_for_each),
        cmocka_unit_test(test_answer_at_the_head),
        cmocka_unit_test(test_answer_later),
        cmocka_unit_test(test_client_leaves),
        cmocka_unit_test(test_half_close),
        cmocka_unit_test(test_bodies_together_are_bounded),
        cmocka_unit_test(test_connections_are_bounded),
        cmocka_unit_test(test_destroy_while_busy),
        cmocka_unit_test(test_drain),
        cmocka_unit_test(test_reader_that_lets_a_stream_pile_up),
        cmocka_unit_test(test_what_waits_together_is_bounded),
        cmocka_unit_test(test_reader_that_stops),
        cmocka_unit_test(test_no_memory_for_an_answer),
        cmocka_unit_test(test_abort),
        cmocka_unit_test(test_abort_of_http_1_0),
        cmocka_unit_test(test_client_leaves_behind_its_requests),
        cmocka_unit_test(test_slow_heads_and_bodies),
        cmocka_unit_test(test_continue),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_unix_socket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
