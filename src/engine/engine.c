#include "engine/engine.h"

#include "engine/scheduler.h"
#include "engine/vision.h"
#include "os/cpu.h"
#include "os/memory.h"
#include "os/thread.h"

#include <stdlib.h>
#include <unistd.h>

enum {
    DEFAULT_CONTEXT = 32768,
    DEFAULT_SEQUENCES = 16,
    DEFAULT_WAITING = 256,
    DEFAULT_CHUNK = 512,
};
#define DEFAULT_CACHE_BYTES       ((uint64_t)2 << 30)
#define DEFAULT_IMAGE_CACHE_BYTES ((uint64_t)256 << 20)
#define LEAST_PICTURE_BYTES       ((uint64_t)256 << 20)

struct engine {
    const struct model *model;
    struct scheduler *scheduler;
    uint32_t context, most_live;
    uint64_t picture_limit;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_mutex_t vocabulary_lock;       /* no other lock is taken under it */
    struct grammar_vocabulary *vocabulary; /* NULL until somebody needs it */

    /* Under the lock. */
    struct sequence *incoming; /* submitted, not yet seen by the scheduler; newest first */
    uint32_t live;             /* submitted and not over */
    uint64_t picture_bytes;    /* of the live sequences */
    bool stopping;
    struct engine_figures figures;
};

static uint32_t or_default(uint32_t value, uint32_t usual)
{
    return value ? value : usual;
}

/* How many pages the cache has, and with them the longest sequence. */
static enum status plan_cache(struct engine *engine, const struct engine_options *options,
                              uint32_t *pages, struct reason *why)
{
    const struct text_config *text = &engine->model->config.text;
    const uint32_t most = text->max_positions;
    uint32_t context = or_default(options->context, DEFAULT_CONTEXT);
    context = context < most ? context : most;
    const enum status status = kv_type_check(text, options->kv_type, why);
    if (status != STATUS_OK)
        return status;
    const uint64_t page_bytes = kv_page_bytes(text, options->kv_type);
    uint64_t count =
        (options->kv_cache_bytes ? options->kv_cache_bytes : DEFAULT_CACHE_BYTES) / page_bytes;
    if (!options->kv_cache_bytes && count > kv_pages_for(context))
        count = kv_pages_for(context);
    if (count == 0) {
        reason_set(why, "memory_full",
                   "The KV cache is smaller than one page of %llu bytes (%d tokens).",
                   "KV 缓存小于一页：%llu 字节（%d 个 token）。", (unsigned long long)page_bytes,
                   KV_PAGE_TOKENS);
        return STATUS_NO_MEMORY;
    }
    *pages = count < UINT32_MAX / KV_PAGE_TOKENS ? (uint32_t)count : UINT32_MAX / KV_PAGE_TOKENS;
    engine->context = context < *pages * KV_PAGE_TOKENS ? context : *pages * KV_PAGE_TOKENS;
    return STATUS_OK;
}

static uint64_t plan_pictures(const struct engine_options *options)
{
    if (options->picture_bytes)
        return options->picture_bytes;
    struct memory_figures memory;
    memory_figures_read(&memory);
    return memory.total / 4 > LEAST_PICTURE_BYTES ? memory.total / 4 : LEAST_PICTURE_BYTES;
}

static void sequence_ended(void *arg, const struct sequence *sequence)
{
    struct engine *engine = arg;
    pthread_mutex_lock(&engine->lock);
    engine->live--;
    engine->picture_bytes -= sequence->picture_bytes;
    pthread_mutex_unlock(&engine->lock);
}

/* Hands the incoming sequences to the scheduler, in order of arrival. */
static void take_incoming(struct engine *engine)
{
    struct sequence *newest = engine->incoming, *oldest = NULL;
    engine->incoming = NULL;
    while (newest) {
        struct sequence *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest) {
        struct sequence *next = oldest->next;
        scheduler_add(engine->scheduler, oldest);
        oldest = next;
    }
}

static void *run(void *arg)
{
    struct engine *engine = arg;
    bool busy = false;
    thread_step_back(); /* as the team that it computes with */
    pthread_mutex_lock(&engine->lock);
    for (;;) {
        while (!busy && !engine->incoming && !engine->stopping)
            pthread_cond_wait(&engine->wake, &engine->lock);
        take_incoming(engine);
        if (engine->stopping)
            break;
        pthread_mutex_unlock(&engine->lock);
        busy = scheduler_step(engine->scheduler);
        pthread_mutex_lock(&engine->lock);
        scheduler_figures(engine->scheduler, &engine->figures);
    }
    pthread_mutex_unlock(&engine->lock);
    scheduler_cancel_all(engine->scheduler);
    return NULL;
}

