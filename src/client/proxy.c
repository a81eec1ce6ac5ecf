#include "client/proxy.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { ENTRY_MAX = 256 };

static bool ends_with(const char *text, const char *tail)
{
    const size_t a = strlen(text), b = strlen(tail);
    return a >= b && strcasecmp(text + a - b, tail) == 0;
}

/* "10.0.0.0/8" */
static bool in_network(struct in_addr address, const char *entry)
{
    const char *slash = strchr(entry, '/');
    char network[ENTRY_MAX], *end;
    struct in_addr base;
    if (!slash || !isdigit((unsigned char)slash[1]))
        return false;
    const long bits = strtol(slash + 1, &end, 10);
    snprintf(network, sizeof network, "%.*s", (int)(slash - entry), entry);
    if (*end || bits < 1 || bits > 32 || !inet_aton(network, &base))
        return false;
    const uint32_t mask = htonl(UINT32_MAX << (32 - bits));
    return ((address.s_addr ^ base.s_addr) & mask) == 0;
}

/* A whole name, or the end of one after a dot; a dot in front of the entry does not count. */
static bool is_domain_of(const char *host, const char *entry)
{
    entry += strspn(entry, ".");
    if (!*entry)
        return false;
    const size_t a = strlen(host), b = strlen(entry);
    return ends_with(host, entry) && (a == b || host[a - b - 1] == '.');
}

static bool entry_covers(const char *entry, const char *host, int port)
{
    struct in_addr address;
    char with_port[ENTRY_MAX + 8];
    if (is_domain_of(host, entry))
        return true;
    if (inet_aton(host, &address))
        return in_network(address, entry);
    snprintf(with_port, sizeof with_port, "%s:%d", host, port);
    return port > 0 && is_domain_of(with_port, entry);
}

/* Copies without blanks; false: too long to be a name. */
static bool copy_entry(char out[ENTRY_MAX], struct str entry)
{
    size_t len = 0;
    for (size_t i = 0; i < entry.len && len < ENTRY_MAX; i++)
        if (entry.ptr[i] != ' ')
            out[len++] = entry.ptr[i];
    out[len < ENTRY_MAX ? len : 0] = '\0';
    return len < ENTRY_MAX;
}

bool proxy_bypassed(struct str no_proxy, const char *host, int port)
{
    if (str_is(no_proxy, "*"))
        return true;
    for (size_t at = 0; at < no_proxy.len;) {
        const char *comma = memchr(no_proxy.ptr + at, ',', no_proxy.len - at);
        const size_t end = comma ? (size_t)(comma - no_proxy.ptr) : no_proxy.len;
        char entry[ENTRY_MAX];
        if (copy_entry(entry, str_slice(no_proxy, at, end)) && *entry &&
            entry_covers(entry, host, port))
            return true;
        at = end + 1;
    }
    return false;
}

void proxy_write_public(struct buf *out, struct str proxy)
{
    size_t begin = 0, end = 0;
    for (size_t i = 0; i < proxy.len; i++)
        if (proxy.ptr[i] == '@')
            end = i + 1;
    for (size_t i = 0; i + 2 < proxy.len && begin == 0; i++)
        if (memcmp(proxy.ptr + i, "://", 3) == 0)
            begin = i + 3;
    if (end > 0)
        buf_add_str(out, str_slice(proxy, 0, begin));
    buf_add_str(out, str_slice(proxy, end, proxy.len));
}
