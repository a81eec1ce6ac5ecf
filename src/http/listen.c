/* Where the server listens: TCP over IPv4 and IPv6, and unix sockets. */
#include "http/connection.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 511 };

struct listener {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    struct http_server *server;
    struct listener *next;
    bool secure;
    bool waiting; /* a connection waits; libuv tells of no other until it is taken */
    char path[sizeof((struct sockaddr_un *)0)->sun_path];
};

/* Whether so few descriptors are left that a connection could not be taken, or not be served. libuv
 * would close what it cannot take, without a word. */
static bool descriptors_are_scarce(void)
{
    enum { SPARE_MOST = 16 };
    struct rlimit limit;
    const int lowest_free = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
    if (lowest_free < 0)
        return true;
    close(lowest_free);
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return false;
    const rlim_t eighth = limit.rlim_cur / 8, spare = eighth < SPARE_MOST ? eighth : SPARE_MOST;
    return (rlim_t)lowest_free + spare >= limit.rlim_cur;
}

static void tell_no_descriptors(struct http_server *server)
{
    enum { TELL_EVERY_S = 60 };
    struct reason why;
    if (server->refused_ns &&
        server->now_ns - server->refused_ns < TELL_EVERY_S * (int64_t)1000000000)
        return;
    server->refused_ns = server->now_ns;
    reason_set(&why, "no_descriptors",
               "Connections wait: the process has hardly any file descriptors left (%u are "
               "connections).",
               "连接正在等待：进程的文件描述符几乎用尽（其中 %u 个为连接）。",
               server->connection_count);
    server->handler.on_refused(server->handler.arg, "", &why);
}

static void accept_one(struct listener *listener)
{
    struct http_server *server = listener->server;
    const bool scarce = descriptors_are_scarce();
    if (scarce)
        tell_no_descriptors(server);
    listener->waiting = scarce || server->connection_count >= server->options.connections_max ||
                        !connection_accept(server, &listener->uv.stream, listener->secure);
    server->accept_paused = server->accept_paused || listener->waiting;
}

static void on_connection(uv_stream_t *stream, int error)
{
    struct listener *listener = stream->data;
    listener->server->now_ns = (int64_t)uv_hrtime();
    if (error == 0)
        accept_one(listener);
}

void listeners_resume(struct http_server *server)
{
    server->accept_paused = false;
    for (struct listener *l = server->listeners; l; l = l->next)
        if (l->waiting)
            accept_one(l);
}

static void on_close(uv_handle_t *handle)
{
    struct listener *listener = handle->data;
    struct http_server *server = listener->server;
    free(listener);
    server_handle_closed(server);
}

void listeners_close(struct http_server *server)
{
    for (struct listener *l = server->listeners, *next; l; l = next) {
        next = l->next;
        if (l->path[0])
            unlink(l->path);
        uv_close(&l->uv.handle, on_close);
    }
    server->listeners = NULL;
}

static enum status refuse_address(const char *address, struct reason *why)
{
    reason_set(why, "listen_address_invalid",
               "\"%s\" is not an address to listen at: host:port, [IPv6]:port or unix:/path.",
               "“%s”不是可监听的地址；应为 主机:端口、[IPv6]:端口 或 unix:/路径。", address);
    return STATUS_INVALID;
}

static enum status refuse_listen(const char *address, int error, struct reason *why)
{
    if (error == UV_EADDRINUSE) {
        reason_set(why, "address_in_use", "Another program already listens at %s.",
                   "已有其他程序在监听 %s。", address);
        reason_hint(why, "Stop it, or choose another port with --port.",
                    "请停止该程序，或用 --port 换一个端口。");
        return STATUS_IO;
    }
    reason_set(why, "listen_failed", "Cannot listen at %s: %s.", "无法监听 %s：%s。", address,
               uv_strerror(error));
    return STATUS_IO;
}

/* "host:port" or "[v6]:port" → a socket address. Host names are looked up; the first answer is
 * taken. */
static bool resolve(const char *address, struct sockaddr_storage *out)
{
    char host[256], *port = strrchr(address, ':') ? strrchr(address, ':') + 1 : NULL;
    if (!port || !*port || strspn(port, "0123456789") != strlen(port) || strlen(port) > 5 ||
        atoi(port) > 65535)
        return false;
    size_t len = (size_t)(port - 1 - address);
    const bool brackets = len > 2 && address[0] == '[' && address[len - 1] == ']';
    if (brackets)
        len -= 2;
    if (len == 0 || len >= sizeof host || (!brackets && memchr(address, ':', len)))
        return false;
    memcpy(host, address + brackets, len);
    host[len] = '\0';
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | (brackets ? AI_NUMERICHOST : 0)};
    struct addrinfo *found = NULL;
    if (getaddrinfo(host, port, &hints, &found) != 0)
        return false;
    memcpy(out, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return true;
}

