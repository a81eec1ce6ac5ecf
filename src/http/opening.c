/* The beginning of a connection: who it is, the line of a proxy, TLS. */
#include "http/connection.h"

#include <netinet/tcp.h>
#include <stdlib.h>

/* The last word of TLS, without which a client cannot tell an end from a cut (RFC 8446, 6.1); if
 * the system has room for it. */
void connection_end_tls(struct connection *c)
{
    if (!c->tls || c->writing)
        return;
    tls_session_end(c->tls);
    tls_session_drain(c->tls, &c->wire);
    const uv_buf_t piece = uv_buf_init(c->wire.data, (unsigned)c->wire.len);
    if (c->wire.len > 0)
        uv_try_write(&c->uv.stream, &piece, 1);
    buf_clear(&c->wire);
}

/* A client that speaks plain HTTP where TLS is spoken is answered so that it can read it. */
static void answer_plainly(struct connection *c)
{
    struct reason why;
    reason_set(&why, "bad_request", "This port speaks TLS, and the client began with plain HTTP.",
               "该端口使用 TLS，而客户端发送了明文 HTTP。");
    reason_hint(&why, "Use https:// instead of http://.", "请把 http:// 改为 https://。");
    tls_session_destroy(c->tls);
    c->tls = NULL;
    buf_clear(&c->wire);
    connection_refuse(c, &why);
}

/* An alert, if there is one, still goes out. */
static void tls_broke(struct connection *c, const struct reason *why)
{
    struct http_server *server = c->server;
    if (c->state != CONNECTION_OPENING) {
        connection_client_left(c);
        return;
    }
    server->handler.on_refused(server->handler.arg, c->peer, why);
    connection_end_tls(c);
    connection_close(c, NULL);
}

static void on_tls_bytes(struct connection *c, struct str bytes)
{
    enum tls_event event = tls_session_take(c->tls, bytes) ? TLS_DATA : TLS_END;
    while (event == TLS_DATA && c->state != CONNECTION_CLOSED && c->state != CONNECTION_LINGER) {
        struct reason why;
        size_t len;
        char *plain = c->server->plain_buffer;
        event = tls_session_read(c->tls, plain, TLS_PLAIN_BYTES, &len, &why);
        if (c->state == CONNECTION_OPENING && tls_session_is_open(c->tls))
            connection_set_state(c, CONNECTION_IDLE);
        tls_session_drain(c->tls, &c->wire);
        if (event == TLS_DATA)
            connection_feed(c, (struct str){plain, len});
        else if (event == TLS_END)
            connection_end_of_input(c);
        else if (event == TLS_PLAIN_HTTP)
            answer_plainly(c);
        else if (event == TLS_FAILED)
            tls_broke(c, &why);
    }
    if ((c->wire.len > 0 || c->wire.failed) && c->state != CONNECTION_CLOSED)
        connection_mark_dirty(c);
}

/* The system would take megabytes of an answer ahead of a slow client, and then nothing for so long
 * that the client would seem to have stopped reading. */
static void keep_unsent_here(const struct connection *c)
{
    uv_os_fd_t fd;
    const int bytes = SYSTEM_UNSENT_BYTES;
    if (uv_fileno(&c->uv.handle, &fd) == 0)
        setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof bytes);
}

static bool is_trusted(const struct http_server *server, const struct address *address)
{
    for (size_t i = 0; i < server->options.trusted_count; i++)
        if (address_range_has(&server->options.trusted[i], address))
            return true;
    return false;
}

/* False: a Unix socket, whose peer has no address. */
static bool read_peer(struct connection *c)
{
    struct sockaddr_storage socket;
    int size = sizeof socket;
    snprintf(c->peer, sizeof c->peer, "unix");
    snprintf(c->client, sizeof c->client, "unix");
    if (c->uv.handle.type != UV_TCP ||
        uv_tcp_getpeername(&c->uv.tcp, (struct sockaddr *)&socket, &size) != 0 ||
        !address_from_socket((const struct sockaddr *)&socket, &c->address))
        return false;
    address_write(&c->address, c->peer);
    address_write(&c->address, c->client);
    const bool v6 = socket.ss_family == AF_INET6;
    c->exchange.peer_port = ntohs(v6 ? ((const struct sockaddr_in6 *)&socket)->sin6_port
                                     : ((const struct sockaddr_in *)&socket)->sin_port);
    uv_tcp_nodelay(&c->uv.tcp, 1);
    keep_unsent_here(c);
    return true;
}

