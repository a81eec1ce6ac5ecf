#include "server/http_options.h"

#include <sys/resource.h>

enum { OTHER_DESCRIPTORS = 64 }; /* the model's, logs, fetched pictures */

/* No more than the system gives descriptors for, so that the next ones wait instead of being cut.
 */
static uint32_t connections_max(const struct settings *settings)
{
    struct rlimit limit;
    const int64_t set = settings->server.max_connections;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
        (rlim_t)set + OTHER_DESCRIPTORS <= limit.rlim_cur)
        return (uint32_t)set;
    return (uint32_t)(limit.rlim_cur > OTHER_DESCRIPTORS + 8 ? limit.rlim_cur - OTHER_DESCRIPTORS
                                                             : limit.rlim_cur / 2 + 1);
}

struct http_server_options http_options_of(const struct settings *settings)
{
    struct http_server_options options = http_server_options_default;
    options.limits = http_limits_default;
    options.limits.body = (uint64_t)settings->server.max_body_bytes;
    options.header_timeout_ms = (uint64_t)settings->server.header_timeout_ms;
    options.idle_timeout_ms = (uint64_t)settings->server.idle_timeout_ms;
    options.body_min_rate = (uint64_t)settings->server.body_min_rate;
    options.buffered_max = (uint64_t)settings->server.max_buffered_bytes;
    options.connections_max = connections_max(settings);
    options.connections_per_address = (uint32_t)settings->server.max_connections_per_address;
    options.proxy_protocol = settings->access.proxy_protocol;
    options.trusted = settings->access.trusted_proxies.items;
    options.trusted_count = settings->access.trusted_proxies.count;
    return options;
}

struct http_server_options http_options_of_metrics(const struct settings *settings)
{
    struct http_server_options options = http_options_of(settings);
    options.proxy_protocol = false;
    options.trusted = NULL;
    options.trusted_count = 0;
    return options;
}
