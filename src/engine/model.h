/* Loading a model for the engine, which shares it among its threads. */
#pragma once

#include "model/load.h"

/* Called from the loading thread with 0 ≤ done ≤ total bytes; may be NULL. */
typedef void model_progress_fn(void *arg, uint64_t done, uint64_t total);

struct model_options {
    const char *mmproj; /* see model_open */
    bool exact; /* the engine computes in F32: weights stay as they are, their values are used */
    model_progress_fn *progress;
    void *arg; /* of progress */
};

/* As model_open, and makes the weights ready: block-quantised matrices are packed for the integer
 * kernels, if the processor has them, and every other weight page is touched, so that the first
 * token is not slow. `options` may be NULL. Codes: those of model_open; bad_config too if the
 * engine cannot run heads of that size; memory_full. */
MUST_CHECK enum status model_load(const char *path, const struct model_options *options,
                                  struct model **out, struct reason *why);
void model_destroy(struct model *model); /* takes NULL */
