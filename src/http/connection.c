#include "http/connection.h"

#include "http/head.h"

#include <poll.h>
#include <stdlib.h>

void connection_set_state(struct connection *c, enum connection_state state)
{
    c->state = state;
    c->state_ns = c->server->now_ns;
}

static void release(struct connection *c)
{
    http_parser_release(&c->parser);
    buf_release(&c->exchange.body);
    buf_release(&c->pipelined);
    buf_release(&c->out);
    buf_release(&c->flying);
    buf_release(&c->wire);
    tls_session_destroy(c->tls);
    free(c->proxy);
    free(c);
}

static void on_close(uv_handle_t *handle)
{
    struct connection *c = handle->data;
    server_forget_connection(c);
    release(c);
}

void connection_recount(struct connection *c)
{
    const uint64_t now =
        c->state == CONNECTION_CLOSED ? 0 : c->out.len + c->flying.len + c->pipelined.len;
    c->server->waiting_bytes += now - c->waiting_bytes;
    c->waiting_bytes = now;
}

/* The last callback of an exchange. */
static void end_exchange(struct connection *c, const struct reason *cut)
{
    struct http_server *server = c->server;
    if (c->open)
        server->handler.on_end(server->handler.arg, &c->exchange, cut);
    c->open = false;
    server->body_bytes -= c->body_bytes;
    c->body_bytes = 0;
    buf_release(&c->exchange.body);
}

/* An HTTP/1.0 client takes the connection's end for the stream's: only a reset tells it that there
 * would have been more. A unix socket has none. */
static void close_handle(struct connection *c)
{
    const bool reset = c->endless && c->uv.handle.type == UV_TCP;
    if (!reset || uv_tcp_close_reset(&c->uv.tcp, on_close) != 0)
        uv_close(&c->uv.handle, on_close);
}

void connection_close(struct connection *c, const struct reason *cut)
{
    if (c->state == CONNECTION_CLOSED)
        return;
    if (c->state == CONNECTION_IDLE && !cut)
        connection_end_tls(c);
    connection_set_state(c, CONNECTION_CLOSED);
    connection_recount(c);
    end_exchange(c, cut);
    close_handle(c);
}

void connection_client_left(struct connection *c)
{
    struct reason why;
    reason_set(&why, "client_closed", "The client closed the connection before the answer ended.",
               "客户端在应答结束前关闭了连接。");
    connection_close(c, &why);
}

/* The exchange begins with the first byte of a request. */
static void begin_exchange(struct connection *c)
{
    c->exchange = (struct http_exchange){
        .peer = c->peer,
        .client = c->client,
        .peer_port = c->exchange.peer_port,
        .begun_ns = c->server->now_ns,
    };
    c->parser.limits = c->server->options.limits;
    buf_init(&c->exchange.body, (size_t)c->server->options.limits.body + 1);
    c->chunked = c->keep_alive = false;
    connection_set_state(c, CONNECTION_HEAD);
}

/* What of the language can be told from a head that is not whole, and the input behind it. */
static struct str guess_language(const struct connection *c, struct str input)
{
    if (c->exchange.request)
        return (struct str){0};
    const struct str language = http_head_guess(buf_str(&c->parser.head), "accept-language");
    return language.len > 0 ? language : http_head_guess(input, "accept-language");
}

/* The request will not become whole: the handler says so to the client. */
static void broken(struct connection *c, struct str input, const struct reason *why)
{
    c->exchange.language = guess_language(c, input);
    c->keep_alive = false;
    c->open = true;
    connection_set_state(c, CONNECTION_ANSWER);
    c->server->handler.on_broken(c->server->handler.arg, &c->exchange, why);
}

void connection_refuse(struct connection *c, const struct reason *why)
{
    begin_exchange(c);
    broken(c, (struct str){0}, why);
}

