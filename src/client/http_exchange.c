#include "client/http_exchange.h"

#include "client/http_fault.h"

#include <stdio.h>
#include <stdlib.h>

static void touch(struct http_exchange *x)
{
    x->active_ns = clock_ns(x->clock);
}

static size_t on_header(char *bytes, size_t size, size_t count, void *context)
{
    struct http_exchange *x = context;
    struct http_response *r = x->response;
    const struct str line = {bytes, size * count};
    touch(x);
    if (str_starts(line, "HTTP/")) {
        const char *blank = memchr(line.ptr, ' ', line.len);
        buf_clear(&r->head);
        r->status = blank ? atoi(blank) : 0;
    }
    if (r->status < 200) {
        r->status = 0;
        return line.len;
    }
    r->phase = HTTP_PHASE_BODY;
    buf_add_str(&r->head, line);
    x->too_large = r->head.failed;
    return x->too_large ? 0 : line.len;
}

static size_t on_write(char *bytes, size_t size, size_t count, void *context)
{
    struct http_exchange *x = context;
    const struct str piece = {bytes, size * count};
    touch(x);
    const enum http_take take = x->on_body ? x->on_body(x->context, x->response, piece) : HTTP_KEEP;
    if (take == HTTP_KEEP) {
        buf_add_str(&x->response->body, piece);
        x->too_large = x->response->body.failed;
        return x->too_large ? CURL_WRITEFUNC_ERROR : piece.len;
    }
    x->response->streamed = true;
    x->stopped = take == HTTP_STOP;
    return x->stopped ? CURL_WRITEFUNC_ERROR : piece.len;
}

static int on_progress(void *context, curl_off_t download_total, curl_off_t downloaded,
                       curl_off_t upload_total, curl_off_t uploaded)
{
    struct http_exchange *x = context;
    (void)download_total;
    if (downloaded != x->downloaded || uploaded != x->uploaded)
        touch(x);
    x->downloaded = downloaded;
    x->uploaded = uploaded;
    if (x->connected && x->response->phase < HTTP_PHASE_BODY)
        x->response->phase = uploaded < upload_total ? HTTP_PHASE_SEND : HTTP_PHASE_FIRST_BYTE;
    return 0;
}

static int on_connected(void *context, char *address, char *local, int port, int local_port)
{
    struct http_exchange *x = context;
    (void)local, (void)port, (void)local_port;
    snprintf(x->response->address, sizeof x->response->address, "%s", address);
    x->connected = true;
    x->response->phase = HTTP_PHASE_SEND;
    touch(x);
    return CURL_PREREQFUNC_OK;
}

static int on_debug(CURL *easy, curl_infotype type, char *bytes, size_t len, void *context)
{
    struct http_exchange *x = context;
    (void)easy;
    if (type == CURLINFO_HEADER_OUT)
        buf_add(&x->response->sent, bytes, len);
    return 0;
}

static bool add_header(struct http_exchange *x, const char *header)
{
    struct curl_slist *longer = curl_slist_append(x->headers, header);
    if (longer)
        x->headers = longer;
    return longer;
}

/* "Name:" would take libcurl's own header away; "Name;" sends an empty one. */
static bool add_empty_header(struct http_exchange *x, struct str header)
{
    char text[256];
    if (header.len >= sizeof text)
        return false;
    snprintf(text, sizeof text, "%.*s;", (int)header.len - 1, header.ptr);
    return add_header(x, text);
}

static bool add_headers(struct http_exchange *x, const struct http_request *request)
{
    bool good = add_header(x, "Expect:");
    for (size_t i = 0; good && request->headers && request->headers[i]; i++) {
        const struct str header = str_trim(str_from(request->headers[i]));
        good = str_ends(header, ":") ? add_empty_header(x, header)
                                     : add_header(x, request->headers[i]);
    }
    return good;
}

static void set_transport(struct http_exchange *x)
{
    const struct http_transport *t = x->transport;
    CURL *easy = x->easy;
    curl_easy_setopt(easy, CURLOPT_USERAGENT, t->user_agent);
    curl_easy_setopt(easy, CURLOPT_PROXY, t->proxy ? t->proxy : "");
    curl_easy_setopt(easy, CURLOPT_NOPROXY, ""); /* decided by us, proxy.h */
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    if (t->ca_file)
        curl_easy_setopt(easy, CURLOPT_CAINFO, t->ca_file);
    if (t->certificate)
        curl_easy_setopt(easy, CURLOPT_SSLCERT, t->certificate);
    if (t->certificate_key)
        curl_easy_setopt(easy, CURLOPT_SSLKEY, t->certificate_key);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, t->insecure ? 0L : 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, t->insecure ? 0L : 2L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)t->connect_timeout_ms);
}

static void set_callbacks(struct http_exchange *x)
{
    CURL *easy = x->easy;
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, x);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_write);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, x);
    curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(easy, CURLOPT_XFERINFODATA, x);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_connected);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, x);
    curl_easy_setopt(easy, CURLOPT_DEBUGFUNCTION, on_debug);
    curl_easy_setopt(easy, CURLOPT_DEBUGDATA, x);
    curl_easy_setopt(easy, CURLOPT_VERBOSE, 1L); /* the request's head comes this way only */
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, x->detail);
}

static void set_request(struct http_exchange *x, const struct http_request *request)
{
    CURL *easy = x->easy;
    curl_easy_setopt(easy, CURLOPT_CURLU, x->url);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, x->headers);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* a name look-up is not waited for */
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    if (strcmp(request->method, "HEAD") == 0)
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    else if (strcmp(request->method, "GET") != 0 || request->body.len > 0) {
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body.ptr ? request->body.ptr : "");
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
    }
    if (strcmp(request->method, "POST") != 0)
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
}

