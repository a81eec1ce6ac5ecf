/* What /metrics shows: the counters of the loop, and figures of engine and process as they are. */
#include "server/metrics_page.h"

#include "base/address.h"
#include "http/counts.h"
#include "os/self.h"
#include "server/call.h"
#include "server/metrics_text.h"

enum { PAGE_BYTES = 1 << 20 };

static void show_requests(struct metrics_text *text, const struct metrics *metrics)
{
    metrics_family(text, "qvl_requests_total", "counter",
                   "Requests by route, HTTP status (499: the client left) and error code.");
    for (size_t i = 0; i < REQUEST_ROWS; i++) {
        const struct request_row *row = &metrics->requests[i];
        if (row->status == 0)
            continue;
        char status[16];
        snprintf(status, sizeof status, "%d", row->status);
        const struct metric_label labels[] = {{"route", row->route ? row->route->path : "other"},
                                              {"status", status},
                                              {"code", row->code},
                                              {0}};
        metrics_sample(text, labels, (double)row->count);
    }
}

static void show_histogram(struct metrics_text *text, const char *name, const char *help,
                           const struct histogram *histogram)
{
    metrics_histogram(text, name, help, histogram_bounds, histogram->counts, HISTOGRAM_BUCKETS,
                      histogram->sum);
}

static void show_times(struct metrics_text *text, const struct metrics *metrics)
{
    show_histogram(text, "qvl_request_seconds",
                   "Time from a request's first byte to its answer's last.", &metrics->request);
    show_histogram(text, "qvl_queue_seconds", "Time that a request's first answer waited to start.",
                   &metrics->queue);
    show_histogram(text, "qvl_time_to_first_token_seconds",
                   "Time from a request's first byte to its answer's first token.",
                   &metrics->first_token);
    show_histogram(text, "qvl_time_per_output_token_seconds",
                   "Mean time between the tokens of an answer, behind the first.",
                   &metrics->per_token);
}

static void show_pages(struct metrics_text *text, const struct engine_figures *figures)
{
    const struct {
        const char *state;
        uint64_t pages;
    } rows[] = {
        {"used", figures->kv_pages_used},
        {"kept", figures->kv_pages_kept},
        {"free", figures->kv_pages - figures->kv_pages_used - figures->kv_pages_kept},
    };
    metrics_family(text, "qvl_kv_pages", "gauge",
                   "Pages of the KV cache: used, kept for prompts that come again, free.");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        metrics_sample(text, (const struct metric_label[]){{"state", rows[i].state}, {0}},
                       (double)rows[i].pages);
}

static void show_images(struct metrics_text *text, const struct engine_figures *figures)
{
    metrics_family(text, "qvl_image_cache_total", "counter",
                   "Pictures that were found encoded (hit), or not (miss).");
    metrics_sample(text, (const struct metric_label[]){{"result", "hit"}, {0}},
                   (double)figures->image_cache_hits);
    metrics_sample(text, (const struct metric_label[]){{"result", "miss"}, {0}},
                   (double)figures->image_cache_misses);
    metrics_single(text, "qvl_image_cache_bytes", "gauge", "Memory of the encoded pictures.",
                   (double)figures->image_cache_bytes);
}

static void show_tokens(struct metrics_text *text, const struct engine_figures *figures)
{
    metrics_single(text, "qvl_prompt_tokens_total", "counter", "Tokens of prompts.",
                   (double)figures->prompt_tokens);
    metrics_single(text, "qvl_cached_prompt_tokens_total", "counter",
                   "Tokens of prompts that were found in the KV cache.",
                   (double)figures->cached_tokens);
    metrics_single(text, "qvl_generated_tokens_total", "counter", "Tokens of answers.",
                   (double)figures->output_tokens);
}

static void show_engine(struct metrics_text *text, const struct engine *engine)
{
    struct engine_figures figures;
    engine_figures_read(engine, &figures);
    show_tokens(text, &figures);
    metrics_single(text, "qvl_running_sequences", "gauge", "Answers that are being generated.",
                   figures.running);
    metrics_single(text, "qvl_waiting_sequences", "gauge", "Answers that wait for their start.",
                   figures.waiting);
    metrics_single(text, "qvl_sequences_max", "gauge",
                   "Answers that may run and wait together; more are refused.", figures.most_live);
    show_pages(text, &figures);
    double bounds[BATCH_BUCKETS - 1];
    for (int i = 0; i < BATCH_BUCKETS - 1; i++)
        bounds[i] = (double)(1u << i);
    metrics_histogram(text, "qvl_batch_tokens", "Tokens of the engine's batches.", bounds,
                      figures.batches, BATCH_BUCKETS - 1, (double)figures.batch_tokens);
    show_images(text, &figures);
}

static void show_connections(struct metrics_text *text, const struct http_server *server)
{
    struct http_connection_counts counts = {0};
    if (server)
        http_server_count(server, &counts);
    const struct {
        const char *state;
        uint32_t count;
    } rows[] = {
        {"opening", counts.opening},     {"idle", counts.idle},       {"reading", counts.reading},
        {"answering", counts.answering}, {"closing", counts.closing},
    };
    metrics_family(text, "qvl_connections", "gauge", "Connections by what they are at.");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        metrics_sample(text, (const struct metric_label[]){{"state", rows[i].state}, {0}},
                       rows[i].count);
}

