#include "engine/model.h"

#include "engine/rope.h"

#include <stdlib.h>

enum { PAGE_BYTES = 4096, PROGRESS_BYTES = 32 << 20 };

/* Reads one byte of every page, so that the file is in memory before the first request. */
static void touch_weights(const struct checkpoint *checkpoint, model_progress_fn *progress,
                          void *arg)
{
    const uint64_t total = checkpoint_bytes(checkpoint);
    uint64_t done = 0, reported = 0;
    volatile unsigned char sink = 0;
    for (size_t i = 0; i < checkpoint_count(checkpoint); i++) {
        const struct tensor *tensor = checkpoint_at(checkpoint, i);
        const unsigned char *bytes = tensor->data;
        for (uint64_t at = 0; at < tensor->bytes; at += PAGE_BYTES) {
            sink = (unsigned char)(sink + bytes[at]);
            if (progress && done + at >= reported + PROGRESS_BYTES) {
                reported = done + at;
                progress(arg, reported, total);
            }
        }
        done += tensor->bytes;
    }
    if (progress)
        progress(arg, total, total);
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

enum status model_load(const char *path, const char *mmproj, model_progress_fn *progress, void *arg,
                       struct model **out, struct reason *why)
{
    struct model *model = calloc(1, sizeof *model);
    if (!model)
        return reason_no_memory(why, sizeof *model);
    enum status status = model_open(path, mmproj, model, why);
    if (status == STATUS_OK)
        status = check_heads(model, path, why);
    if (status != STATUS_OK) {
        model_destroy(model);
        return status;
    }
    touch_weights(model->checkpoint, progress, arg);
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
