/* The way out of a connection: heads, pieces, and sending. */
#include "http/connection.h"

#include <stdlib.h>
#include <time.h>

enum { KEPT_BUFFER_BYTES = 64 << 10, NO_MEMORY_BYTES = 2048 };

const char *http_status_text(int status)
{
    static const struct {
        int status;
        const char *text;
    } rows[] = {
        {200, "OK"},
        {204, "No Content"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].status == status)
            return rows[i].text;
    return "Unknown";
}

static struct connection *connection_of(struct http_exchange *x)
{
    return (struct connection *)((char *)x - offsetof(struct connection, exchange));
}

static bool is_head(const struct http_exchange *x)
{
    return x->request && str_is(x->request->method, "HEAD");
}

static bool is_http_1_0(const struct http_exchange *x)
{
    return x->request && x->request->version == HTTP_1_0;
}

/* An answer that comes before the body was read is the last of its connection. */
static void settle_keep_alive(struct connection *c)
{
    const struct http_request *request = c->exchange.request;
    const bool whole = c->state == CONNECTION_ANSWER ||
                       (request && request->content_length == 0 && !request->chunked);
    if (!whole || c->server->draining)
        c->keep_alive = false;
}

/* The header's text is made once a second. */
static void write_date(struct http_server *server, struct buf *out)
{
    const time_t now = time(NULL);
    struct tm tm;
    if (now != server->date_s) {
        server->date_s = now;
        gmtime_r(&now, &tm);
        if (strftime(server->date, sizeof server->date, "date: %a, %d %b %Y %H:%M:%S GMT\r\n",
                     &tm) == 0)
            server->date[0] = '\0';
    }
    buf_puts(out, server->date);
}

static void write_uint(struct buf *out, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    buf_add(out, digits + at, sizeof digits - at);
}

static void write_field(struct buf *out, struct http_field field)
{
    buf_puts(out, field.name);
    buf_add(out, ": ", 2);
    buf_add_str(out, field.value);
    buf_add(out, "\r\n", 2);
}

static void write_head(struct connection *c, int status, const struct http_field *fields,
                       size_t field_count)
{
    struct buf *out = &c->out;
    settle_keep_alive(c);
    c->exchange.status = status;
    buf_puts(out, "HTTP/1.1 ");
    write_uint(out, (uint64_t)status);
    buf_putc(out, ' ');
    buf_puts(out, http_status_text(status));
    buf_puts(out, "\r\n");
    for (size_t i = 0; i < field_count; i++)
        write_field(out, fields[i]);
    for (size_t i = 0; i < c->exchange.more_count; i++)
        write_field(out, c->exchange.more[i]);
    write_date(c->server, out);
    if (!c->keep_alive)
        buf_puts(out, "connection: close\r\n");
    else if (is_http_1_0(&c->exchange))
        buf_puts(out, "connection: keep-alive\r\n");
}

static void finish(struct connection *c)
{
    connection_set_state(c, CONNECTION_FLUSH);
    connection_mark_dirty(c);
}

void http_respond(struct http_exchange *x, int status, const struct http_field *fields,
                  size_t field_count, struct str body)
{
    struct connection *c = connection_of(x);
    write_head(c, status, fields, field_count);
    if (status != 204) {
        buf_puts(&c->out, "content-length: ");
        write_uint(&c->out, body.len);
        buf_puts(&c->out, "\r\n");
    }
    buf_puts(&c->out, "\r\n");
    if (!is_head(x) && status != 204)
        buf_add_str(&c->out, body);
    finish(c);
}

void http_stream_begin(struct http_exchange *x, int status, const struct http_field *fields,
                       size_t field_count)
{
    struct connection *c = connection_of(x);
    c->chunked = !is_http_1_0(x);
    if (!c->chunked)
        c->keep_alive = false;
    write_head(c, status, fields, field_count);
    buf_puts(&c->out, c->chunked ? "transfer-encoding: chunked\r\n\r\n" : "\r\n");
    c->endless = !c->chunked && !is_head(x);
    connection_mark_dirty(c);
}

void http_stream_write(struct http_exchange *x, struct str bytes)
{
    struct connection *c = connection_of(x);
    if (bytes.len == 0 || c->too_slow || is_head(x) || c->state == CONNECTION_FLUSH)
        return;
    if (c->chunked)
        buf_printf(&c->out, "%zx\r\n", bytes.len);
    buf_add_str(&c->out, bytes);
    if (c->chunked)
        buf_puts(&c->out, "\r\n");
    connection_recount(c);
    c->too_slow =
        c->out.len + c->flying.len > UNSENT_MAX || (c->writing && !server_has_room(c->server, 0));
    connection_mark_dirty(c);
}

void http_stream_end(struct http_exchange *x)
{
    struct connection *c = connection_of(x);
    if (c->state == CONNECTION_FLUSH)
        return; /* it was aborted */
    if (c->chunked && !is_head(x))
        buf_puts(&c->out, "0\r\n\r\n");
    c->endless = false;
    finish(c);
}

