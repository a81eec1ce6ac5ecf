#include "engine/model.h"

#include "engine/rope.h"
#include "kernels/kernels.h"
#include "model/quantize_plan.h"
#include "model/yarn.h"
#include "os/cpu.h"

#include <stdlib.h>
#include <sys/mman.h>

enum { PAGE_BYTES = 4096, TOUCH_BYTES = 4 << 20, PROGRESS_BYTES = 32 << 20 };

struct readying {
    const struct model_options *options;
    bool tiles;                     /* for the integer kernels */
    uint64_t done, reported, total; /* bytes */
};

static void advance(struct readying *r, uint64_t done)
{
    r->done = done;
    if (r->options->progress && (done >= r->reported + PROGRESS_BYTES || done == r->total)) {
        r->reported = done;
        r->options->progress(r->options->arg, done, r->total);
    }
}

static void on_packed(void *arg, uint64_t done_bytes)
{
    advance(arg, done_bytes);
}

/* The first type with which the weights are small enough; NULL: none is, or there is no need. */
static enum status find_fitting(const struct model *model, uint64_t fit_bytes,
                                const enum dtype **out, struct reason *why)
{
    const uint64_t bytes = checkpoint_bytes(model->checkpoint);
    *out = NULL;
    if (fit_bytes == 0 || bytes <= fit_bytes)
        return STATUS_OK;
    for (size_t i = 0; i < QUANTIZE_SMALLER_COUNT && !*out; i++) {
        struct quantize_plan plan;
        const enum status status = quantize_plan_text(model, quantize_smaller[i], &plan, why);
        if (status != STATUS_OK)
            return status;
        if (bytes - quantize_plan_source_bytes(&plan) + plan.bytes <= fit_bytes)
            *out = &quantize_smaller[i];
        quantize_plan_release(&plan);
    }
    return STATUS_OK;
}

static enum status quantize_to(struct model *model, enum dtype type, struct readying *r,
                               struct pool *pool, struct reason *why)
{
    struct packing_options options = {.tiles = r->tiles, .progress = on_packed, .arg = r};
    struct quantize_plan plan;
    enum status status = quantize_plan_text(model, type, &plan, why);
    options.plan = &plan;
    if (status == STATUS_OK)
        status = quantize_plan_check(&plan, why);
    if (status == STATUS_OK)
        status = packing_create(&model->weights, model->config.text.layers, &options, pool,
                                &model->packing, why);
    quantize_plan_release(&plan);
    model->quantized = dtype_info(type)->name;
    return status;
}

/* One tensor's pages. */
struct pages {
    const unsigned char *begin, *end;
};

/* Reads the file; where the system cannot be asked to, by reading one byte of every page. */
static void touch(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct pages *pages = arg;
    const unsigned char *from = pages->begin + begin * TOUCH_BYTES;
    const unsigned char *to = pages->begin + end * TOUCH_BYTES;
    to = to < pages->end ? to : pages->end;
#ifdef MADV_POPULATE_READ
    if (madvise((void *)(uintptr_t)from, (size_t)(to - from), MADV_POPULATE_READ) == 0)
        return;
#endif
    volatile unsigned char sink = 0;
    for (; from < to; from += PAGE_BYTES)
        sink = (unsigned char)(sink + *from);
}

/* So that the file is in memory before the first request. */
static void touch_weights(const struct model *model, struct readying *r, struct pool *pool)
{
    for (size_t i = 0; i < checkpoint_count(model->checkpoint); i++) {
        const struct tensor *tensor = checkpoint_at(model->checkpoint, i);
        if (model->packing && packing_has(model->packing, tensor->data))
            continue;
        const uintptr_t data = (uintptr_t)tensor->data, page = data / PAGE_BYTES * PAGE_BYTES;
        struct pages pages = {(const unsigned char *)page,
                              (const unsigned char *)data + tensor->bytes};
        const size_t bytes = (size_t)(pages.end - pages.begin);
        pool_run(pool, (bytes + TOUCH_BYTES - 1) / TOUCH_BYTES, 1, touch, &pages);
        advance(r, r->done + tensor->bytes);
    }
}

