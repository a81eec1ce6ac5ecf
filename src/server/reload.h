/* SIGHUP: the configuration is read anew, and takes the place of the old one at once.
 *
 * A configuration with a mistake changes nothing, and the error log says what is wrong with it.
 * Requests that run keep the settings they began with; those that begin afterwards get the new
 * ones. */
#pragma once

#include "server/service.h"

void service_reload(struct service *service);

/* access.trusted_proxies, malloc'ed. Codes: config_invalid_value, memory_full. */
MUST_CHECK enum status service_trusted(const struct settings *settings, struct address_range **out,
                                       struct reason *why);

/* What the HTTP servers take from the settings: the public one, and that of metrics.listen. */
struct http_server_options service_http_options(const struct settings *settings);
struct http_server_options service_metrics_options(const struct settings *settings);
