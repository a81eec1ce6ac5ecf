/* Answers that are not streams: JSON, and errors with the headers that clients act on. */
#include "server/call.h"

#include <stdio.h>

enum { ERROR_BYTES = 16 << 10 };

void call_respond(struct call *call, int status, struct str json)
{
    const struct http_field fields[] = {
        {"content-type", STR("application/json")},
        {"x-request-id", str_from(call->id)},
    };
    http_respond(call->exchange, status, fields, ARRAY_LEN(fields), json);
}

void call_respond_written(struct call *call, int status, struct buf *body)
{
    struct reason why;
    if (!body->failed) {
        call_respond(call, status, buf_str(body));
    } else {
        (void)reason_no_memory(&why, body->len);
        call_refuse(call, &why);
    }
    buf_release(body);
}

/* So much more of the time that the first part of the load took. */
static double loading_ms(const struct service *service)
{
    const double progress = service_progress(service);
    const double so_far_ms = (double)((int64_t)uv_hrtime() - service->begun_ns) / 1e6;
    return progress > 0.01 ? so_far_ms * (1 - progress) / progress : so_far_ms;
}

static uint32_t place_ms(struct service *service)
{
    struct engine_figures figures;
    if (!service->engine)
        return PACE_LEAST_MS;
    engine_figures_read(service->engine, &figures);
    return pace_promise(&service->pace, &figures, (int64_t)uv_hrtime());
}

uint32_t call_retry_after_ms(const struct call *call, const char *code)
{
    const int64_t now_ns = (int64_t)uv_hrtime();
    struct service *service = call->service;
    if (strcmp(code, "model_loading") == 0)
        return pace_bound_ms(loading_ms(service));
    if (strcmp(code, "queue_full") == 0 || strcmp(code, "memory_full") == 0)
        return place_ms(service);
    if (strcmp(code, "too_many_connections") == 0)
        return PACE_LEAST_MS;          /* another one may end at any time */
    if (strcmp(code, "draining") == 0) /* then another process may be there */
        return pace_bound_ms((double)(service->drain_end_ns - now_ns) / 1e6);
    return 0;
}

void call_refuse_no_memory(struct http_exchange *x, const char *id, struct str json)
{
    const struct http_field fields[] = {
        {"content-type", STR("application/json")}, {"x-request-id", str_from(id)},
        {"x-should-retry", STR("true")},           {"retry-after", STR("1")},
        {"retry-after-ms", STR("1000")},
    };
    http_respond(x, 503, fields, ARRAY_LEN(fields), json);
}

void call_refuse(struct call *call, const struct reason *why)
{
    call_refuse_with(call, why, (struct http_field){0});
}

/* Not even the error could be written. */
static void refuse_for_lack_of_memory(struct call *call)
{
    char json[ERROR_NO_MEMORY_BYTES];
    const size_t len = error_write_no_memory(json, call->lang, call->id);
    call->code = error_find("memory_full")->code;
    call_refuse_no_memory(call->exchange, call->id, (struct str){json, len});
}

void call_refuse_with(struct call *call, const struct reason *why, struct http_field extra)
{
    const struct error_row *row = error_find(why->code);
    struct http_field fields[7] = {
        {"content-type", STR("application/json")},
        {"x-request-id", str_from(call->id)},
        {"x-should-retry", row->retryable ? STR("true") : STR("false")},
    };
    size_t n = 3;
    char seconds[16], ms[16];
    const uint32_t wait = call_retry_after_ms(call, row->code);
    if (wait) {
        snprintf(seconds, sizeof seconds, "%u", (wait + 999) / 1000);
        snprintf(ms, sizeof ms, "%u", wait);
        fields[n++] = (struct http_field){"retry-after", str_from(seconds)};
        fields[n++] = (struct http_field){"retry-after-ms", str_from(ms)};
    }
    if (call->ignored)
        fields[n++] = (struct http_field){"x-ignored-parameters", str_from(call->ignored)};
    if (extra.name)
        fields[n++] = extra;
    struct buf body;
    buf_init(&body, ERROR_BYTES);
    error_write(&body, why, call->lang, call->id);
    call->code = row->code;
    if (row->status == 500)
        log_error(&call->log, "%s", why->message[LANG_EN]);
    if (body.failed)
        refuse_for_lack_of_memory(call);
    else
        http_respond(call->exchange, row->status, fields, n, buf_str(&body));
    buf_release(&body);
}

/* Without the one that asks. */
static uint32_t running_calls(const struct call *call)
{
    return call->service->call_count - 1;
}

enum status call_check_ready(const struct call *call, struct reason *why)
{
    const struct service *service = call->service;
    switch (service->state) {
    case SERVICE_READY: return STATUS_OK;
    case SERVICE_LOADING:
        reason_set(why, "model_loading", "The model is still being loaded: %.0f %% are there.",
                   "模型仍在加载：已完成 %.0f %%。", service_progress(service) * 100);
        break;
    case SERVICE_DRAINING:
        reason_set(why, "draining",
                   "The service is shutting down and takes no new requests: %u are still running.",
                   "服务正在关闭，不再接受新请求：还有 %u 个请求在运行。", running_calls(call));
        break;
    case SERVICE_FAILED: *why = service->failure; break;
    }
    return STATUS_BUSY;
}

bool call_has_model(const struct call *call, struct str name)
{
    const struct text_list *aliases = &call->settings->model.aliases;
    for (size_t i = 0; i < aliases->count; i++)
        if (str_is(name, aliases->items[i]))
            return true;
    return str_is(name, call->service->name);
}

enum status call_model_not_found(const struct call *call, struct str name, struct reason *why)
{
    const struct service *service = call->service;
    reason_set(why, "model_not_found", "There is no model %.*s here.", "这里没有模型 %.*s。",
               (int)(name.len < 120 ? name.len : 120), name.ptr);
    const struct text_list *aliases = &call->settings->model.aliases;
    if (aliases->count)
        reason_hint(why, "Ask for %s, or for its alias %s; GET /v1/models lists them.",
                    "请使用 %s 或其别名 %s；GET /v1/models 列出全部模型。", service->name,
                    aliases->items[0]);
    else
        reason_hint(why, "Ask for %s; GET /v1/models lists what is there.",
                    "请使用 %s；GET /v1/models 列出全部模型。", service->name);
    reason_subject(why, "model");
    return STATUS_INVALID;
}
