#include "engine/model.h"

#include "engine/rope.h"
#include "kernels/kernels.h"
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

static enum status pack(struct model *model, struct readying *r, struct reason *why)
{
    struct kernels kernels;
    kernels_select(&kernels);
    if (model->exact || !kernels.integer)
        return STATUS_OK;
    struct pool *pool;
    enum status status = pool_create(cpu_usable_cores(), &pool, why);
    if (status != STATUS_OK)
        return status;
    status = packing_create(&model->weights, model->config.text.layers, pool, on_packed, r,
                            &model->packing, why);
    pool_destroy(pool);
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
        model->exact = readying.options->exact;
        readying.total = checkpoint_bytes(model->checkpoint);
        status = pack(model, &readying, why);
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

void model_destroy(struct model *model)
{
    if (!model)
        return;
    model_close(model);
    free(model);
}
