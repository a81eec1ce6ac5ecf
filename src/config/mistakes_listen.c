/* Addresses: who can come in. */
#include "config/mistakes.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct listener *open_listener(const struct inspection *in)
{
    return listeners_first_open(&in->settings->server.listen);
}

static void look_for_open_door(struct inspection *in)
{
    const struct listener *open = open_listener(in);
    if (!open || in->settings->access.require_key == TRISTATE_YES)
        return;
    mistake_found(in, "Everybody who can reach %s may use the model, without a key.",
                  "任何能访问 %s 的人都可以使用模型，无需密钥。", open->text);
    mistake_fix(in, "Listen on 127.0.0.1, behind a proxy that checks keys.",
                "请只监听 127.0.0.1，并由前面的代理检查密钥。");
}

static bool is_secure(const struct inspection *in, const struct listener *listener)
{
    return listener_is_secure(listener, in->settings->server.tls.certificate[0]);
}

static void look_for_open_plain(struct inspection *in)
{
    const struct listener_list *list = &in->settings->server.listen;
    for (size_t i = 0; i < list->count; i++) {
        const struct listener *listener = &list->items[i];
        if (listener_is_local(listener) || is_secure(in, listener))
            continue;
        mistake_found(
            in,
            "%s is reached over networks without TLS: questions, pictures and keys can be "
            "read on the way.",
            "%s 经网络访问却没有 TLS：问题、图片和密钥在途中可被读取。", listener->text);
        mistake_fix(in, "Set server.tls.certificate and server.tls.key, or let a proxy speak TLS.",
                    "请设置 server.tls.certificate 和 server.tls.key，或由代理提供 TLS。");
        return;
    }
}

static bool is_any(const char *host)
{
    return strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

static bool is_v6(const char *host)
{
    return strchr(host, ':') != NULL;
}

/* Port 0 is another one each time. */
static bool overlap(const struct listener *a, const struct listener *b)
{
    if (a->kind != b->kind)
        return false;
    if (a->kind == LISTENER_UNIX)
        return strcmp(a->path, b->path) == 0;
    if (a->port != b->port || a->port == 0)
        return false;
    return strcmp(a->host, b->host) == 0 ||
           ((is_any(a->host) || is_any(b->host)) && is_v6(a->host) == is_v6(b->host));
}

static void look_for_overlap(struct inspection *in)
{
    const struct listener_list *list = &in->settings->server.listen;
    for (size_t i = 0; i < list->count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (!overlap(&list->items[i], &list->items[k]))
                continue;
            mistake_found(in, "%s and %s are the same place.", "%s 与 %s 是同一个地址。",
                          list->items[k].text, list->items[i].text);
            mistake_fix(in, "Keep one of them.", "请只保留其中一个。");
            return;
        }
    }
}

/* Linux: the first port that needs no rights. */
static unsigned first_free_port(void)
{
    unsigned port = 1024;
    FILE *file = fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "re");
    if (file && fscanf(file, "%u", &port) != 1)
        port = 1024;
    if (file)
        fclose(file);
    return port;
}

static void look_for_low_ports(struct inspection *in)
{
    const struct listener_list *list = &in->settings->server.listen;
    for (size_t i = 0; i < list->count && geteuid() != 0; i++) {
        const struct listener *listener = &list->items[i];
        if (listener->kind != LISTENER_TCP || listener->port == 0 ||
            listener->port >= first_free_port())
            continue;
        mistake_found(in, "Only root may listen on port %u.", "只有 root 可以监听端口 %u。",
                      listener->port);
        mistake_fix(in, "Let systemd open the socket, or give the program CAP_NET_BIND_SERVICE.",
                    "请由 systemd 打开套接字，或授予程序 CAP_NET_BIND_SERVICE。");
        return;
    }
}

static void look_for_open_folders(struct inspection *in)
{
    const struct listener_list *list = &in->settings->server.listen;
    for (size_t i = 0; i < list->count; i++) {
        const struct listener *listener = &list->items[i];
        char folder[4096];
        struct stat info;
        if (listener->kind != LISTENER_UNIX)
            continue;
        snprintf(folder, sizeof folder, "%s", listener->path);
        *(strrchr(folder, '/') + (strrchr(folder, '/') == folder)) = '\0';
        if (stat(folder, &info) != 0 || !(info.st_mode & S_IWOTH) || info.st_mode & S_ISVTX)
            continue;
        mistake_found(in, "Anybody may put another socket in the place of %s: all may write to %s.",
                      "任何人都可以替换 %s：所有用户都可写 %s。", listener->path, folder);
        mistake_fix(in, "Use a folder of the service's own, such as /run/qvl.",
                    "请使用服务专用的目录，例如 /run/qvl。");
        return;
    }
}

static void look_for_open_metrics(struct inspection *in)
{
    const struct listener *open = open_listener(in);
    if (!in->settings->metrics.open || !open || in->settings->metrics.listen.count > 0)
        return;
    mistake_found(in, "Everybody who can reach %s can read the metrics.",
                  "任何能访问 %s 的人都可以读取指标。", open->text);
    mistake_fix(in, "Set metrics.open: false, or an address of their own with metrics.listen.",
                "请设置 metrics.open: false，或用 metrics.listen 为指标单独指定地址。");
}

static void look_for_public_metrics(struct inspection *in)
{
    const struct listener *open = listeners_first_open(&in->settings->metrics.listen);
    if (!open)
        return;
    mistake_found(in, "The metrics are at %s, which others can reach.",
                  "指标位于 %s，其他机器可以访问。", open->text);
    mistake_fix(in,
                "Listen on 127.0.0.1, or on the address of a network that only the monitor is in.",
                "请监听 127.0.0.1，或仅供监控使用的网络地址。");
}

const struct mistake mistakes_listen[] = {
    {"open_without_keys", FINDING_ERROR, "access.require_key", look_for_open_door},
    {"open_without_tls", FINDING_WARNING, "server.listen", look_for_open_plain},
    {"listeners_overlap", FINDING_ERROR, "server.listen", look_for_overlap},
    {"port_needs_root", FINDING_ERROR, "server.listen", look_for_low_ports},
    {"socket_in_open_folder", FINDING_WARNING, "server.listen", look_for_open_folders},
    {"metrics_open", FINDING_WARNING, "metrics.open", look_for_open_metrics},
    {"metrics_public", FINDING_WARNING, "metrics.listen", look_for_public_metrics},
    {0},
};