void http_stream_abort(struct http_exchange *x)
{
    struct connection *c = connection_of(x);
    c->keep_alive = false;
    finish(c);
}

static void cut_slow_reader(struct connection *c)
{
    struct reason why;
    const uint64_t unread = c->out.len + c->flying.len;
    reason_set(&why, "slow_reader", "The client left %llu KiB of the stream unread.",
               "客户端有 %llu KiB 的流数据没有读取。", (unsigned long long)unread >> 10);
    connection_close(c, &why);
}

/* `bytes` are out. Small buffers stay for the next answer, but not with a stream, which may have
 * nothing to say for long. */
static void note_sent(struct connection *c, struct buf *buf, size_t bytes)
{
    c->exchange.sent_bytes += bytes;
    if (bytes < buf->len)
        buf_consume(buf, bytes);
    else if (buf->cap > KEPT_BUFFER_BYTES || c->state == CONNECTION_ANSWER)
        buf_release(buf);
    else
        buf_clear(buf);
}

static void on_write(uv_write_t *request, int error)
{
    struct connection *c = request->handle->data;
    c->server->now_ns = (int64_t)uv_hrtime();
    c->writing = false;
    note_sent(c, &c->flying, c->flying.len);
    connection_recount(c);
    if (c->state == CONNECTION_CLOSED)
        return;
    if (error)
        connection_client_left(c);
    else
        connection_flush(c);
}

/* What the system does not take at once is sent when it can. */
static int send_rest(struct connection *c, struct buf *ready)
{
    const struct buf empty = c->flying;
    c->flying = *ready;
    *ready = empty;
    const uv_buf_t piece = uv_buf_init(c->flying.data, (unsigned)c->flying.len);
    c->writing = true;
    c->progress_ns = c->server->now_ns;
    c->queued = c->flying.len;
    connection_recount(c);
    return uv_write(&c->request.write, &c->uv.stream, &piece, 1, on_write);
}

/* Nearly every answer is taken at once; uv_write would ask for another turn of the loop, and
 * change what epoll waits for. */
static void send_ready(struct connection *c, struct buf *ready)
{
    const uv_buf_t piece = uv_buf_init(ready->data, (unsigned)ready->len);
    const int sent = uv_try_write(&c->uv.stream, &piece, 1);
    if (sent > 0)
        note_sent(c, ready, (size_t)sent);
    const bool refused = sent < 0 && sent != UV_EAGAIN;
    if (refused || (ready->len > 0 && send_rest(c, ready) != 0)) {
        c->writing = false;
        connection_client_left(c);
    }
}

/* All of it, or nothing: without a place to keep the rest. */
static bool send_at_once(struct connection *c, struct str bytes)
{
    if (c->tls) {
        if (!tls_session_write(c->tls, bytes))
            return false;
        tls_session_drain(c->tls, &c->wire);
        bytes = buf_str(&c->wire);
    }
    const uv_buf_t piece = uv_buf_init((char *)(uintptr_t)bytes.ptr, (unsigned)bytes.len);
    const bool sent = !c->wire.failed && uv_try_write(&c->uv.stream, &piece, 1) == (int)bytes.len;
    buf_release(&c->wire);
    return sent;
}

/* What is left to say fits on the stack. After the first byte only the end can tell the client. */
static void answer_without_memory(struct connection *c)
{
    const struct http_handler *handler = &c->server->handler;
    struct reason why;
    (void)reason_no_memory(&why, c->out.len);
    if (c->exchange.sent_bytes > 0 || c->writing || !handler->no_memory) {
        connection_close(c, &why);
        return;
    }
    char text[NO_MEMORY_BYTES];
    const size_t len = handler->no_memory(handler->arg, &c->exchange, text, sizeof text);
    buf_release(&c->out);
    c->keep_alive = c->endless = false;
    if (send_at_once(c, (struct str){text, len}))
        connection_cut(c, &why);
    else
        connection_close(c, &why);
}

static void encrypt_and_send(struct connection *c)
{
    if (!tls_session_write(c->tls, buf_str(&c->out))) {
        connection_client_left(c);
        return;
    }
    if (c->out.cap > KEPT_BUFFER_BYTES)
        buf_release(&c->out);
    buf_clear(&c->out);
    tls_session_drain(c->tls, &c->wire);
    if (c->wire.failed)
        connection_client_left(c);
    else if (c->wire.len > 0)
        send_ready(c, &c->wire);
}

void connection_flush(struct connection *c)
{
    if (c->state == CONNECTION_CLOSED)
        return;
    if (c->too_slow)
        cut_slow_reader(c);
    else if (c->out.failed)
        answer_without_memory(c);
    else if (c->tls && !c->writing)
        encrypt_and_send(c);
    else if (c->out.len > 0 && !c->writing)
        send_ready(c, &c->out);
    if (c->state == CONNECTION_FLUSH && !c->writing)
        connection_answered(c);
}
