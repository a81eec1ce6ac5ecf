/* A loaded checkpoint: configuration, verified weights, tokenizer, template. Immutable and shared.
 */
#pragma once

#include "model/chat_template.h"
#include "model/checkpoint.h"
#include "model/config.h"
#include "model/tokenizer.h"
#include "model/weights.h"

struct model {
    struct model_config config;
    struct checkpoint *checkpoint;
    struct weights weights;
    struct tokenizer *tokenizer;
    enum template_kind template_kind;
    bool template_known; /* false: the checkpoint ships another template than the two official */
};

/* Called from the loading thread with 0 ≤ done ≤ total bytes; may be NULL. */
typedef void model_progress_fn(void *arg, uint64_t done, uint64_t total);

/* Loads a checkpoint directory. Touches every weight page, so that the first token is not slow.
 * Codes: those of checkpoint.h, config.h, weights.h, tokenizer.h; bad_config if the parts do not
 * fit each other. */
MUST_CHECK enum status model_load(const char *path, model_progress_fn *progress, void *arg,
                                  struct model **out, struct reason *why);
void model_destroy(struct model *model); /* takes NULL */
