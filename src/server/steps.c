/* The steps of a request, in order: head → route → (body) → handle → end.
 *
 * What the head alone decides is refused before the body is read. */
#include "server/call.h"
#include "server/job.h"
#include "server/language.h"
#include "server/request_id.h"

#include "base/utf8.h"

#include <stdlib.h>

static struct str header_of(const struct http_exchange *x, const char *name)
{
    const struct http_header *header = x->request ? http_request_header(x->request, name) : NULL;
    return header ? header->value : (struct str){0};
}

static enum lang language_for(const struct http_exchange *x)
{
    return language_of(x->request ? header_of(x, "accept-language") : x->language, LANG_EN);
}

static void identify(struct call *call)
{
    const struct str wanted = header_of(call->exchange, "x-request-id");
    if (request_id_is_valid(wanted))
        snprintf(call->id, sizeof call->id, "%.*s", STR_ARG(wanted));
    else
        request_id_make("req_", call->id, sizeof call->id);
    call->lang = language_for(call->exchange);
    log_child(&call->log, &call->service->logs.root);
    log_field_set(&call->log, "request_id", str_from(call->id));
}

/* NULL if there is no memory: the exchange is then answered without a call. */
static struct call *call_begin(struct service *service, struct http_exchange *x)
{
    struct call *call = calloc(1, sizeof *call);
    x->user = call;
    if (!call)
        return NULL;
    call->service = service;
    call->settings = settings_hold(service->settings);
    call->exchange = x;
    call->next = service->calls;
    if (call->next)
        call->next->prev = call;
    service->calls = call;
    service->call_count++;
    x->more = call->cors;
    x->more_count = cors_fields(&call->settings->server.cors.origins, x->request, call->cors);
    identify(call);
    return call;
}

static void call_free(struct call *call)
{
    struct service *service = call->service;
    if (call->prev)
        call->prev->next = call->next;
    else
        service->calls = call->next;
    if (call->next)
        call->next->prev = call->prev;
    service->call_count--;
    settings_release(call->settings);
    free(call);
}

void call_job_over(struct call *call)
{
    call->job = NULL;
    if (!call->exchange)
        call_free(call);
}

static void refuse_route(struct call *call, struct str path)
{
    struct reason why;
    const int shown = path.len < 200 ? (int)path.len : 200;
    reason_set(&why, "route_not_found", "There is no route %.*s.", "没有路径 %.*s。", shown,
               path.ptr);
    const char *near = route_nearest(path);
    if (near)
        reason_hint(&why, "Did you mean %s?", "您是不是想访问 %s？", near);
    else
        reason_hint(&why, "The API begins at /v1: POST /v1/chat/completions, GET /v1/models.",
                    "API 的路径以 /v1 开头：POST /v1/chat/completions、GET /v1/models。");
    call_refuse(call, &why);
}

static void refuse_method(struct call *call, struct str path, struct str method)
{
    char allow[64];
    route_allow(path, allow, sizeof allow);
    struct reason why;
    reason_set(&why, "method_not_allowed", "%.*s takes %s, not %.*s.",
               "%.*s 支持的方法是 %s，不支持 %.*s。", STR_ARG(path), allow, STR_ARG(method));
    call_refuse_with(call, &why, (struct http_field){"allow", str_from(allow)});
}

/* The preflight of a path that does not exist succeeds, so that the page can read the 404. */
static bool answers_options(const struct call *call, bool known)
{
    const struct http_request *request = call->exchange->request;
    return str_is(request->method, "OPTIONS") &&
           (known || str_is(request->path, "*") ||
            cors_is_preflight(&call->settings->server.cors.origins, request));
}

static void answer_options(struct call *call, bool known)
{
    const struct http_request *request = call->exchange->request;
    char allow[64];
    route_allow(known ? request->path : STR("*"), allow, sizeof allow);
    struct http_field fields[2 + PREFLIGHT_FIELDS_MAX] = {{"allow", str_from(allow)},
                                                          {"x-request-id", str_from(call->id)}};
    size_t n = 2;
    if (cors_is_preflight(&call->settings->server.cors.origins, request))
        n += cors_preflight_fields(request, str_from(allow), fields + n);
    http_respond(call->exchange, 204, fields, n, (struct str){0});
}

/* A body must be JSON; without a word about it, it is taken to be, but not from a web page:
 * browsers send those without asking, and any page could keep a server on the user's machine busy.
 */
static bool media_type_fits(const struct http_exchange *x)
{
    const struct str type = header_of(x, "content-type");
    const char *semicolon = type.len ? memchr(type.ptr, ';', type.len) : NULL;
    const struct str name =
        str_trim(str_slice(type, 0, semicolon ? (size_t)(semicolon - type.ptr) : type.len));
    if (name.len == 0)
        return header_of(x, "origin").len == 0;
    return str_ieq(name, STR("application/json")) || str_ends(name, "+json");
}

static void refuse_media_type(struct call *call)
{
    const struct str type = header_of(call->exchange, "content-type");
    struct reason why;
    if (type.len > 0)
        reason_set(&why, "unsupported_media_type", "The body must be application/json, not %.*s.",
                   "请求体必须是 application/json，而不是 %.*s。",
                   (int)(type.len < 100 ? type.len : 100), type.ptr);
    else
        reason_set(&why, "unsupported_media_type",
                   "The body of a web page's request must say that it is application/json.",
                   "网页发来的请求必须声明请求体为 application/json。");
    reason_hint(&why, "Send the header Content-Type: application/json.",
                "请加上请求头 Content-Type: application/json。");
    call_refuse(call, &why);
}

