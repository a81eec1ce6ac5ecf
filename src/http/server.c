#include "http/connection.h"

#include <signal.h>
#include <stdlib.h>

const struct http_server_options http_server_options_default = {
    .header_timeout_ms = 10000,
    .idle_timeout_ms = 75000,
    .write_timeout_ms = 30000,
    .body_min_rate = 1024,
    .buffered_max = (uint64_t)512 << 20,
    .connections_max = 4096,
};

static void on_tick(uv_timer_t *timer)
{
    struct http_server *server = timer->data;
    server->now_ns = (int64_t)uv_hrtime();
    for (struct connection *c = server->connections, *next; c; c = next) {
        next = c->next;
        connection_tick(c, server->now_ns);
    }
    if (server->accept_paused)
        listeners_resume(server);
}

/* Before the loop waits: all that this turn's callbacks had to say goes out, and what comes of
 * that. */
static void on_prepare(uv_prepare_t *prepare)
{
    struct http_server *server = prepare->data;
    if (server->dirty)
        server->now_ns = (int64_t)uv_hrtime();
    while (server->dirty) {
        struct connection *c = server->dirty;
        server->dirty = c->next_dirty;
        c->dirty = false;
        connection_flush(c);
    }
}

void connection_mark_dirty(struct connection *c)
{
    if (c->dirty)
        return;
    c->dirty = true;
    c->next_dirty = c->server->dirty;
    c->server->dirty = c;
}

static void forget_dirty(struct connection *c)
{
    struct connection **at = &c->server->dirty;
    while (c->dirty && *at != c)
        at = &(*at)->next_dirty;
    if (c->dirty)
        *at = c->next_dirty;
}

static void free_if_over(struct http_server *server)
{
    if (!server->destroying || server->open_handles > 0 || server->connection_count > 0)
        return;
    tls_release(server->tls);
    free(server);
}

bool server_has_room(const struct http_server *server, uint64_t bytes)
{
    return server->body_bytes + server->waiting_bytes + bytes <= server->options.buffered_max;
}

void server_forget_connection(struct connection *c)
{
    struct http_server *server = c->server;
    forget_dirty(c);
    if (c->counted)
        address_counts_remove(&server->counts, &c->address);
    if (c->prev)
        c->prev->next = c->next;
    else
        server->connections = c->next;
    if (c->next)
        c->next->prev = c->prev;
    server->connection_count--;
    if (server->accept_paused && !server->draining)
        listeners_resume(server);
    free_if_over(server);
}

void server_handle_closed(struct http_server *server)
{
    server->open_handles--;
    free_if_over(server);
}

static void on_close(uv_handle_t *handle)
{
    server_handle_closed(handle->data);
}

enum status http_server_create(uv_loop_t *loop, const struct http_server_options *options,
                               struct http_handler handler, struct http_server **out,
                               struct reason *why)
{
    struct http_server *server = calloc(1, sizeof *server);
    if (!server)
        return reason_no_memory(why, sizeof *server);
    signal(SIGPIPE, SIG_IGN); /* writes to a client that left fail instead */
    server->loop = loop;
    server->options = *options;
    if (server->options.limits.head == 0)
        server->options.limits = http_limits_default;
    server->handler = handler;
    address_counts_init(&server->counts);
    uv_timer_init(loop, &server->tick); /* neither can fail */
    uv_prepare_init(loop, &server->prepare);
    server->tick.data = server->prepare.data = server;
    server->open_handles = 2;
    uv_timer_start(&server->tick, on_tick, TICK_MS, TICK_MS);
    uv_prepare_start(&server->prepare, on_prepare);
    *out = server;
    return STATUS_OK;
}

void http_server_set_options(struct http_server *server, const struct http_server_options *options)
{
    server->options = *options;
}

void http_server_set_tls(struct http_server *server, struct tls *tls)
{
    if (tls)
        tls_hold(tls);
    tls_release(server->tls);
    server->tls = tls;
}

uint32_t http_server_connections(const struct http_server *server)
{
    return server->connection_count;
}

void http_server_drain(struct http_server *server)
{
    if (server->draining)
        return;
    server->draining = true;
    listeners_close(server);
    for (struct connection *c = server->connections, *next; c; c = next) {
        next = c->next;
        if (c->state == CONNECTION_IDLE || c->state == CONNECTION_OPENING)
            connection_close(c, NULL);
    }
}

void http_server_destroy(struct http_server *server)
{
    if (!server)
        return;
    http_server_drain(server);
    server->destroying = true;
    for (struct connection *c = server->connections; c; c = c->next)
        connection_client_left(c);
    uv_close((uv_handle_t *)&server->tick, on_close);
    uv_close((uv_handle_t *)&server->prepare, on_close);
}
