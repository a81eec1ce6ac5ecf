/* Whether a proxy stands in between: as `requests` decides (requests.utils.should_bypass_proxies,
 * select_proxy), so that both programs take the same way. */
#pragma once

#include "base/buf.h"

/* Whether the list NO_PROXY exempts a host. Entries, separated by commas: a domain, with or
 * without a port; an IPv4 address or network; "*". `port` 0: the URL names none. */
bool proxy_bypassed(struct str no_proxy, const char *host, int port);

/* The URL without user name and password, for messages. */
void proxy_write_public(struct buf *out, struct str proxy);
