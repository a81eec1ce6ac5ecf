/* Sizes and times that contradict each other, or protect nobody. */
#include "config/mistakes.h"

#include <sys/resource.h>

static bool is_open(const struct inspection *in)
{
    return listeners_first_open(&in->settings->server.listen) != NULL;
}

static void look_for_slow_bodies(struct inspection *in)
{
    if (in->settings->server.body_min_rate > 0 || !is_open(in))
        return;
    mistake_found(in,
                  "Clients may send bodies as slowly as they like, and so keep connections and "
                  "memory.",
                  "客户端可以任意缓慢地发送请求体，从而占用连接和内存。");
    mistake_fix(in, "Set server.body_min_rate: 1KiB/s.", "请设置 server.body_min_rate: 1KiB/s。");
}

static void look_for_slow_headers(struct inspection *in)
{
    enum { LONG_MS = 60000 };
    if (in->settings->server.header_timeout_ms <= LONG_MS || !is_open(in))
        return;
    mistake_found(in,
                  "A client may take %lld s to send its headers; many that do exhaust the "
                  "connections.",
                  "客户端可用 %lld 秒发送请求头；许多这样的客户端会耗尽连接。",
                  (long long)in->settings->server.header_timeout_ms / 1000);
    mistake_fix(in, "Set server.header_timeout: 10s.", "请设置 server.header_timeout: 10s。");
}

static void look_for_unbounded_addresses(struct inspection *in)
{
    if (in->settings->server.max_connections_per_address > 0 || !is_open(in))
        return;
    mistake_found(in, "One address may take all connections.", "单个地址可以占满所有连接。");
    mistake_fix(
        in,
        "Set server.max_connections_per_address, and name proxies in "
        "access.trusted_proxies.",
        "请设置 server.max_connections_per_address，并在 access.trusted_proxies 中列出代理。");
}

/* Base64 makes four bytes of three. */
static void look_for_small_bodies(struct inspection *in)
{
    const int64_t picture = in->settings->model.image.max_bytes;
    const int64_t body = in->settings->server.max_body_bytes;
    if (picture / 3 * 4 <= body)
        return;
    mistake_found(
        in,
        "Pictures of model.image.max_bytes (%lld bytes) do not fit into a body of "
        "server.max_body (%lld): in base64 they take a third more.",
        "model.image.max_bytes（%lld 字节）大小的图片放不进 server.max_body（%lld）：base64 "
        "编码后大三分之一。",
        (long long)picture, (long long)body);
    mistake_fix(in, "Raise server.max_body, or lower model.image.max_bytes.",
                "请调大 server.max_body，或调小 model.image.max_bytes。");
}

static void look_for_small_sum(struct inspection *in)
{
    const int64_t sum = in->settings->server.max_buffered_bytes;
    const int64_t body = in->settings->server.max_body_bytes;
    if (body <= sum)
        return;
    mistake_found(in,
                  "A body of server.max_body (%lld bytes) never fits into server.max_buffered "
                  "(%lld).",
                  "server.max_body（%lld 字节）大小的请求体放不进 server.max_buffered（%lld）。",
                  (long long)body, (long long)sum);
    mistake_fix(in, "Set server.max_buffered to several times server.max_body.",
                "请将 server.max_buffered 设为 server.max_body 的数倍。");
}

static void look_for_long_fetches(struct inspection *in)
{
    const int64_t fetch = in->settings->model.image.timeout_ms;
    const int64_t request = in->settings->server.request_timeout_ms;
    if (fetch <= request || !in->settings->model.image.fetch)
        return;
    mistake_found(in, "A picture may take %lld s to fetch, the whole request only %lld s.",
                  "获取图片可用 %lld 秒，而整个请求只有 %lld 秒。", (long long)fetch / 1000,
                  (long long)request / 1000);
    mistake_fix(in, "Lower model.image.timeout, or raise server.request_timeout.",
                "请调小 model.image.timeout，或调大 server.request_timeout。");
}

