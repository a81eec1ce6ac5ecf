#include "server/supervision.h"

#include "server/loading.h"
#include "server/service.h"

/* A load that stands still for so long has failed. */
enum { TELL_MS = 1000, LOADING_PATIENCE_MS = 120000 };

void supervision_begin(struct service *service)
{
    service_manager_open(&service->supervision.manager);
    service_manager_status(&service->supervision.manager, "Loading the model");
    service_manager_extend(&service->supervision.manager, LOADING_PATIENCE_MS);
}

static void tell_loading(struct service *service, int64_t now_ns)
{
    struct supervision *s = &service->supervision;
    if (now_ns - s->told_ns < (int64_t)TELL_MS * 1000000)
        return;
    s->told_ns = now_ns;
    const uint64_t done = atomic_load(&service->loading->done_bytes);
    service_manager_status(&s->manager, "Loading the model: %.0f %%",
                           service_progress(service) * 100);
    if (done > s->loaded_bytes)
        service_manager_extend(&s->manager, LOADING_PATIENCE_MS);
    s->loaded_bytes = done;
}

/* Whether the engine has nothing to do, or did something since the last sign of life. */
static bool engine_goes_on(struct service *service)
{
    if (!service->engine)
        return true;
    struct engine_figures figures;
    engine_figures_read(service->engine, &figures);
    const bool goes_on =
        figures.running + figures.waiting == 0 || figures.progress != service->supervision.progress;
    service->supervision.progress = figures.progress;
    return goes_on;
}

void supervision_tick(struct service *service, int64_t now_ns)
{
    struct service_manager *manager = &service->supervision.manager;
    if (!service_manager_is_there(manager))
        return;
    if (service->loading)
        tell_loading(service, now_ns);
    if (service_manager_wants_life(manager, now_ns) && engine_goes_on(service))
        service_manager_alive(manager, now_ns);
}

void supervision_tell_state(const struct service *service)
{
    const struct service_manager *manager = &service->supervision.manager;
    switch (service->state) {
    case SERVICE_LOADING: break;
    case SERVICE_READY: {
        char address[256] = "";
        http_server_address(service->http, 0, address, sizeof address);
        service_manager_ready(manager);
        service_manager_status(manager, "Serving %s at %s", service->name, address);
        break;
    }
    case SERVICE_DRAINING:
        service_manager_stopping(manager);
        service_manager_status(manager, "Stopping: %u requests are still running",
                               service->call_count);
        break;
    case SERVICE_FAILED:
        service_manager_status(manager, "The model cannot be loaded: %s",
                               service->failure.message[LANG_EN]);
        break;
    }
}

void supervision_end(struct service *service)
{
    service_manager_close(&service->supervision.manager);
}
