/* Loading a model for the engine, which shares it among its threads. */
#pragma once

#include "model/load.h"

/* Called from the loading thread with 0 ≤ done ≤ total bytes; may be NULL. */
typedef void model_progress_fn(void *arg, uint64_t done, uint64_t total);

/* As model_open, and touches every weight page, so that the first token is not slow. Codes: those
 * of model_open; bad_config too if the engine cannot run heads of that size. */
MUST_CHECK enum status model_load(const char *path, const char *mmproj, model_progress_fn *progress,
                                  void *arg, struct model **out, struct reason *why);
void model_destroy(struct model *model); /* takes NULL */
