/* The service: one loop thread with its connections, one engine, and what they share.
 *
 * Everything here belongs to the loop's thread, but for the inbox (inbox.h) and the figures of the
 * engine. State: loading → ready → draining, or loading → failed. */
#pragma once

#include "config/settings.h"
#include "engine/engine.h"
#include "fetch/fetcher.h"
#include "http/server.h"
#include "server/inbox.h"
#include "server/logs.h"
#include "server/metrics.h"
#include "server/pace.h"
#include "server/supervision.h"

enum service_state { SERVICE_LOADING, SERVICE_READY, SERVICE_DRAINING, SERVICE_FAILED };

struct service;

/* How the command line follows what happens; called on the loop's thread. Any may be NULL. */
struct service_hooks {
    void *arg;
    void (*on_listening)(void *arg, const struct service *service);
    void (*on_progress)(void *arg, uint64_t done_bytes, uint64_t total_bytes);
    void (*on_ready)(void *arg, const struct service *service);
    void (*on_draining)(void *arg, const struct service *service);
    /* The settings anew, from the sources of the first; the caller holds them. */
    enum status (*load)(void *arg, struct settings **out, struct reason *why);
};

struct service {
    struct settings *settings; /* held; those of calls that begin now */
    struct settings *first;    /* held; what a reload does not change is as these say */
    uint32_t policy_version;   /* 1, and one more with every reload */
    const char *model_path;    /* borrowed */
    struct service_hooks hooks;
    uv_loop_t loop;
    struct http_server *http;
    struct http_server *metrics_http; /* of metrics.listen; NULL: none */
    struct logs logs;
    struct metrics metrics;
    struct pace pace;
    struct supervision supervision;

    enum service_state state;
    struct loading *loading; /* while the model is loaded */
    struct reason failure;   /* FAILED: why */
    struct model *model;
    struct engine *engine;
    const char *name;     /* of the model */
    int64_t begun_ns;     /* libuv's clock */
    int64_t loaded_s;     /* when: seconds since 1970 */
    char fingerprint[16]; /* of what makes equal requests give equal answers */

    struct inbox inbox;
    struct fetcher *fetcher;
    struct call *calls; /* all that are not over */
    uint32_t call_count;
    uv_timer_t tick;
    uv_signal_t signals[4];
    int64_t drain_end_ns;
    bool stopping; /* everything is being closed */
};

/* Serves until SIGTERM or SIGINT; then drains. Returns why it could not begin, or that the model
 * could not be loaded. */
MUST_CHECK enum status service_run(struct settings *settings, const char *model_path,
                                   struct service_hooks hooks, struct reason *why);

const char *service_state_name(enum service_state state);

/* The share of the model's bytes that are loaded, 0 to 1. */
double service_progress(const struct service *service);
