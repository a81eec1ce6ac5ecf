#include "cli/engine_bench.h"

#include "base/clock.h"
#include "engine/decoder.h"
#include "engine/rows.h"
#include "engine/sequence.h"
#include "engine/synthetic.h"
#include "engine/vision.h"
#include "image/resize.h"
#include "os/cpu.h"
#include "os/memory.h"

#include <stdio.h>
#include <stdlib.h>

enum { CHUNK = 512, SIDE_FACTOR = 32 };

struct bench {
    const struct engine_bench *plan;
    struct engine_figures_measured *out;
    struct synthetic synthetic;
    struct model *loaded;
    const struct model *model;
    struct compute *compute;
    struct kv_cache *cache;
    struct decoder *decoder;
    struct kv_pages *sequences; /* [batch] */
    struct decoder_row *rows;
};

static double ms_since(int64_t start)
{
    return (double)(clock_ns(&clock_system) - start) * 1e-6;
}

static enum status load(struct bench *b, int threads, struct reason *why)
{
    const struct engine_bench *plan = b->plan;
    const int64_t start = clock_ns(&clock_system);
    enum status status;
    if (plan->model) {
        const struct model_options options = {
            .mmproj = plan->mmproj, .exact = plan->exact, .quantize = plan->quantize};
        status = model_load(plan->model, &options, &b->loaded, why);
        b->model = b->loaded;
        if (status == STATUS_OK)
            b->out->weights_bytes = model_bytes(b->loaded);
        snprintf(b->out->name, sizeof b->out->name, "%s", plan->model);
    } else {
        struct pool *pool;
        status = pool_create(threads, &pool, why);
        if (status != STATUS_OK)
            return status;
        status = synthetic_create(plan->shape, plan->type, plan->layers, plan->image_width > 0,
                                  pool, &b->synthetic, why);
        pool_destroy(pool);
        b->model = &b->synthetic.model;
        b->out->weights_bytes = b->synthetic.weight_bytes;
        snprintf(b->out->name, sizeof b->out->name, "%s %s", plan->shape, plan->type);
    }
    b->out->load_ms = ms_since(start);
    if (b->loaded && status == STATUS_OK)
        model_settle(b->loaded);
    return status;
}

static enum status prepare(struct bench *b, int threads, struct reason *why)
{
    const struct engine_bench *plan = b->plan;
    const uint32_t rows = CHUNK + plan->batch, tokens = plan->prompt_tokens + plan->generate + 1;
    const uint32_t pages = kv_pages_for(tokens);
    const struct compute_limits limits = compute_limits_of(&b->model->config, rows);
    const enum kv_type kv = b->model->exact ? KV_F32 : KV_F16;
    enum status status = compute_create(threads, limits, &b->compute, why);
    if (status == STATUS_OK)
        compute_set_exact(b->compute, b->model->exact);
    if (status == STATUS_OK)
        status = kv_cache_create(&b->model->config.text, kv, pages * plan->batch, &b->cache, why);
    if (status == STATUS_OK)
        status = decoder_create(b->model, b->compute, b->cache,
                                (struct decoder_limits){rows, plan->batch}, &b->decoder, why);
    b->rows = calloc(rows, sizeof *b->rows);
    b->sequences = calloc(plan->batch, sizeof *b->sequences);
    if (status == STATUS_OK && (!b->rows || !b->sequences))
        return reason_no_memory(why, rows * sizeof *b->rows);
    for (uint32_t i = 0; status == STATUS_OK && i < plan->batch; i++) {
        b->sequences[i].list = calloc(pages, sizeof *b->sequences[i].list);
        b->sequences[i].cap = pages;
        if (!b->sequences[i].list || !kv_pages_grow(b->cache, &b->sequences[i], tokens))
            return reason_no_memory(why, pages);
    }
    return status;
}

static struct decoder_row row_of(const struct bench *b, uint32_t sequence, uint32_t index)
{
    return (struct decoder_row){
        .token = (int32_t)((index * 7919 + sequence) % b->model->config.text.vocab_size),
        .position = {(int32_t)index, (int32_t)index, (int32_t)index},
        .pages = &b->sequences[sequence],
        .index = index,
    };
}