static void refuse_encoding(struct call *call, struct str encoding)
{
    struct reason why;
    reason_set(&why, "unsupported_media_type", "The body must not be compressed; it is: %.*s.",
               "请求体不能压缩，而它使用了 %.*s。", (int)(encoding.len < 100 ? encoding.len : 100),
               encoding.ptr);
    reason_hint(&why, "Send it without Content-Encoding.", "请不要使用 Content-Encoding。");
    call_refuse_with(call, &why, (struct http_field){"accept-encoding", STR("identity")});
}

static void check_post(struct call *call)
{
    struct reason why;
    const struct str encoding = header_of(call->exchange, "content-encoding");
    if (!media_type_fits(call->exchange))
        refuse_media_type(call);
    else if (encoding.len > 0 && !str_ieq(encoding, STR("identity")))
        refuse_encoding(call, encoding);
    else if (call_check_ready(call, &why) != STATUS_OK)
        call_refuse(call, &why);
}

/* What identifies an exchange without a call. */
static void make_id(char id[REQUEST_ID_MAX + 1])
{
    request_id_make("req_", id, REQUEST_ID_MAX + 1);
}

static void out_of_memory(struct http_exchange *x)
{
    char id[REQUEST_ID_MAX + 1], body[ERROR_NO_MEMORY_BYTES];
    make_id(id);
    const size_t len = error_write_no_memory(body, language_for(x), id);
    call_refuse_no_memory(x, id, (struct str){body, len});
}

static size_t no_memory(void *arg, struct http_exchange *x, char *out, size_t size)
{
    (void)arg;
    const struct call *call = x->user;
    char id[REQUEST_ID_MAX + 1], body[ERROR_NO_MEMORY_BYTES];
    if (call)
        snprintf(id, sizeof id, "%s", call->id);
    else
        make_id(id);
    const size_t len = error_write_no_memory(body, call ? call->lang : LANG_EN, id);
    x->status = 503;
    return (size_t)snprintf(out, size,
                            "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\n"
                            "x-request-id: %s\r\nx-should-retry: true\r\nretry-after: 1\r\n"
                            "retry-after-ms: 1000\r\ncontent-length: %zu\r\nconnection: close\r\n"
                            "\r\n%s",
                            id, len, body);
}

static void on_head(void *arg, struct http_exchange *x)
{
    struct call *call = call_begin(arg, x);
    if (!call) {
        out_of_memory(x);
        return;
    }
    const struct str path = x->request->path, method = x->request->method;
    bool known;
    call->route = route_find(path, method, &known);
    if (answers_options(call, known))
        answer_options(call, known);
    else if (!known)
        refuse_route(call, path);
    else if (!call->route)
        refuse_method(call, path, method);
    else if (strcmp(call->route->method, "POST") == 0)
        check_post(call);
}

/* At the addresses of the metrics there is nothing else. */
static void on_metrics_head(void *arg, struct http_exchange *x)
{
    struct call *call = call_begin(arg, x);
    if (!call) {
        out_of_memory(x);
        return;
    }
    const struct str path = x->request->path, method = x->request->method;
    bool known;
    call->apart = true;
    call->route = route_find(path, method, &known);
    if (!str_is(path, METRICS_PATH))
        refuse_route(call, path);
    else if (!call->route)
        refuse_method(call, path, method);
}

static void on_request(void *arg, struct http_exchange *x)
{
    (void)arg;
    struct call *call = x->user;
    if (call && x->status == 0)
        call->route->handle(call);
}

static void on_broken(void *arg, struct http_exchange *x, const struct reason *why)
{
    struct call *call = x->user ? x->user : call_begin(arg, x);
    if (call)
        call_refuse(call, why);
    else
        out_of_memory(x);
}

static void on_end(void *arg, struct http_exchange *x, const struct reason *cut)
{
    (void)arg;
    struct call *call = x->user;
    if (!call)
        return;
    call_record_end(call, x, cut);
    call->exchange = NULL;
    if (call->job)
        job_client_gone(call->job);
    else
        call_free(call);
}

static void on_refused(void *arg, const char *peer, const struct reason *why)
{
    struct service *service = arg;
    struct log log;
    log_child(&log, &service->logs.root);
    if (peer[0])
        log_field_set(&log, "client", str_from(peer));
    log_field_set(&log, "code", str_from(why->code));
    log_write(&log, peer[0] ? LOG_INFO : LOG_ERROR, "%s", why->message[LANG_EN]);
}

struct http_handler call_handler(struct service *service)
{
    return (struct http_handler){
        .arg = service,
        .on_head = on_head,
        .on_request = on_request,
        .on_broken = on_broken,
        .on_end = on_end,
        .on_refused = on_refused,
        .no_memory = no_memory,
    };
}

struct http_handler call_metrics_handler(struct service *service)
{
    struct http_handler handler = call_handler(service);
    handler.on_head = on_metrics_head;
    return handler;
}