/* Takes over the pool. */
static enum status pack_in_background(struct model *model, struct pool *pool, struct reason *why)
{
    const struct packing_options options = {.tiles = true, .background = true};
    const enum status status = packing_create(&model->weights, model->config.text.layers, &options,
                                              pool, &model->packing, why);
    if (status != STATUS_OK)
        pool_destroy(pool);
    return status;
}

/* What is not quantised is read first, and then packed: the file's pages are in memory anyway. */
static enum status make_weights_ready(struct model *model, struct readying *r, struct reason *why)
{
    r->total = checkpoint_bytes(model->checkpoint);
    const enum dtype *type = r->options->quantize;
    struct pool *pool;
    enum status status = pool_create(cpu_usable_cores(), &pool, why);
    if (status != STATUS_OK)
        return status;
    if (!type)
        status = find_fitting(model, r->options->fit_bytes, &type, why);
    if (status == STATUS_OK && type)
        status = quantize_to(model, *type, r, pool, why);
    if (status == STATUS_OK) {
        touch_weights(model, r, pool);
        advance(r, r->total);
    }
    if (status == STATUS_OK && r->tiles && !type)
        return pack_in_background(model, pool, why);
    pool_destroy(pool);
    return status;
}

static enum status make_ready(struct model *model, struct readying *r, struct reason *why)
{
    struct kernels kernels;
    kernels_select(&kernels);
    r->tiles = kernels.integer && !model->exact;
    const enum status status = make_weights_ready(model, r, why);
    model->fast = !model->exact && (kernels.bf16 || model->weights.layers[0].gate.tiled);
    return status;
}

/* The heads must have a size that the kernels take. */
static enum status check_heads(const struct model *model, const char *path, struct reason *why)
{
    const struct text_config *text = &model->config.text;
    const struct vision_config *vision = &model->config.vision;
    const uint32_t vision_head = vision->hidden_size / vision->heads;
    if (text->head_dim > 2 * ROPE_HALF_MAX || vision_head > 2 * ROPE_HALF_MAX ||
        vision_head % 4 != 0) {
        reason_set(why, "bad_config", "Attention heads of size %u and %u are not supported.",
                   "不支持大小为 %u 和 %u 的注意力头。", text->head_dim, vision_head);
        reason_subject(why, "%s", path);
        return STATUS_INVALID;
    }
    return STATUS_OK;
}

enum status model_load(const char *path, const struct model_options *options, struct model **out,
                       struct reason *why)
{
    static const struct model_options usual;
    struct readying readying = {.options = options ? options : &usual};
    struct model *model = calloc(1, sizeof *model);
    if (!model)
        return reason_no_memory(why, sizeof *model);
    enum status status = model_open(path, readying.options->mmproj, model, why);
    if (status == STATUS_OK)
        status = check_heads(model, path, why);
    if (status == STATUS_OK) {
        if (readying.options->yarn_factor > 0)
            yarn_stretch(&model->config.text, readying.options->yarn_factor);
        model->exact = readying.options->exact;
        status = make_ready(model, &readying, why);
    }
    if (status != STATUS_OK) {
        model_destroy(model);
        return status;
    }
    *out = model;
    return STATUS_OK;
}

void model_settle(struct model *model)
{
    if (model->packing)
        packing_finish(model->packing);
}

uint64_t model_bytes(const struct model *model)
{
    const uint64_t bytes = checkpoint_bytes(model->checkpoint);
    const struct packing *packing = model->packing;
    return packing ? bytes - packing_source_bytes(packing) + packing_bytes(packing) : bytes;
}

void model_destroy(struct model *model)
{
    if (!model)
        return;
    model_close(model);
    free(model);
}
