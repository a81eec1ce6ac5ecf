#include "server/service.h"

#include "os/activation.h"
#include "server/call.h"
#include "server/certificates.h"
#include "server/http_options.h"
#include "server/job.h"
#include "server/loading.h"
#include "server/reload.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { TICK_MS = 100, CUT_GRACE_MS = 3000 };

static const int signal_numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};

const char *service_state_name(enum service_state state)
{
    static const char *const names[] = {"loading", "ready", "draining", "failed"};
    return names[state];
}

double service_progress(const struct service *service)
{
    if (!service->loading)
        return service->engine ? 1 : 0;
    const uint64_t total = atomic_load(&service->loading->total_bytes);
    return total ? (double)atomic_load(&service->loading->done_bytes) / (double)total : 0;
}

static void on_inbox(void *arg)
{
    struct service *service = arg;
    struct news news;
    news_init(&news, SIZE_MAX / 2);
    struct choice *choice;
    while ((choice = inbox_take(&service->inbox, &news)))
        job_take_news(choice, &news);
    news_release(&news);
}

/* All calls are over: what is left is the service's own. */
static void close_all(struct service *service)
{
    engine_destroy(service->engine);
    service->engine = NULL;
    fetcher_close(service->fetcher);
    uv_close((uv_handle_t *)&service->tick, NULL);
    uv_close((uv_handle_t *)&service->inbox.async, NULL);
    for (size_t i = 0; i < ARRAY_LEN(service->signals); i++) {
        uv_close((uv_handle_t *)&service->signals[i], NULL);
        signal(signal_numbers[i], SIG_IGN); /* the process is ending by itself */
    }
}

/* Cuts what still runs; the tick waits until the engine and the workers are done with it. */
static void stop(struct service *service)
{
    if (service->stopping)
        return;
    service->stopping = true;
    http_server_destroy(service->http);
    http_server_destroy(service->metrics_http);
    service->http = service->metrics_http = NULL;
}

static void drain(struct service *service)
{
    service->state = SERVICE_DRAINING;
    service->drain_end_ns =
        (int64_t)uv_hrtime() + service->settings->server.drain_timeout_ms * 1000000;
    if (service->hooks.on_draining)
        service->hooks.on_draining(service->hooks.arg, service);
    supervision_tell_state(service);
    http_server_drain(service->http);
}

/* The time for draining is over: running answers end with an error, then the connections. */
static void end_drain(struct service *service, int64_t now_ns)
{
    struct reason why;
    reason_set(&why, "draining", "The service is shutting down, and the answer took too long.",
               "服务正在关闭，而应答未能及时完成。");
    for (struct call *call = service->calls; call; call = call->next)
        if (call->job)
            job_fail(call->job, &why);
    if (now_ns - service->drain_end_ns > (int64_t)CUT_GRACE_MS * 1000000)
        stop(service);
}

static void on_end_signal(struct service *service)
{
    if (service->state == SERVICE_FAILED)
        return; /* it ends already, with its own exit status */
    if (service->state == SERVICE_LOADING) {
        http_server_drain(service->http); /* removes the files of unix sockets */
        if (service->metrics_http)
            http_server_drain(service->metrics_http);
        logs_close(&service->logs);
        _exit(0); /* nothing was promised to anybody, and the loading cannot be interrupted */
    }
    if (service->state == SERVICE_DRAINING)
        service->drain_end_ns = (int64_t)uv_hrtime(); /* asked twice: now */
    else
        drain(service);
}

static void reload(struct service *service)
{
    const bool ready = service->state == SERVICE_READY;
    if (ready)
        service_manager_reloading(&service->supervision.manager);
    service_reload(service);
    if (ready)
        service_manager_ready(&service->supervision.manager);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct service *service = handle->data;
    if (number == SIGUSR1)
        logs_reopen(&service->logs);
    else if (number == SIGHUP)
        reload(service);
    else
        on_end_signal(service);
}

static void tick_draining(struct service *service, int64_t now_ns)
{
    if (service->stopping && service->call_count == 0 && !service->loading)
        close_all(service);
    else if (!service->stopping && http_server_connections(service->http) == 0)
        stop(service);
    else if (!service->stopping && now_ns > service->drain_end_ns)
        end_drain(service, now_ns);
}

static void sample_pace(struct service *service, int64_t now_ns)
{
    struct engine_figures figures;
    if (!service->engine || !pace_is_due(&service->pace, now_ns))
        return;
    engine_figures_read(service->engine, &figures);
    pace_sample(&service->pace, &figures, now_ns);
}

static void on_tick(uv_timer_t *timer)
{
    struct service *service = timer->data;
    const int64_t now = (int64_t)uv_hrtime();
    if (service->loading && service->hooks.on_progress)
        service->hooks.on_progress(service->hooks.arg, atomic_load(&service->loading->done_bytes),
                                   atomic_load(&service->loading->total_bytes));
    for (struct call *call = service->calls; call; call = call->next)
        if (call->job)
            job_tick(call->job, now);
    sample_pace(service, now);
    supervision_tick(service, now);
    if (service->state == SERVICE_DRAINING || service->state == SERVICE_FAILED)
        tick_draining(service, now);
}

/* system_fingerprint: version, kernels, and how the weights were loaded. */
static void make_fingerprint(struct service *service)
{
    const struct settings *set = service->first;
    struct engine_figures figures;
    engine_figures_read(service->engine, &figures);
    char text[1024];
    snprintf(text, sizeof text, "%s %s %s %d %d %d", QVL_VERSION, service->model_path,
             figures.kernels, (int)set->model.quantize, (int)set->model.kv_type, set->model.exact);
    snprintf(service->fingerprint, sizeof service->fingerprint, "fp_%010llx",
             (unsigned long long)(str_hash(str_from(text)) & 0xffffffffffu));
}