static void look_for_long_drain(struct inspection *in)
{
    enum { SYSTEMD_MS = 90000 }; /* DefaultTimeoutStopSec */
    if (in->settings->server.drain_timeout_ms < SYSTEMD_MS)
        return;
    mistake_found(in, "Draining may take %lld s; systemd kills a service that takes 90 s to stop.",
                  "排空最多需要 %lld 秒；而 systemd 会杀死 90 秒内未停止的服务。",
                  (long long)in->settings->server.drain_timeout_ms / 1000);
    mistake_fix(in,
                "Set TimeoutStopSec= in the unit to more than that, or lower "
                "server.drain_timeout.",
                "请在单元文件中把 TimeoutStopSec= 设得更大，或调小 server.drain_timeout。");
}

static void look_for_few_descriptors(struct inspection *in)
{
    enum { OTHERS = 64 };
    struct rlimit limit;
    const int64_t connections = in->settings->server.max_connections;
    const bool asked =
        snapshot_origin(in->settings->snapshot, "server.max_connections")->kind != ORIGIN_DEFAULT;
    if (!asked || getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max == RLIM_INFINITY ||
        limit.rlim_max >= (rlim_t)connections + OTHERS)
        return;
    mistake_found(in, "%lld connections need as many file descriptors; the system gives %llu.",
                  "%lld 个连接需要同样多的文件描述符，而系统只提供 %llu 个。",
                  (long long)connections, (unsigned long long)limit.rlim_max);
    mistake_fix(in, "Set LimitNOFILE= in the unit (ulimit -n in a shell).",
                "请在单元文件中设置 LimitNOFILE=（在 shell 中用 ulimit -n）。");
}

static void look_for_large_cache(struct inspection *in)
{
    const uint64_t cache = (uint64_t)in->settings->model.kv_cache_bytes;
    if (in->memory_bytes == 0 || cache < in->memory_bytes)
        return;
    mistake_found(in, "The KV cache of %llu MiB is larger than this machine's memory of %llu MiB.",
                  "KV 缓存为 %llu MiB，超过本机内存 %llu MiB。", (unsigned long long)cache >> 20,
                  (unsigned long long)in->memory_bytes >> 20);
    mistake_fix(in, "Lower model.kv_cache; qvl env says what fits.",
                "请调小 model.kv_cache；qvl env 会说明能放下什么。");
}

static bool is_named_before(const struct settings *settings, size_t index)
{
    const struct text_list *aliases = &settings->model.aliases;
    const char *alias = aliases->items[index];
    bool found = strcmp(alias, settings->model.name) == 0;
    for (size_t i = 0; i < index && !found; i++)
        found = strcmp(alias, aliases->items[i]) == 0;
    return found;
}

static void look_for_names_twice(struct inspection *in)
{
    const struct text_list *aliases = &in->settings->model.aliases;
    for (size_t i = 0; i < aliases->count; i++) {
        if (!is_named_before(in->settings, i))
            continue;
        mistake_found(in, "The name %s is given twice.", "名称 %s 给出了两次。", aliases->items[i]);
        mistake_fix(in, "Leave it out of model.aliases once.", "请从 model.aliases 中去掉一个。");
        return;
    }
}

const struct mistake mistakes_sizes[] = {
    {"bodies_without_rate", FINDING_WARNING, "server.body_min_rate", look_for_slow_bodies},
    {"headers_without_hurry", FINDING_WARNING, "server.header_timeout", look_for_slow_headers},
    {"connections_unbounded", FINDING_WARNING, "server.max_connections_per_address",
     look_for_unbounded_addresses},
    {"body_smaller_than_picture", FINDING_WARNING, "server.max_body", look_for_small_bodies},
    {"sum_smaller_than_body", FINDING_ERROR, "server.max_buffered", look_for_small_sum},
    {"fetch_longer_than_request", FINDING_WARNING, "model.image.timeout", look_for_long_fetches},
    {"drain_longer_than_manager", FINDING_NOTE, "server.drain_timeout", look_for_long_drain},
    {"descriptors_too_few", FINDING_WARNING, "server.max_connections", look_for_few_descriptors},
    {"cache_larger_than_memory", FINDING_ERROR, "model.kv_cache", look_for_large_cache},
    {"name_twice", FINDING_WARNING, "model.aliases", look_for_names_twice},
    {0},
};
