/* What the HTTP servers take from the settings. They borrow from them. */
#pragma once

#include "config/settings.h"
#include "http/server.h"

/* Of the public one. */
struct http_server_options http_options_of(const struct settings *settings);

/* Of that of metrics.listen, which no proxy stands before. */
struct http_server_options http_options_of_metrics(const struct settings *settings);
