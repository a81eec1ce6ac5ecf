/* The base URL of a server, brought to one form.
 *
 * With or without /v1, with or without a slash at the end, it is the same server. A path that ends
 * in another version ("/api/paas/v4") is taken as it is. A full endpoint (…/chat/completions) is
 * cut down to its base, which `full_endpoint` tells. */
#pragma once

#include "base/status.h"

#include <stdbool.h>

enum { BASE_URL_MAX = 1024 };

struct base_url {
    char root[BASE_URL_MAX];    /* "http://localhost:8000": no slash at the end, no version */
    char api[BASE_URL_MAX + 4]; /* "http://localhost:8000/v1" */
    char host[256];             /* as in the URL, without the brackets of IPv6 */
    int port;
    bool explicit_port; /* the URL names it */
    bool tls;           /* https */
    bool loopback;      /* localhost, 127.0.0.0/8, ::1 */
    bool full_endpoint;
};

/* Codes: base_url_no_scheme base_url_invalid memory_full. Messages never show a password. */
MUST_CHECK enum status base_url_parse(const char *text, struct base_url *url, struct reason *why);