static enum status start(struct engine *engine, const struct engine_options *options,
                         struct reason *why)
{
    struct scheduler_options plan = {
        .threads = options->threads > 0 ? options->threads : cpu_usable_cores(),
        .max_sequences = or_default(options->max_sequences, DEFAULT_SEQUENCES),
        .prefill_chunk = or_default(options->prefill_chunk, DEFAULT_CHUNK),
        .kv_type = options->kv_type,
        .prefixes_apart = options->prefixes_apart,
        .image_cache_bytes =
            options->image_cache_bytes ? options->image_cache_bytes : DEFAULT_IMAGE_CACHE_BYTES,
        .on_end = sequence_ended,
        .arg = engine,
    };
    engine->most_live = plan.max_sequences + or_default(options->max_waiting, DEFAULT_WAITING);
    engine->picture_limit = plan_pictures(options);
    enum status status = plan_cache(engine, options, &plan.kv_pages, why);
    if (status == STATUS_OK)
        status = scheduler_create(engine->model, &plan, &engine->scheduler, why);
    if (status != STATUS_OK)
        return status;
    scheduler_figures(engine->scheduler, &engine->figures);
    const int error = pthread_create(&engine->thread, NULL, run, engine);
    if (error == 0)
        return STATUS_OK;
    scheduler_destroy(engine->scheduler);
    return reason_no_thread(why, error);
}

enum status engine_create(const struct model *model, const struct engine_options *options,
                          struct engine **out, struct reason *why)
{
    struct engine *engine = calloc(1, sizeof *engine);
    if (!engine)
        return reason_no_memory(why, sizeof *engine);
    engine->model = model;
    pthread_mutex_init(&engine->lock, NULL);
    pthread_cond_init(&engine->wake, NULL);
    pthread_mutex_init(&engine->vocabulary_lock, NULL);
    const enum status status = start(engine, options, why);
    if (status == STATUS_OK) {
        *out = engine;
        return STATUS_OK;
    }
    grammar_vocabulary_destroy(engine->vocabulary);
    pthread_mutex_destroy(&engine->vocabulary_lock);
    pthread_cond_destroy(&engine->wake);
    pthread_mutex_destroy(&engine->lock);
    free(engine);
    return status;
}

void engine_destroy(struct engine *engine)
{
    if (!engine)
        return;
    pthread_mutex_lock(&engine->lock);
    engine->stopping = true;
    pthread_cond_signal(&engine->wake);
    pthread_mutex_unlock(&engine->lock);
    pthread_join(engine->thread, NULL);
    scheduler_destroy(engine->scheduler);
    grammar_vocabulary_destroy(engine->vocabulary);
    pthread_mutex_destroy(&engine->vocabulary_lock);
    pthread_cond_destroy(&engine->wake);
    pthread_mutex_destroy(&engine->lock);
    free(engine);
}

static enum status picture_too_large(uint64_t bytes, uint64_t limit, struct reason *why)
{
    reason_set(why, "memory_full", "The pictures need %llu MiB; %llu MiB are set aside for them.",
               "图片需要 %llu MiB 内存，而预留的只有 %llu MiB。", (unsigned long long)(bytes >> 20),
               (unsigned long long)(limit >> 20));
    reason_hint(why, "Send fewer or smaller pictures.", "请减少图片数量或缩小图片。");
    return STATUS_NO_MEMORY;
}

/* Refuses pictures that can never fit, before they wait. */
static enum status check_pictures(const struct engine *engine, const struct sequence *sequence,
                                  struct reason *why)
{
    if (sequence->picture_bytes > engine->picture_limit)
        return picture_too_large(sequence->picture_bytes, engine->picture_limit, why);
    for (uint32_t i = 0; i < sequence->segment_count; i++) {
        const struct segment *segment = &sequence->segments[i];
        const size_t work = vision_work_bytes(engine->model, segment->h, segment->w);
        const size_t result = vision_result_bytes(engine->model, segment->h, segment->w);
        const uint64_t bytes = work > SIZE_MAX - result ? SIZE_MAX : work + result;
        if (bytes > engine->picture_limit)
            return picture_too_large(bytes, engine->picture_limit, why);
    }
    return STATUS_OK;
}

