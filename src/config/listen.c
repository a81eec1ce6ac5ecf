#include "config/listen.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <sys/un.h>

static enum status refuse(struct str text, struct reason *why)
{
    reason_set(why, "config_invalid_value", "\"%.*s\" is not an address to listen on.",
               "“%.*s”不是可监听的地址。", (int)(text.len < 80 ? text.len : 80), text.ptr);
    reason_hint(why, "Write host:port, [v6]:port or unix:/path, for example 127.0.0.1:8000.",
                "请写 host:port、[v6]:port 或 unix:/path，例如 127.0.0.1:8000。");
    return STATUS_INVALID;
}

static bool port_parse(struct str text, uint16_t *out)
{
    uint32_t value = 0;
    if (text.len == 0 || text.len > 5)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (!isdigit((unsigned char)text.ptr[i]))
            return false;
        value = value * 10 + (uint32_t)(text.ptr[i] - '0');
    }
    *out = (uint16_t)value;
    return value <= UINT16_MAX;
}

static bool is_ipv6(const char *host)
{
    struct in6_addr address;
    return inet_pton(AF_INET6, host, &address) == 1;
}

/* An IPv4 address, or a name of letters, digits, '-', '.', '_'. What looks like a number but is no
 * address ("1.2.3.999") is refused. */
static bool is_ipv4_or_name(const char *host)
{
    struct in_addr address;
    if (inet_pton(AF_INET, host, &address) == 1)
        return true;
    bool letters = false;
    for (const char *c = host; *c; c++) {
        if (!isalnum((unsigned char)*c) && !strchr("-._", *c))
            return false;
        letters |= isalpha((unsigned char)*c) != 0;
    }
    return letters;
}

static const char *const schemes[] = {
    [LISTENER_USUAL] = "", [LISTENER_HTTP] = "http://", [LISTENER_HTTPS] = "https://"};

static enum status tcp_set(struct listener *out, enum listener_scheme scheme, const char *host,
                           uint16_t port, struct arena *arena, struct reason *why)
{
    const char *format = strchr(host, ':') ? "%s[%s]:%u" : "%s%s:%u";
    const char *text = arena_printf(arena, format, schemes[scheme], host, (unsigned)port);
    if (!text)
        return reason_no_memory(why, strlen(host));
    *out = (struct listener){
        .kind = LISTENER_TCP,
        .scheme = scheme,
        .text = text,
        .address = text + strlen(schemes[scheme]),
        .host = host,
        .port = port,
    };
    return STATUS_OK;
}

static enum listener_scheme take_scheme(struct str *text)
{
    for (enum listener_scheme scheme = LISTENER_HTTP; scheme <= LISTENER_HTTPS; scheme++) {
        if (!str_starts(*text, schemes[scheme]))
            continue;
        *text = str_slice(*text, strlen(schemes[scheme]), text->len);
        return scheme;
    }
    return LISTENER_USUAL;
}

static enum status unix_parse(struct str text, struct arena *arena, struct listener *out,
                              struct reason *why)
{
    const struct str path = str_slice(text, strlen("unix:"), text.len);
    if (path.len < 2 || path.ptr[0] != '/' ||
        path.len >= sizeof((struct sockaddr_un *)0)->sun_path) {
        const enum status status = refuse(text, why);
        reason_hint(why, "After unix: comes an absolute path of at most %zu bytes.",
                    "unix: 之后应为绝对路径，最长 %zu 字节。",
                    sizeof((struct sockaddr_un *)0)->sun_path - 1);
        return status;
    }
    char *copy = arena_strdup(arena, text);
    if (!copy)
        return reason_no_memory(why, text.len);
    *out = (struct listener){
        .kind = LISTENER_UNIX, .text = copy, .address = copy, .path = copy + strlen("unix:")};
    return STATUS_OK;
}

enum status listener_parse(struct str text, struct arena *arena, struct listener *out,
                           struct reason *why)
{
    if (str_starts(text, "unix:"))
        return unix_parse(text, arena, out, why);
    const enum listener_scheme scheme = take_scheme(&text);
    size_t colon = text.len;
    while (colon > 0 && text.ptr[colon - 1] != ':')
        colon--;
    uint16_t port;
    if (colon < 2 || !port_parse(str_slice(text, colon, text.len), &port))
        return refuse(text, why);
    struct str host = str_slice(text, 0, colon - 1);
    const bool bracketed = host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']';
    if (bracketed)
        host = str_slice(host, 1, host.len - 1);
    const char *copy = arena_strdup(arena, host);
    if (!copy)
        return reason_no_memory(why, host.len);
    if (!(bracketed ? is_ipv6(copy) : is_ipv4_or_name(copy)))
        return refuse(text, why);
    return tcp_set(out, scheme, copy, port, arena, why);
}

enum status listener_set_host(struct listener *listener, struct str host, struct arena *arena,
                              struct reason *why)
{
    struct str bare = host;
    if (bare.len > 2 && bare.ptr[0] == '[' && bare.ptr[bare.len - 1] == ']')
        bare = str_slice(bare, 1, bare.len - 1);
    const char *copy = arena_strdup(arena, bare);
    if (!copy)
        return reason_no_memory(why, bare.len);
    if (!is_ipv6(copy) && (bare.len != host.len || !is_ipv4_or_name(copy))) {
        reason_set(why, "config_invalid_value", "\"%.*s\" is not a host to listen on.",
                   "“%.*s”不是可监听的主机。", (int)(host.len < 80 ? host.len : 80), host.ptr);
        reason_hint(why, "Give an address or a name without the port, for example 127.0.0.1.",
                    "请给出不带端口的地址或名称，例如 127.0.0.1。");
        return STATUS_INVALID;
    }
    const uint16_t port = listener->kind == LISTENER_TCP ? listener->port : LISTENER_PORT_DEFAULT;
    return tcp_set(listener, listener->scheme, copy, port, arena, why);
}

enum status listener_set_port(struct listener *listener, struct str text, struct arena *arena,
                              struct reason *why)
{
    uint16_t port;
    if (listener->kind == LISTENER_UNIX) {
        reason_set(why, "config_invalid_value", "The first listener is %s, which has no port.",
                   "第一个监听地址是 %s，它没有端口。", listener->text);
        return STATUS_INVALID;
    }
    if (!port_parse(text, &port)) {
        reason_set(why, "config_invalid_value", "\"%.*s\" is not a port: a number from 0 to 65535.",
                   "“%.*s”不是端口：应为 0 到 65535 的整数。", (int)(text.len < 80 ? text.len : 80),
                   text.ptr);
        return STATUS_INVALID;
    }
    return tcp_set(listener, listener->scheme, listener->host, port, arena, why);
}

bool listener_is_local(const struct listener *listener)
{
    if (listener->kind == LISTENER_UNIX)
        return true;
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, listener->host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    if (inet_pton(AF_INET6, listener->host, &v6) == 1)
        return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
    return str_ieq(str_from(listener->host), STR("localhost"));
}

const struct listener *listeners_first_open(const struct listener_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        if (!listener_is_local(&list->items[i]))
            return &list->items[i];
    return NULL;
}

bool listener_is_secure(const struct listener *listener, bool has_certificate)
{
    if (listener->kind == LISTENER_UNIX || listener->scheme == LISTENER_HTTP)
        return false;
    return listener->scheme == LISTENER_HTTPS || has_certificate;
}