static void take_head(struct connection *c, bool more_input)
{
    const struct http_request *request = &c->parser.request;
    c->exchange.request = request;
    c->keep_alive = request->keep_alive;
    c->open = true;
    connection_set_state(c, CONNECTION_BODY);
    c->window_ns = c->state_ns;
    c->window_bytes = 0;
    c->server->handler.on_head(c->server->handler.arg, &c->exchange);
    if (c->state != CONNECTION_BODY || !request->expects_continue || more_input)
        return;
    if (request->content_length <= c->server->options.limits.body) {
        buf_puts(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
        connection_mark_dirty(c);
    }
}

static void take_body(struct connection *c, struct str piece)
{
    struct http_server *server = c->server;
    struct buf *body = &c->exchange.body;
    if (server_has_room(server, piece.len)) {
        buf_add_str(body, piece);
        if (!body->failed) {
            c->body_bytes += piece.len;
            server->body_bytes += piece.len;
            return;
        }
    }
    struct reason why;
    reason_set(&why, "memory_full",
               "The bodies of all requests together fill the %llu MiB set aside for them.",
               "所有请求体合计已占满预留的 %llu MiB 内存。",
               (unsigned long long)(server->options.buffered_max >> 20));
    reason_hint(&why, "Try again later, or send smaller pictures.",
                "请稍后重试，或发送更小的图片。");
    broken(c, (struct str){0}, &why);
}

static void take_request(struct connection *c)
{
    c->request_end_ns = c->server->now_ns;
    connection_set_state(c, CONNECTION_ANSWER);
    c->server->handler.on_request(c->server->handler.arg, &c->exchange);
}

static bool reading(const struct connection *c)
{
    return c->state == CONNECTION_IDLE || c->state == CONNECTION_HEAD ||
           c->state == CONNECTION_BODY;
}

/* Feeds the parser until the request is complete; what is left belongs to the next one. */
static void parse(struct connection *c, struct str *input)
{
    bool again = true;
    while (reading(c) && again) {
        if (c->state == CONNECTION_IDLE && input->len > 0)
            begin_exchange(c);
        struct str piece;
        struct reason why;
        switch (http_parser_next(&c->parser, input, &piece, &why)) {
        case HTTP_MORE: again = input->len > 0; break;
        case HTTP_HEAD: take_head(c, input->len > 0); break;
        case HTTP_BODY: take_body(c, piece); break;
        case HTTP_END: take_request(c); break;
        case HTTP_ERROR: broken(c, *input, &why); break;
        }
    }
}

/* Input that comes while an answer is made waits for its turn. */
static void keep(struct connection *c, struct str input)
{
    buf_add_str(&c->pipelined, input);
    if (c->pipelined.failed) {
        connection_client_left(c); /* it does not take part in the protocol any more */
        return;
    }
    connection_recount(c);
    if (c->pipelined.len < PIPELINED_MAX && server_has_room(c->server, READ_BYTES))
        return;
    uv_read_stop(&c->uv.stream);
    c->paused = true;
}

void connection_feed(struct connection *c, struct str input)
{
    parse(c, &input);
    const bool answering = c->state == CONNECTION_ANSWER || c->state == CONNECTION_FLUSH;
    if (answering && c->keep_alive && input.len > 0)
        keep(c, input);
}

void connection_end_of_input(struct connection *c)
{
    const int64_t now = c->server->now_ns;
    c->input_ended = true;
    uv_read_stop(&c->uv.stream);
    if (c->state == CONNECTION_OPENING || c->state == CONNECTION_IDLE ||
        c->state == CONNECTION_LINGER) {
        connection_close(c, NULL);
    } else if (reading(c)) {
        connection_client_left(c);
    } else if (c->state == CONNECTION_ANSWER && c->request_end_ns > 0 &&
               now - c->request_end_ns > (int64_t)HALF_CLOSE_MS * 1000000) {
        connection_client_left(c);
    }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)suggested;
    struct connection *c = handle->data;
    *buf = uv_buf_init(c->server->read_buffer, READ_BYTES);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct connection *c = stream->data;
    if (c->state == CONNECTION_CLOSED || n == 0)
        return;
    c->server->now_ns = (int64_t)uv_hrtime();
    if (n == UV_EOF)
        connection_end_of_input(c);
    else if (n < 0)
        connection_client_left(c);
    else if (c->state != CONNECTION_LINGER)
        connection_take(c, (struct str){buf->base, (size_t)n});
}

static void start_reading(struct connection *c)
{
    c->paused = false;
    const int error = uv_read_start(&c->uv.stream, on_alloc, on_read);
    if (error && error != UV_EALREADY)
        connection_client_left(c);
}

/* Closing at once would make the system answer what the client still sends with a reset, and that
 * can destroy our answer before the client read it (RFC 9112, 9.6). */
static void on_shutdown(uv_shutdown_t *request, int error)
{
    struct connection *c = request->handle->data;
    if (error && c->state != CONNECTION_CLOSED)
        connection_close(c, NULL);
}

static void linger(struct connection *c)
{
    connection_set_state(c, CONNECTION_LINGER);
    if (!c->endless)
        connection_end_tls(c);
    if (c->endless || c->input_ended ||
        uv_shutdown(&c->request.shutdown, &c->uv.stream, on_shutdown) != 0)
        connection_close(c, NULL);
    else
        start_reading(c);
}

void connection_cut(struct connection *c, const struct reason *cut)
{
    end_exchange(c, cut);
    linger(c);
}

void connection_answered(struct connection *c)
{
    end_exchange(c, NULL);
    c->request_end_ns = 0;
    if (!c->keep_alive || c->server->draining || (c->input_ended && c->pipelined.len == 0)) {
        linger(c);
        return;
    }
    http_parser_reset(&c->parser);
    connection_set_state(c, CONNECTION_IDLE);
    struct buf kept = c->pipelined;
    buf_init(&c->pipelined, PIPELINED_MAX + READ_BYTES);
    connection_recount(c);
    if (!c->input_ended)
        start_reading(c);
    if (kept.len > 0 && c->state == CONNECTION_IDLE)
        connection_feed(c, buf_str(&kept));
    buf_release(&kept);
    if (c->input_ended && reading(c))
        connection_client_left(c); /* the rest of this request will never come */
}