/* Whether the address may have one more; refuses if not. */
static bool count_connection(struct connection *c)
{
    struct http_server *server = c->server;
    const uint32_t limit = server->options.connections_per_address;
    const uint32_t count = address_counts_add(&server->counts, &c->address);
    struct reason why;
    c->counted = count > 0;
    if (limit == 0 || count <= limit)
        return true;
    reason_set(&why, "too_many_connections",
               "%s already has %u connections, the most for one address.",
               "%s 已有 %u 个连接，达到单个地址的上限。", c->peer, limit);
    reason_hint(&why, "Use connections again instead of opening more.", "请复用已有的连接。");
    if (c->tls) {
        server->handler.on_refused(server->handler.arg, c->peer, &why);
        connection_close(c, NULL);
    } else {
        connection_refuse(c, &why);
    }
    return false;
}

/* False: there is no memory. */
static bool begin_tls(struct connection *c)
{
    struct reason why;
    connection_set_state(c, CONNECTION_OPENING);
    return tls_session_create(c->server->tls, &c->tls, &why) == STATUS_OK;
}

static bool begin_proxy(struct connection *c)
{
    connection_set_state(c, CONNECTION_OPENING);
    c->proxy = calloc(1, sizeof *c->proxy);
    return c->proxy;
}

bool connection_open(struct connection *c, bool secure)
{
    const struct http_server *server = c->server;
    c->fresh = true;
    if (secure && !begin_tls(c))
        return false;
    if (!read_peer(c))
        return true;
    if (!is_trusted(server, &c->address))
        return count_connection(c) || true;
    return !server->options.proxy_protocol || begin_proxy(c);
}

/* The first bytes of somebody who is no trusted proxy, and speaks like one. */
static bool refuse_proxy(struct connection *c, struct str bytes)
{
    enum { ENOUGH = 6 };
    c->fresh = false;
    if (bytes.len < ENOUGH || !proxy_line_begins(bytes))
        return false;
    struct reason why;
    reason_set(&why, "bad_request",
               "The connection begins with a line of the PROXY protocol, and %s is not trusted to "
               "send one.",
               "连接以 PROXY 协议行开头，而 %s 不是可信代理。", c->peer);
    reason_hint(&why,
                "Name the proxy in access.trusted_proxies and set access.proxy_protocol: true, or "
                "switch the PROXY protocol off in the proxy.",
                "请在 access.trusted_proxies 中列出该代理并设置 access.proxy_protocol: "
                "true，或在代理中关闭 PROXY 协议。");
    connection_refuse(c, &why);
    return true;
}

/* True when the line is complete. */
static bool take_proxy_line(struct connection *c, struct str *bytes)
{
    struct reason why;
    const enum proxy_event event = proxy_line_next(c->proxy, bytes, &why);
    if (event == PROXY_MORE)
        return false;
    if (event == PROXY_DONE && c->proxy->has_client)
        address_write(&c->proxy->address, c->client);
    free(c->proxy);
    c->proxy = NULL;
    if (event == PROXY_ERROR)
        connection_refuse(c, &why);
    else if (!c->tls)
        connection_set_state(c, CONNECTION_IDLE);
    return event == PROXY_DONE;
}

void connection_take(struct connection *c, struct str bytes)
{
    if (c->proxy ? !take_proxy_line(c, &bytes) : c->fresh && refuse_proxy(c, bytes))
        return;
    c->fresh = false;
    if (bytes.len == 0)
        return;
    if (c->tls)
        on_tls_bytes(c, bytes);
    else
        connection_feed(c, bytes);
}