static void on_loaded(struct service *service, enum status status, const struct reason *why)
{
    service->loaded_s = (int64_t)time(NULL);
    if (status != STATUS_OK) {
        service->state = SERVICE_FAILED;
        service->failure = *why;
        supervision_tell_state(service);
        stop(service);
        return;
    }
    make_fingerprint(service);
    service->state = SERVICE_READY;
    if (service->hooks.on_ready)
        service->hooks.on_ready(service->hooks.arg, service);
    supervision_tell_state(service);
}

static enum status listen_at(const struct service *service, struct http_server *server,
                             const struct listener_list *list, struct reason *why)
{
    const bool certificate = service->settings->server.tls.certificate[0];
    enum status status = STATUS_OK;
    for (size_t i = 0; i < list->count && status == STATUS_OK; i++)
        status = http_server_listen(server, list->items[i].address,
                                    listener_is_secure(&list->items[i], certificate), why);
    return status;
}

/* The addresses of the metrics, if they have their own. */
static enum status listen_metrics(struct service *service, struct tls *tls, struct reason *why)
{
    const struct settings *set = service->settings;
    if (!set->metrics.enabled || set->metrics.listen.count == 0)
        return STATUS_OK;
    const struct http_server_options options = http_options_of_metrics(set);
    const enum status status = http_server_create(
        &service->loop, &options, call_metrics_handler(service), &service->metrics_http, why);
    if (status)
        return status;
    http_server_set_tls(service->metrics_http, tls);
    return listen_at(service, service->metrics_http, &set->metrics.listen, why);
}

/* The settings' addresses, or the sockets that the service manager opened in their place. */
static enum status listen_public(const struct service *service, struct reason *why)
{
    const struct settings *set = service->settings;
    const int sockets = activation_sockets();
    if (sockets == 0)
        return listen_at(service, service->http, &set->server.listen, why);
    enum status status = STATUS_OK;
    for (int i = 0; i < sockets && status == STATUS_OK; i++) {
        char address[256];
        status = http_server_listen_socket(service->http, ACTIVATION_FIRST + i,
                                           set->server.tls.certificate[0], why);
        if (status == STATUS_OK &&
            http_server_address(service->http, (size_t)i, address, sizeof address))
            status = settings_check_address(set, address, why);
    }
    return status;
}

static enum status listen_all(struct service *service, struct reason *why)
{
    const struct settings *set = service->settings;
    const struct http_server_options options = http_options_of(set);
    enum status status =
        http_server_create(&service->loop, &options, call_handler(service), &service->http, why);
    struct tls *tls = NULL;
    if (status == STATUS_OK)
        status = certificates_load(set, &tls, why);
    if (status == STATUS_OK)
        http_server_set_tls(service->http, tls);
    certificates_warn(tls, &service->logs.root);
    if (status == STATUS_OK)
        status = listen_public(service, why);
    if (status == STATUS_OK)
        status = listen_metrics(service, tls, why);
    tls_release(tls);
    return status;
}

static void watch(struct service *service)
{
    for (size_t i = 0; i < ARRAY_LEN(signal_numbers); i++) {
        uv_signal_init(&service->loop, &service->signals[i]);
        service->signals[i].data = service;
        uv_signal_start(&service->signals[i], on_signal, signal_numbers[i]);
    }
    uv_timer_init(&service->loop, &service->tick);
    service->tick.data = service;
    uv_timer_start(&service->tick, on_tick, TICK_MS, TICK_MS);
    inbox_init(&service->inbox, &service->loop, on_inbox, service);
}

/* The usual soft limit of 1,024 open files is for programs that use select(). */
static void allow_many_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static enum status begin(struct service *service, struct reason *why)
{
    allow_many_files();
    enum status status = logs_open(&service->logs, service->settings, why);
    if (status == STATUS_OK)
        status = listen_all(service, why);
    if (status == STATUS_OK)
        status = fetcher_create(&service->loop, resolve_by_system, &service->fetcher, why);
    if (status == STATUS_OK)
        status = loading_begin(service, on_loaded, why);
    if (status != STATUS_OK)
        return status;
    watch(service);
    if (service->hooks.on_listening)
        service->hooks.on_listening(service->hooks.arg, service);
    return STATUS_OK;
}

enum status service_run(struct settings *settings, const char *model_path,
                        struct service_hooks hooks, struct reason *why)
{
    struct service *service = calloc(1, sizeof *service);
    if (!service)
        return reason_no_memory(why, sizeof *service);
    service->settings = settings_hold(settings);
    service->first = settings_hold(settings);
    service->policy_version = 1;
    service->model_path = model_path;
    service->name = settings->model.name;
    service->hooks = hooks;
    service->begun_ns = (int64_t)uv_hrtime();
    supervision_begin(service);
    uv_loop_init(&service->loop);
    enum status status = begin(service, why);
    if (status != STATUS_OK) {
        http_server_destroy(service->http);
        http_server_destroy(service->metrics_http);
        fetcher_close(service->fetcher);
    }
    uv_run(&service->loop, UV_RUN_DEFAULT);
    uv_loop_close(&service->loop);
    if (status == STATUS_OK) {
        inbox_release(&service->inbox);
        if (service->state == SERVICE_FAILED) {
            *why = service->failure;
            status = STATUS_INVALID;
        }
    }
    model_destroy(service->model);
    logs_close(&service->logs);
    supervision_end(service);
    settings_release(service->settings);
    settings_release(service->first);
    free(service);
    return status;
}
