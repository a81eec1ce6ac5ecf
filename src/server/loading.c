#include "server/loading.h"

#include "os/memory.h"
#include "os/thread_room.h"

#include <stdlib.h>

/* As libuv starts its threads for work, at the first piece of it. */
enum { WORK_THREADS = 4, WORK_STACK_BYTES = 8 << 20 };

static void on_progress(void *arg, uint64_t done, uint64_t total)
{
    struct loading *loading = arg;
    atomic_store(&loading->total_bytes, total);
    atomic_store(&loading->done_bytes, done);
}

static enum kv_type kv_type_of(enum kv_setting setting)
{
    static const enum kv_type types[] = {
        [KV_SETTING_F16] = KV_F16, [KV_SETTING_F32] = KV_F32, [KV_SETTING_Q8_0] = KV_Q8_0};
    return types[setting];
}

/* Exact runs keep exact keys and values, unless another type was asked for. */
static enum kv_type kv_type_for(const struct settings *settings)
{
    const bool asked = snapshot_origin(settings->snapshot, "model.kv_type")->kind != ORIGIN_DEFAULT;
    return settings->model.exact && !asked ? KV_F32 : kv_type_of(settings->model.kv_type);
}

static struct engine_options options_of(const struct settings *settings)
{
    const uint64_t image_cache = (uint64_t)settings->model.image.cache_bytes;
    return (struct engine_options){
        .threads = (int)settings->model.threads,
        .context = (uint32_t)settings->model.context,
        .max_sequences = (uint32_t)settings->model.max_sequences,
        .max_waiting = (uint32_t)settings->model.max_waiting,
        .prefill_chunk = (uint32_t)settings->model.prefill_chunk,
        .kv_cache_bytes = (uint64_t)settings->model.kv_cache_bytes,
        .kv_type = kv_type_for(settings),
        .image_cache_bytes = image_cache > 0 ? image_cache : 1, /* 0 would be the engine's usual */
    };
}

/* What of the memory is for weights: not the KV cache, nor a sixteenth for all the rest. */
static uint64_t bytes_for_weights(const struct settings *settings)
{
    struct memory_figures memory;
    memory_figures_read(&memory);
    const uint64_t others = (uint64_t)settings->model.kv_cache_bytes + memory.total / 16;
    return memory.total > others ? memory.total - others : 1;
}

static struct model_options model_options_of(struct loading *l)
{
    const struct settings *settings = l->service->first;
    const enum quantize_setting quantize = settings->model.quantize;
    if (quantize >= QUANTIZE_SETTING_TYPES)
        l->type = (enum dtype)(quantize - QUANTIZE_SETTING_TYPES);
    return (struct model_options){
        .mmproj = settings->model.mmproj,
        .exact = settings->model.exact,
        .quantize = quantize >= QUANTIZE_SETTING_TYPES ? &l->type : NULL,
        .yarn_factor = settings->model.yarn_factor >= 1 ? settings->model.yarn_factor : 0,
        .fit_bytes = quantize == QUANTIZE_SETTING_AUTO ? bytes_for_weights(settings) : 0,
        .progress = on_progress,
        .arg = l,
    };
}

static void load(uv_work_t *work)
{
    struct loading *l = work->data;
    const struct engine_options options = options_of(l->service->first);
    const struct model_options loading = model_options_of(l);
    l->status = model_load(l->service->model_path, &loading, &l->model, &l->why);
    if (l->status == STATUS_OK)
        l->status = engine_create(l->model, &options, &l->engine, &l->why);
}

static void after_load(uv_work_t *work, int cancelled)
{
    (void)cancelled; /* never asked for */
    struct loading *l = work->data;
    struct service *service = l->service;
    service->model = l->model;
    service->engine = l->engine;
    service->loading = NULL;
    l->on_end(service, l->status, &l->why);
    free(l);
}

enum status loading_begin(struct service *service,
                          void (*on_end)(struct service *service, enum status status,
                                         const struct reason *why),
                          struct reason *why)
{
    if (thread_room_check(WORK_THREADS, WORK_STACK_BYTES, why) != STATUS_OK)
        return STATUS_NO_MEMORY; /* libuv would end the process */
    struct loading *l = calloc(1, sizeof *l);
    if (!l)
        return reason_no_memory(why, sizeof *l);
    l->service = service;
    l->on_end = on_end;
    l->work.data = l;
    service->loading = l;
    uv_queue_work(&service->loop, &l->work, load, after_load); /* fails only without `load` */
    return STATUS_OK;
}