static void show_process(struct metrics_text *text)
{
    struct self_figures self;
    self_figures_read(&self);
    metrics_single(text, "process_cpu_seconds_total", "counter", "CPU time of all threads.",
                   self.cpu_seconds);
    metrics_single(text, "process_resident_memory_bytes", "gauge", "Memory in RAM.",
                   (double)self.resident_bytes);
    metrics_single(text, "process_virtual_memory_bytes", "gauge", "Address space.",
                   (double)self.virtual_bytes);
    metrics_single(text, "process_open_fds", "gauge", "Open file descriptors.",
                   (double)self.open_files);
    metrics_single(text, "process_max_fds", "gauge", "File descriptors that may be open.",
                   (double)self.max_files);
    metrics_single(text, "process_start_time_seconds", "gauge", "When the process began.",
                   self.start_seconds);
    metrics_single(text, "process_threads", "gauge", "Threads.", self.threads);
}

static void show_service(struct metrics_text *text, const struct service *service)
{
    metrics_family(text, "qvl_build_info", "gauge", "1; its labels say what runs.");
    metrics_sample(
        text,
        (const struct metric_label[]){{"version", QVL_VERSION}, {"model", service->name}, {0}}, 1);
    metrics_family(text, "qvl_state", "gauge", "1 for the state that the service is in.");
    for (int state = SERVICE_LOADING; state <= SERVICE_FAILED; state++)
        metrics_sample(text,
                       (const struct metric_label[]){
                           {"state", service_state_name((enum service_state)state)}, {0}},
                       service->state == (enum service_state)state);
    metrics_single(text, "qvl_policy_version", "gauge",
                   "1, and one more for every configuration that was read anew.",
                   service->policy_version);
    metrics_single(text, "qvl_sent_bytes_total", "counter", "Bytes of answers.",
                   (double)service->metrics.sent_bytes);
    metrics_single(text, "qvl_image_tokens_total", "counter", "Tokens of prompts' pictures.",
                   (double)service->metrics.image_tokens);
    metrics_single(text, "qvl_log_lines_lost_total", "counter",
                   "Log lines that could not be written.", (double)logs_lost(&service->logs));
}

static void write_page(const struct service *service, bool open_metrics, struct buf *out)
{
    struct metrics_text text = {.out = out, .open_metrics = open_metrics};
    show_service(&text, service);
    show_requests(&text, &service->metrics);
    show_times(&text, &service->metrics);
    show_connections(&text, service->http);
    if (service->engine)
        show_engine(&text, service->engine);
    show_process(&text);
    metrics_end(&text);
}

static bool is_loopback(const char *peer)
{
    struct address address;
    return strcmp(peer, "unix") == 0 || (address_parse(str_from(peer), &address) &&
                                         address_classify(&address) == ADDRESS_LOOPBACK);
}

/* A program of this machine; not somebody behind a proxy of this machine. */
static bool is_local(const struct http_exchange *x)
{
    return is_loopback(x->peer) && is_loopback(x->client) &&
           !http_request_header(x->request, "x-forwarded-for") &&
           !http_request_header(x->request, "forwarded");
}

static void refuse_stranger(struct call *call)
{
    struct reason why;
    reason_set(&why, "admin_only", "The metrics are only for programs of this machine.",
               "只有本机程序才能读取指标。");
    reason_hint(&why, "Set metrics.open, or give them an address of their own: metrics.listen.",
                "请开启 metrics.open，或用 metrics.listen 指定专用地址。");
    call_refuse(call, &why);
}

static void refuse_switched_off(struct call *call)
{
    struct reason why;
    reason_set(&why, "route_not_found", "There is no route /metrics here.",
               "这里没有路径 /metrics。");
    call_refuse(call, &why);
}

static bool wants_open_metrics(const struct http_exchange *x)
{
    const struct http_header *accept = http_request_header(x->request, "accept");
    return accept && accept->value.len > 0 &&
           memmem(accept->value.ptr, accept->value.len, "application/openmetrics-text", 28);
}

static void answer(struct call *call)
{
    struct buf page;
    buf_init(&page, PAGE_BYTES);
    const bool open_metrics = wants_open_metrics(call->exchange);
    write_page(call->service, open_metrics, &page);
    struct reason why;
    if (page.failed) {
        (void)reason_no_memory(&why, PAGE_BYTES);
        call_refuse(call, &why);
        return;
    }
    const struct http_field fields[] = {
        {"content-type", open_metrics
                             ? STR("application/openmetrics-text; version=1.0.0; charset=utf-8")
                             : STR("text/plain; version=0.0.4; charset=utf-8")},
        {"x-request-id", str_from(call->id)},
        {"cache-control", STR("no-store")},
    };
    http_respond(call->exchange, 200, fields, ARRAY_LEN(fields), buf_str(&page));
    buf_release(&page);
}

void metrics_answer(struct call *call)
{
    const struct settings *set = call->settings;
    const bool apart = set->metrics.listen.count > 0;
    if (!set->metrics.enabled || apart != call->apart)
        refuse_switched_off(call);
    else if (!set->metrics.open && !apart && !is_local(call->exchange))
        refuse_stranger(call);
    else
        answer(call);
}
