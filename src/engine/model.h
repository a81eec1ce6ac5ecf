/* Loading a model for the engine, which shares it among its threads. */
#pragma once

#include "model/load.h"

/* Called from the loading thread with 0 ≤ done ≤ total bytes; may be NULL. */
typedef void model_progress_fn(void *arg, uint64_t done, uint64_t total);

struct model_options {
    const char *mmproj; /* see model_open */
    bool exact;         /* the engine computes in F32, with the values of the weights as they are */
    const enum dtype *quantize; /* the text model is quantised to this; NULL: it stays as it is */
    /* Without `quantize`: if the weights are larger than this, the text model is quantised to the
     * best type with which they are not; 0: never. */
    uint64_t fit_bytes;
    double yarn_factor; /* ≥ 1: the text model's context is stretched (yarn.h); 0: as it is */
    model_progress_fn *progress;
    void *arg; /* of progress */
};

/* As model_open, and makes the weights ready: matrices are quantised as quantize_file.h would, if
 * that is asked for, and every other page of the file is read, so that the first token is not slow.
 * Then, if the processor has integer kernels, block-quantised matrices are packed for them in the
 * background: until that is done, products are slower. `options` may be NULL. Codes: those of
 * model_open; bad_config too if the engine cannot run heads of that size; invalid_value
 * (quantize_plan_check); memory_full. */
MUST_CHECK enum status model_load(const char *path, const struct model_options *options,
                                  struct model **out, struct reason *why);

/* Waits until what is done in the background is done. Only the thread that destroys the model. */
void model_settle(struct model *model);

/* Bytes of the weights as they are now. */
uint64_t model_bytes(const struct model *model);
void model_destroy(struct model *model); /* takes NULL */
