/* A request is over: its line in the access log, and its share of the metrics. */
#include "server/call.h"

/* What the client got, or that it did not wait for it. */
static int status_of(const struct http_exchange *x, const struct reason *cut)
{
    return cut && strcmp(cut->code, "memory_full") != 0 ? 499 : x->status;
}

static void write_line(const struct call *call, const struct http_exchange *x,
                       const struct reason *cut, const struct request_facts *facts)
{
    const struct http_header *agent =
        x->request ? http_request_header(x->request, "user-agent") : NULL;
    const struct access_line line = {
        .wall_ms = clock_wall_ms(&clock_system),
        .request_id = call->id,
        .peer = x->client,
        .method = x->request ? x->request->method : STR("-"),
        .path = x->request ? x->request->path : STR("-"),
        .user_agent = agent ? agent->value : (struct str){0},
        .status = facts->status,
        .code = cut ? cut->code : call->code,
        .ms = facts->seconds * 1e3,
        .queue_ms = facts->queue_seconds * 1e3,
        .ttft_ms = facts->first_token_seconds * 1e3,
        .bytes = x->sent_bytes,
        .model = call->model,
        .prompt_tokens = call->prompt_tokens,
        .cached_tokens = call->cached_tokens,
        .image_tokens = call->image_tokens,
        .output_tokens = call->output_tokens,
    };
    access_log_write(&call->service->logs.access, &line);
}

static double seconds_between(int64_t begin_ns, int64_t end_ns)
{
    return (double)(end_ns - begin_ns) / 1e9;
}

void call_record_end(const struct call *call, const struct http_exchange *x,
                     const struct reason *cut)
{
    const uint32_t later =
        call->output_tokens > call->answered ? call->output_tokens - call->answered : 0;
    const struct request_facts facts = {
        .route = call->route,
        .status = status_of(x, cut),
        .code = cut ? cut->code : call->code,
        .seconds = seconds_between(x->begun_ns, (int64_t)uv_hrtime()),
        .queue_seconds = call->first_token_ns ? (double)call->queue_ns / 1e9 : -1,
        .first_token_seconds =
            call->first_token_ns ? seconds_between(x->begun_ns, call->first_token_ns) : -1,
        .per_token_seconds = later > 0
                                 ? seconds_between(call->first_token_ns, call->last_token_ns) *
                                       call->answered / later
                                 : -1,
        .sent_bytes = x->sent_bytes,
        .image_tokens = call->image_tokens,
    };
    metrics_count(&call->service->metrics, &facts);
    write_line(call, x, cut, &facts);
}
