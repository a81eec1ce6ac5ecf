/* One request and its answer on a libcurl handle, whoever drives it.
 *
 * The driver (http_client.h blocks; an event loop can do the same) adds `easy` to a multi handle,
 * asks for the deadline between its waits, and ends the exchange with libcurl's result or with
 * the time-out. The connection's deadlines are libcurl's; first byte, pauses and total are ours. */
#pragma once

#include "base/clock.h"
#include "base/status.h"
#include "client/http_message.h"

#include <curl/curl.h>

/* How to reach a server; shared by all its exchanges. */
struct http_transport {
    const char *user_agent;
    const char *proxy;                         /* URL; NULL: none */
    const char *proxy_public;                  /* the same without its password */
    const char *ca_file;                       /* NULL: the system's */
    const char *certificate, *certificate_key; /* PEM; NULL: none */
    bool insecure;                             /* no check of the server's certificate */
    int64_t connect_timeout_ms;                /* DNS, TCP and TLS together */
    int64_t idle_timeout_ms;                   /* the first byte, and every pause; 0: none */
    int64_t total_timeout_ms;                  /* 0: none */
};

/* What the streaming callback does with bytes of the body. */
enum http_take {
    HTTP_TAKEN, /* they are used up: nothing may be tried again */
    HTTP_KEEP,  /* collect them in response->body */
    HTTP_STOP,  /* used up, and no more is wanted: the exchange ends well */
};

typedef enum http_take http_body_fn(void *context, const struct http_response *response,
                                    struct str bytes);

struct http_exchange {
    CURL *easy;
    const struct http_transport *transport;
    const struct clock *clock;
    struct http_response *response;
    http_body_fn *on_body; /* NULL: collect everything */
    void *context;
    struct curl_slist *headers;
    CURLU *url;
    int64_t begin_ns, active_ns;     /* active: when bytes last moved */
    curl_off_t uploaded, downloaded; /* then */
    bool connected, stopped, too_large;
    char detail[CURL_ERROR_SIZE];
};

/* Sets the handle up. `x` (with easy, transport, clock, response, on_body, context set, the rest
 * zero) must stay where it is until http_exchange_end. Codes: url_invalid memory_full. */
MUST_CHECK enum status http_exchange_begin(struct http_exchange *x,
                                           const struct http_request *request, struct reason *why);

/* Milliseconds until the exchange must be given up; INT64_MAX: no limit now. */
int64_t http_exchange_remaining_ms(const struct http_exchange *x);

/* Ends the exchange; the handle is out of the multi handle. `timed_out`: the deadline passed, and
 * `code` says nothing. A whole answer is success, whatever its HTTP status. */
MUST_CHECK enum status http_exchange_end(struct http_exchange *x, CURLcode code, bool timed_out,
                                         struct reason *why);

/* Frees what the exchange holds, without a result; the handle stays the driver's. */
void http_exchange_release(struct http_exchange *x);