/* Whether one more fits; the reason says what is full, and how full. */
static enum status check_queue(const struct engine *engine, uint64_t picture_bytes,
                               struct reason *why)
{
    if (engine->live >= engine->most_live) {
        const uint32_t running = engine->figures.running;
        const uint32_t waiting = engine->live > running ? engine->live - running : 0;
        reason_set(why, "queue_full",
                   "%u requests are running and %u wait; no more than %u fit together.",
                   "正在运行的请求有 %u 个，排队的有 %u 个；合计不得超过 %u 个。", running, waiting,
                   engine->most_live);
        reason_hint(why, "Try again later.", "请稍后重试。");
        return STATUS_BUSY;
    }
    if (picture_bytes > engine->picture_limit - engine->picture_bytes) {
        reason_set(
            why, "queue_full",
            "The pictures need %llu MiB, and other requests' pictures hold %llu of %llu MiB.",
            "图片需要 %llu MiB 内存，而其他请求的图片已占用 %llu MiB（共 %llu MiB）。",
            (unsigned long long)(picture_bytes >> 20),
            (unsigned long long)(engine->picture_bytes >> 20),
            (unsigned long long)(engine->picture_limit >> 20));
        reason_hint(why, "Try again later, or send fewer or smaller pictures.",
                    "请稍后重试，或减少图片数量、缩小图片。");
        return STATUS_BUSY;
    }
    return STATUS_OK;
}

static enum status enqueue(struct engine *engine, struct sequence *sequence, struct sequence **out,
                           struct reason *why)
{
    if (engine->stopping) {
        reason_set(why, "draining", "The engine is shutting down.", "引擎正在关闭。");
        return STATUS_BUSY;
    }
    const enum status status = check_queue(engine, sequence->picture_bytes, why);
    if (status)
        return status;
    engine->live++;
    engine->picture_bytes += sequence->picture_bytes;
    *out = sequence; /* events may come as soon as the lock is free */
    sequence->next = engine->incoming;
    engine->incoming = sequence;
    pthread_cond_signal(&engine->wake);
    return STATUS_OK;
}

/* A seed for those who give none: from the system's randomness. */
static uint64_t draw_seed(void)
{
    uint64_t seed = 0;
    if (getentropy(&seed, sizeof seed) != 0)
        seed = (uint64_t)(uintptr_t)&seed;
    return seed;
}

enum status engine_prepare_grammars(struct engine *engine, struct reason *why)
{
    enum status status = STATUS_OK;
    pthread_mutex_lock(&engine->vocabulary_lock);
    if (!engine->vocabulary)
        status = grammar_vocabulary_create(engine->model->tokenizer, &engine->vocabulary, why);
    pthread_mutex_unlock(&engine->vocabulary_lock);
    return status;
}

static enum status guide_sequence(struct engine *engine, struct sequence *sequence,
                                  const struct engine_request *request, struct reason *why)
{
    const enum status status = engine_prepare_grammars(engine, why);
    return status ? status
                  : grammar_guide_create(request->grammar, engine->vocabulary,
                                         request->grammar_after, &sequence->guide, why);
}

enum status engine_submit(struct engine *engine, struct engine_request *request,
                          struct sequence **out, struct reason *why)
{
    if (!request->sampling.seeded)
        request->sampling.seed = draw_seed();
    struct sequence *sequence;
    enum status status = sequence_create(engine->model, engine->context, request, &sequence, why);
    if (status != STATUS_OK)
        return status;
    status = check_pictures(engine, sequence, why);
    if (status == STATUS_OK && request->grammar)
        status = guide_sequence(engine, sequence, request, why);
    if (status == STATUS_OK) {
        pthread_mutex_lock(&engine->lock);
        status = enqueue(engine, sequence, out, why);
        pthread_mutex_unlock(&engine->lock);
    }
    if (status != STATUS_OK)
        sequence_destroy(sequence);
    return status;
}

void engine_figures_read(const struct engine *engine, struct engine_figures *out)
{
    struct engine *owner = (struct engine *)(uintptr_t)engine;
    pthread_mutex_lock(&owner->lock);
    *out = engine->figures;
    out->context = engine->context;
    out->most_live = engine->most_live;
    out->progress = scheduler_progress(engine->scheduler);
    const uint32_t seen = out->running + out->waiting;
    out->waiting += engine->live > seen ? engine->live - seen : 0; /* not yet taken in */
    pthread_mutex_unlock(&owner->lock);
}

const struct model *engine_model(const struct engine *engine)
{
    return engine->model;
}
