/* Why there was no whole answer: libcurl's result, told as a stable code and a sentence. */
#pragma once

#include "base/status.h"
#include "client/http_message.h"
#include "client/outcome.h"

#include <curl/curl.h>

/* What the sentences name. */
struct fault_context {
    const char *host; /* of the URL */
    int port;
    const char *url;   /* "http://localhost:8000", for "Nothing listens at …" */
    const char *proxy; /* without its password; NULL: none */
    const char *ca_file, *certificate;
    int64_t connect_timeout_ms, idle_timeout_ms;
};

/* Describes the failure `code` of the transfer `easy`, which came to response->phase; `detail` is
 * libcurl's error text. The codes are the rows of outcome.c, doctor's names for the same causes. */
void fault_describe(const struct fault_context *context, CURL *easy, CURLcode code,
                    const struct http_response *response, const char *detail, struct reason *why);

/* The same for a deadline of our own: the first byte, or a pause between bytes. */
void fault_describe_idle(const struct fault_context *context, const struct http_response *response,
                         struct reason *why);
