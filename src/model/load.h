/* A model from whichever files it comes in: configuration, verified weights, tokenizer, chat
 * template. Immutable. */
#pragma once

#include "model/chat_template.h"
#include "model/checkpoint.h"
#include "model/config.h"
#include "model/packing.h"
#include "model/tokenizer.h"
#include "model/weights.h"

struct model {
    struct model_config config;
    struct checkpoint *checkpoint;
    struct weights weights;
    struct tokenizer *tokenizer;
    enum template_kind template_kind;
    const char *quantized; /* the type that the text model was brought to when loaded, or NULL */
    bool exact;            /* to be computed in F32: see model_options */
    bool fast;             /* rows of long prompts gain by less precision: see kernels/ops.h */
    bool template_known;   /* false: the checkpoint ships another template than the two official */
    struct packing *packing; /* NULL: the weights are as the files have them */
};

/* path: a Hugging Face directory, or the GGUF file of the text model (the first, if there are
 * several). mmproj: the GGUF file of the vision part; NULL or "" for the only mmproj*.gguf beside
 * the text model, and for directories. Codes: those of checkpoint.h, config.h, weights.h,
 * tokenizer.h, gguf_files.h, gguf_config.h; bad_tokenizer too if the parts do not fit each other.
 */
MUST_CHECK enum status model_open(const char *path, const char *mmproj, struct model *out,
                                  struct reason *why);
void model_close(struct model *model); /* takes a zeroed one too */