/* A socket file that nobody listens at is left over from a process that was killed. */
static void remove_stale(const char *path)
{
    struct stat info;
    if (lstat(path, &info) != 0 || !S_ISSOCK(info.st_mode))
        return;
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) != 0 &&
        errno == ECONNREFUSED)
        unlink(path);
    if (fd >= 0)
        close(fd);
}

static int bind_tcp(struct listener *l, const struct sockaddr_storage *address)
{
    uv_tcp_init(l->server->loop, &l->uv.tcp);
    const int error = uv_tcp_bind(&l->uv.tcp, (const struct sockaddr *)address,
                                  address->ss_family == AF_INET6 ? UV_TCP_IPV6ONLY : 0);
    return error ? error : uv_listen(&l->uv.stream, BACKLOG, on_connection);
}

static int bind_unix(struct listener *l, const char *path)
{
    uv_pipe_init(l->server->loop, &l->uv.pipe, 0);
    remove_stale(path);
    const mode_t mask = umask(0077);
    int error = uv_pipe_bind(&l->uv.pipe, path);
    umask(mask);
    if (!error)
        error = uv_listen(&l->uv.stream, BACKLOG, on_connection);
    if (!error)
        snprintf(l->path, sizeof l->path, "%s", path);
    return error;
}

static void append(struct http_server *server, struct listener *listener)
{
    struct listener **end = &server->listeners;
    while (*end)
        end = &(*end)->next;
    *end = listener;
}

enum status http_server_listen(struct http_server *server, const char *address, bool secure,
                               struct reason *why)
{
    const bool is_unix = strncmp(address, "unix:", 5) == 0;
    const char *path = address + 5;
    struct sockaddr_storage resolved = {0};
    if (is_unix ? *path != '/' || strlen(path) >= sizeof((struct sockaddr_un *)0)->sun_path
                : !resolve(address, &resolved))
        return refuse_address(address, why);
    struct listener *l = calloc(1, sizeof *l);
    if (!l)
        return reason_no_memory(why, sizeof *l);
    l->server = server;
    l->secure = secure;
    const int error = is_unix ? bind_unix(l, path) : bind_tcp(l, &resolved);
    l->uv.handle.data = l;
    server->open_handles++;
    if (error) {
        uv_close(&l->uv.handle, on_close);
        return refuse_listen(address, error, why);
    }
    append(server, l);
    return STATUS_OK;
}

/* The path of a Unix socket is not ours to remove: somebody else made it. */
static int open_socket(struct listener *l, int fd)
{
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof address;
    const bool known = getsockname(fd, (struct sockaddr *)&address, &size) == 0;
    int error;
    if (known && address.ss_family == AF_UNIX) {
        uv_pipe_init(l->server->loop, &l->uv.pipe, 0);
        error = uv_pipe_open(&l->uv.pipe, fd);
    } else {
        uv_tcp_init(l->server->loop, &l->uv.tcp);
        error = uv_tcp_open(&l->uv.tcp, fd);
    }
    return error ? error : uv_listen(&l->uv.stream, BACKLOG, on_connection);
}

enum status http_server_listen_socket(struct http_server *server, int fd, bool secure,
                                      struct reason *why)
{
    struct listener *l = calloc(1, sizeof *l);
    if (!l)
        return reason_no_memory(why, sizeof *l);
    l->server = server;
    const int error = open_socket(l, fd);
    l->secure = secure && l->uv.handle.type == UV_TCP;
    l->uv.handle.data = l;
    server->open_handles++;
    if (error) {
        char name[32];
        snprintf(name, sizeof name, "descriptor %d", fd);
        uv_close(&l->uv.handle, on_close);
        return refuse_listen(name, error, why);
    }
    append(server, l);
    return STATUS_OK;
}

bool http_server_address(const struct http_server *server, size_t index, char *out, size_t size)
{
    const struct listener *l = server->listeners;
    for (; l && index > 0; index--)
        l = l->next;
    if (!l)
        return false;
    if (l->uv.handle.type != UV_TCP) {
        char path[sizeof l->path] = "";
        size_t len = sizeof path - 1;
        uv_pipe_getsockname(&l->uv.pipe, path, &len);
        snprintf(out, size, "unix:%s", path);
        return true;
    }
    struct sockaddr_storage address;
    int length = sizeof address;
    char host[64];
    if (uv_tcp_getsockname(&l->uv.tcp, (struct sockaddr *)&address, &length) != 0 ||
        uv_ip_name((const struct sockaddr *)&address, host, sizeof host) != 0)
        return false;
    const bool v6 = address.ss_family == AF_INET6;
    const uint16_t port = ntohs(v6 ? ((const struct sockaddr_in6 *)&address)->sin6_port
                                   : ((const struct sockaddr_in *)&address)->sin_port);
    snprintf(out, size, v6 ? "%s://[%s]:%u" : "%s://%s:%u", l->secure ? "https" : "http", host,
             port);
    return true;
}