/* The tokens in the batches that the scheduler makes. */
static void measure_prompt(struct bench *b)
{
    const uint32_t total = b->plan->prompt_tokens, fast = fast_rows_of(total);
    const int64_t start = clock_ns(&clock_system);
    for (uint32_t done = 0; done < total;) {
        const uint32_t end = done < fast ? fast : total;
        const uint32_t n = end - done < CHUNK ? end - done : CHUNK;
        for (uint32_t i = 0; i < n; i++) {
            b->rows[i] = row_of(b, 0, done + i);
            b->rows[i].fast = done < fast;
        }
        done += n;
        b->rows[n - 1].wants_logits = done == total;
        decoder_forward(b->decoder, b->rows, n);
    }
    b->out->prefill_tokens_per_s = total / (ms_since(start) * 1e-3);
}

static void measure_decoding(struct bench *b)
{
    const struct engine_bench *plan = b->plan;
    int64_t start = 0;
    for (uint32_t step = 0; step <= plan->generate; step++) { /* the first one warms up */
        if (step == 1)
            start = clock_ns(&clock_system);
        for (uint32_t i = 0; i < plan->batch; i++) {
            b->rows[i] = row_of(b, i, plan->prompt_tokens + step);
            b->rows[i].wants_logits = true;
        }
        decoder_forward(b->decoder, b->rows, plan->batch);
    }
    b->out->decode_tokens_per_s = (double)plan->generate * plan->batch / (ms_since(start) * 1e-3);
}

static enum status measure_picture(struct bench *b, struct reason *why)
{
    const struct engine_bench *plan = b->plan;
    const struct pixel_budget budget = {65536, 16777216};
    uint32_t height, width;
    enum status status = resize_plan_image(plan->image_height, plan->image_width, SIDE_FACTOR,
                                           budget, &height, &width, why);
    if (status != STATUS_OK)
        return status;
    const uint32_t h = height / 16, w = width / 16;
    float *patches = calloc((size_t)h * w, PATCH_FLOATS * sizeof *patches);
    float *out = malloc(vision_result_bytes(b->model, h, w));
    struct vision vision;
    vision_init(&vision, b->model, b->compute);
    status = patches && out ? STATUS_OK : reason_no_memory(why, (size_t)h * w * PATCH_FLOATS);
    const int64_t start = clock_ns(&clock_system);
    if (status == STATUS_OK)
        status = vision_run(&vision, patches, h, w, out, why);
    b->out->vision_ms = ms_since(start);
    free(patches);
    free(out);
    return status;
}

static enum status measure(struct bench *b, struct reason *why)
{
    if (b->plan->prompt_tokens)
        measure_prompt(b);
    if (b->plan->generate)
        measure_decoding(b);
    struct memory_figures memory;
    memory_figures_read(&memory);
    b->out->rss_bytes = memory.resident;
    b->out->kernels = compute_kernels(b->compute)->name;
    return b->plan->image_width ? measure_picture(b, why) : STATUS_OK;
}

static void release(struct bench *b)
{
    for (uint32_t i = 0; b->sequences && i < b->plan->batch; i++)
        free(b->sequences[i].list);
    free(b->sequences);
    free(b->rows);
    decoder_destroy(b->decoder);
    kv_cache_destroy(b->cache);
    compute_destroy(b->compute);
    synthetic_release(&b->synthetic);
    model_destroy(b->loaded);
}

enum status engine_bench_run(const struct engine_bench *plan, struct engine_figures_measured *out,
                             struct reason *why)
{
    const int threads = plan->threads ? plan->threads : cpu_usable_cores();
    struct bench b = {.plan = plan, .out = out};
    *out = (struct engine_figures_measured){.threads = threads};
    enum status status = load(&b, threads, why);
    if (status == STATUS_OK)
        status = prepare(&b, threads, why);
    if (status == STATUS_OK)
        status = measure(&b, why);
    release(&b);
    return status;
}
