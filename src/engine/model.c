#include "engine/model.h"

#include "engine/rope.h"
#include "kernels/kernels.h"
#include "model/quantize_plan.h"
#include "model/yarn.h"
#include "os/cpu.h"

#include <stdlib.h>

enum { PAGE_BYTES = 4096, PROGRESS_BYTES = 32 << 20 };

struct readying {
    const struct model_options *options;
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

static enum status pack(struct model *model, const struct packing_options *options,
                        struct reason *why)
{
    struct pool *pool;
    enum status status = pool_create(cpu_usable_cores(), &pool, why);
    if (status != STATUS_OK)
        return status;
    status = packing_create(&model->weights, model->config.text.layers, options, pool,
                            &model->packing, why);
    pool_destroy(pool);
    return status;
}

/* The first type with which the weights are small enough; NULL: none is, or there is no need. */
static enum status find_fitting(const struct model *model, uint64_t fit_bytes,
                                const enum dtype **out, struct reason *why)
{
    static const enum dtype types[] = {DTYPE_Q8_0, DTYPE_Q6_K, DTYPE_Q5_K, DTYPE_Q4_K};
    const uint64_t bytes = checkpoint_bytes(model->checkpoint);
    *out = NULL;
    if (fit_bytes == 0 || bytes <= fit_bytes)
        return STATUS_OK;
    for (size_t i = 0; i < ARRAY_LEN(types) && !*out; i++) {
        struct quantize_plan plan;
        const enum status status = quantize_plan_text(model, types[i], &plan, why);
        if (status != STATUS_OK)
            return status;
        if (bytes - quantize_plan_source_bytes(&plan) + plan.bytes <= fit_bytes)
            *out = &types[i];
        quantize_plan_release(&plan);
    }
    return STATUS_OK;
}

static enum status transform(struct model *model, struct readying *r, struct reason *why)
{
    struct kernels kernels;
    kernels_select(&kernels);
    struct packing_options options = {
        .tiles = kernels.integer && !model->exact, .progress = on_packed, .arg = r};
    const enum dtype *type = r->options->quantize;
    enum status status = STATUS_OK;
    if (!type)
        status = find_fitting(model, r->options->fit_bytes, &type, why);
    if (status != STATUS_OK || (!type && !options.tiles))
        return status;
    struct quantize_plan plan = {0};
    if (type)
        status = quantize_plan_text(model, *type, &plan, why);
    if (status == STATUS_OK)
        status = quantize_plan_check(&plan, why);
    options.plan = &plan;
    if (status == STATUS_OK)
        status = pack(model, &options, why);
    quantize_plan_release(&plan);
    model->quantized = type ? dtype_info(*type)->name : NULL;
    return status;
}

static bool is_packed(const struct model *model, const void *data)
{
    return model->packing && packing_has(model->packing, data);
}

/* Reads one byte of every page, so that the file is in memory before the first request. */
static void touch_weights(const struct model *model, struct readying *r)
{
    volatile unsigned char sink = 0;
    for (size_t i = 0; i < checkpoint_count(model->checkpoint); i++) {
        const struct tensor *tensor = checkpoint_at(model->checkpoint, i);
        const unsigned char *bytes = tensor->data;
        if (is_packed(model, bytes))
            continue;
        for (uint64_t at = 0; at < tensor->bytes; at += PAGE_BYTES)
            sink = (unsigned char)(sink + bytes[at]);
        advance(r, r->done + tensor->bytes);
    }
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
        readying.total = checkpoint_bytes(model->checkpoint);
        status = transform(model, &readying, why);
    }
    if (status != STATUS_OK) {
        model_destroy(model);
        return status;
    }
    touch_weights(model, &readying);
    advance(&readying, readying.total);
    *out = model;
    return STATUS_OK;
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