enum status http_exchange_begin(struct http_exchange *x, const struct http_request *request,
                                struct reason *why)
{
    http_response_clear(x->response);
    curl_easy_reset(x->easy);
    x->url = curl_url();
    if (!x->url || !add_headers(x, request)) {
        http_exchange_release(x);
        return reason_no_memory(why, 0);
    }
    if (curl_url_set(x->url, CURLUPART_URL, request->url, 0) != CURLUE_OK) {
        http_exchange_release(x);
        reason_set(why, "url_invalid", "%s is not a valid URL.", "%s 不是合法的网址。",
                   request->url);
        return STATUS_INVALID;
    }
    set_transport(x);
    set_callbacks(x);
    set_request(x, request);
    x->begin_ns = clock_ns(x->clock);
    touch(x);
    return STATUS_OK;
}

static int64_t remaining(int64_t since_ns, int64_t limit_ms, int64_t now_ns)
{
    if (limit_ms == 0)
        return INT64_MAX;
    const int64_t left = limit_ms - (now_ns - since_ns) / 1000000;
    return left > 0 ? left : 0;
}

int64_t http_exchange_remaining_ms(const struct http_exchange *x)
{
    const int64_t now = clock_ns(x->clock);
    const struct http_transport *t = x->transport;
    const int64_t total = remaining(x->begin_ns, t->total_timeout_ms, now);
    const int64_t idle =
        x->connected ? remaining(x->active_ns, t->idle_timeout_ms, now) : INT64_MAX;
    return total < idle ? total : idle;
}

static int64_t timing(CURL *easy, CURLINFO what)
{
    curl_off_t us = 0;
    curl_easy_getinfo(easy, what, &us);
    return us;
}

static bool is_tls(const struct http_exchange *x)
{
    char *scheme = NULL;
    const bool tls = curl_url_get(x->url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                     strcmp(scheme, "https") == 0;
    curl_free(scheme);
    return tls;
}

static void take_timings(struct http_exchange *x)
{
    struct http_timings *t = &x->response->timings;
    t->dns_us = timing(x->easy, CURLINFO_NAMELOOKUP_TIME_T);
    t->connect_us = timing(x->easy, CURLINFO_CONNECT_TIME_T);
    t->tls_us = timing(x->easy, CURLINFO_APPCONNECT_TIME_T);
    t->first_byte_us = timing(x->easy, CURLINFO_STARTTRANSFER_TIME_T);
    t->total_us = timing(x->easy, CURLINFO_TOTAL_TIME_T);
    if (x->connected)
        return;
    x->response->phase = t->connect_us > 0 && is_tls(x) ? HTTP_PHASE_TLS
                         : t->dns_us > 0                ? HTTP_PHASE_CONNECT
                                                        : HTTP_PHASE_DNS;
}

/* A server may refuse a body and close before it has read it all: its answer counts, not the
 * broken pipe behind it. */
static bool answered_early(const struct http_exchange *x, CURLcode code)
{
    return (code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR) && x->response->status >= 400;
}

static enum status too_large(const struct http_exchange *x, struct reason *why)
{
    reason_set(why, "answer_too_large", "The answer is larger than %zu bytes.",
               "应答超过 %zu 字节。", x->response->body.max);
    reason_hint(why, "Is the base URL that of the API?", "请确认基础地址是否为 API 地址。");
    return STATUS_LIMIT;
}

static enum status describe(struct http_exchange *x, CURLcode code, bool timed_out,
                            struct reason *why)
{
    const struct http_transport *t = x->transport;
    char *host = NULL, *port = NULL, *scheme = NULL;
    char origin[512];
    (void)curl_url_get(x->url, CURLUPART_HOST, &host, 0);
    (void)curl_url_get(x->url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
    (void)curl_url_get(x->url, CURLUPART_SCHEME, &scheme, 0);
    snprintf(origin, sizeof origin, "%s://%s:%s", scheme, host, port);
    const struct fault_context context = {
        .host = host ? host : "?",
        .port = port ? atoi(port) : 0,
        .url = origin,
        .proxy = t->proxy ? t->proxy_public : NULL,
        .ca_file = t->ca_file,
        .certificate = t->certificate,
        .connect_timeout_ms = t->connect_timeout_ms,
        .idle_timeout_ms = t->total_timeout_ms && remaining(x->begin_ns, t->total_timeout_ms,
                                                            clock_ns(x->clock)) == 0
                               ? t->total_timeout_ms
                               : t->idle_timeout_ms,
    };
    if (timed_out && x->connected)
        fault_describe_idle(&context, x->response, why);
    else
        fault_describe(&context, x->easy, timed_out ? CURLE_OPERATION_TIMEDOUT : code, x->response,
                       x->detail[0] ? x->detail : curl_easy_strerror(code), why);
    curl_free(host);
    curl_free(port);
    curl_free(scheme);
    return STATUS_IO;
}

enum status http_exchange_end(struct http_exchange *x, CURLcode code, bool timed_out,
                              struct reason *why)
{
    take_timings(x);
    enum status status = STATUS_OK;
    if (x->too_large)
        status = too_large(x, why);
    else if (timed_out || (code != CURLE_OK && !x->stopped && !answered_early(x, code)))
        status = describe(x, code, timed_out, why);
    http_exchange_release(x);
    return status;
}

void http_exchange_release(struct http_exchange *x)
{
    curl_easy_reset(x->easy);
    curl_slist_free_all(x->headers);
    curl_url_cleanup(x->url);
    x->headers = NULL;
    x->url = NULL;
}