static void tell_timeout(struct connection *c, const char *en, const char *zh)
{
    struct reason why;
    reason_set(&why, "request_timeout", "%s%.0s", "%.0s%s", en, zh);
    broken(c, (struct str){0}, &why);
}

/* Whether the body came more slowly than the least rate. Every window counts by itself: what came
 * quickly at first does not pay for silence later. */
static bool too_slow(struct connection *c, int64_t now_ns)
{
    const uint64_t ms = (uint64_t)(now_ns - c->window_ns) / 1000000;
    if (ms <= RATE_WINDOW_MS)
        return false;
    const uint64_t bytes = c->body_bytes - c->window_bytes;
    c->window_ns = now_ns;
    c->window_bytes = c->body_bytes;
    return bytes < c->server->options.body_min_rate * ms / 1000;
}

static void check_reader(struct connection *c, int64_t now_ns)
{
    const size_t queued = uv_stream_get_write_queue_size(&c->uv.stream);
    if (queued < c->queued)
        c->progress_ns = now_ns;
    c->queued = queued;
    if ((uint64_t)(now_ns - c->progress_ns) / 1000000 <= c->server->options.write_timeout_ms)
        return;
    struct reason why;
    reason_set(&why, "slow_reader", "The client took no byte of the answer for %llu s.",
               "客户端已有 %llu 秒没有读取应答。",
               (unsigned long long)c->server->options.write_timeout_ms / 1000);
    connection_close(c, &why);
}

/* While reading is paused, the client's end waits behind what was not read. The system knows of it
 * (unless its own buffer is full too; then only the next piece of an answer meets a reset). */
static void look_for_end(struct connection *c, int64_t now_ns)
{
    uv_os_fd_t fd;
    if (uv_fileno(&c->uv.handle, &fd) != 0)
        return;
    struct pollfd poll_fd = {.fd = fd, .events = POLLRDHUP};
    if (poll(&poll_fd, 1, 0) <= 0)
        return;
    const int64_t since_request_ms = (now_ns - c->request_end_ns) / 1000000;
    if (poll_fd.revents & (POLLHUP | POLLERR))
        connection_client_left(c);
    else if (since_request_ms <= HALF_CLOSE_MS + TICK_MS)
        c->end_behind = true; /* a half-close, as in connection_end_of_input */
    else
        connection_client_left(c);
}

void connection_tick(struct connection *c, int64_t now_ns)
{
    const struct http_server_options *o = &c->server->options;
    const uint64_t ms = (uint64_t)(now_ns - c->state_ns) / 1000000;
    if (c->state == CONNECTION_OPENING && ms > o->header_timeout_ms)
        connection_close(c, NULL);
    else if (c->state == CONNECTION_IDLE && ms > o->idle_timeout_ms)
        connection_close(c, NULL);
    else if (c->state == CONNECTION_HEAD && ms > o->header_timeout_ms)
        tell_timeout(c, "The head of the request did not become complete in time.",
                     "请求头部未在规定时间内发送完毕。");
    else if (c->state == CONNECTION_BODY && too_slow(c, now_ns))
        tell_timeout(c, "The body of the request came too slowly.", "请求体发送过慢。");
    else if (c->state == CONNECTION_LINGER && ms > LINGER_MS)
        connection_close(c, NULL);
    else if (c->writing)
        check_reader(c, now_ns);
    else if (c->paused && c->state == CONNECTION_ANSWER && !c->end_behind)
        look_for_end(c, now_ns);
}

bool connection_accept(struct http_server *server, uv_stream_t *listener, bool secure)
{
    struct connection *c = calloc(1, sizeof *c);
    if (!c)
        return false;
    c->server = server;
    server->now_ns = (int64_t)uv_hrtime();
    const int error = listener->type == UV_TCP ? uv_tcp_init(server->loop, &c->uv.tcp)
                                               : uv_pipe_init(server->loop, &c->uv.pipe, 0);
    if (error) {
        free(c);
        return false;
    }
    c->uv.handle.data = c;
    http_parser_init(&c->parser, &server->options.limits);
    buf_init(&c->pipelined, PIPELINED_MAX + READ_BYTES);
    buf_init(&c->out, SIZE_MAX / 2);
    buf_init(&c->flying, SIZE_MAX / 2);
    buf_init(&c->wire, SIZE_MAX / 2);
    c->next = server->connections;
    if (c->next)
        c->next->prev = c;
    server->connections = c;
    server->connection_count++;
    connection_set_state(c, CONNECTION_IDLE);
    if (uv_accept(listener, &c->uv.stream) != 0 || !connection_open(c, secure))
        connection_close(c, NULL);
    else if (c->state != CONNECTION_CLOSED)
        start_reading(c);
    return true;
}
