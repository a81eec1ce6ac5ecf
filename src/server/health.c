#include "server/health.h"

#include "server/call.h"
#include "json/writer.h"

enum { BODY_BYTES = 16 << 10 };

#define ALIVE(state) "{\"status\":\"ok\",\"state\":\"" state "\",\"version\":\"" QVL_VERSION "\"}"

/* The process lives; what it is busy with does not matter. Balancers ask often: the answers are
 * ready. */
void health_answer(struct call *call)
{
    static const char *const answers[] = {
        [SERVICE_LOADING] = ALIVE("loading"),
        [SERVICE_READY] = ALIVE("ready"),
        [SERVICE_DRAINING] = ALIVE("draining"),
        [SERVICE_FAILED] = ALIVE("failed"),
    };
    call_respond(call, 200, str_from(answers[call->service->state]));
}

static void member(struct json_writer *w, const char *key, const char *value)
{
    json_key(w, key);
    json_cstring(w, value);
}

static void answer_not_ready(struct call *call, const struct reason *why)
{
    const struct service *service = call->service;
    struct buf body, error;
    buf_init(&body, BODY_BYTES);
    buf_init(&error, BODY_BYTES);
    error_write(&error, why, call->lang, call->id);
    struct json_writer w;
    json_writer_init(&w, &body);
    json_begin_object(&w);
    member(&w, "status", "unavailable");
    member(&w, "state", service_state_name(service->state));
    if (service->state == SERVICE_LOADING) {
        json_key(&w, "progress");
        json_number(&w, service_progress(service));
    }
    const size_t inner = error.len > 2 ? error.len - 1 : 1; /* {"error":{…}} without its braces */
    buf_putc(&body, ',');
    buf_add_str(&body, str_slice(buf_str(&error), 1, inner));
    json_end_object(&w);
    call->code = why->code;
    char seconds[16];
    const uint32_t wait_ms = call_retry_after_ms(call, why->code);
    snprintf(seconds, sizeof seconds, "%u", (wait_ms + 999) / 1000);
    const struct http_field fields[] = {
        {"content-type", STR("application/json")},
        {"x-request-id", str_from(call->id)},
        {"x-should-retry", STR("true")},
        {"retry-after", str_from(wait_ms ? seconds : "2")},
    };
    struct reason no_memory;
    if (error.failed || body.failed) {
        (void)reason_no_memory(&no_memory, BODY_BYTES);
        call_refuse(call, &no_memory);
    } else {
        http_respond(call->exchange, 503, fields, ARRAY_LEN(fields), buf_str(&body));
    }
    buf_release(&error);
    buf_release(&body);
}

void health_answer_ready(struct call *call)
{
    struct reason why;
    if (call_check_ready(call, &why) == STATUS_OK)
        call_respond(call, 200, STR("{\"status\":\"ready\",\"state\":\"ready\"}"));
    else
        answer_not_ready(call, &why);
}
