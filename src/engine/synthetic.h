/* Models of a true shape with made-up weights: for measuring speed where no checkpoint is at hand.
 *
 * Speed does not depend on the values. The weights go through the same steps as a checkpoint's:
 * block-quantised ones are packed, and the pages that they came from are given back. There is no
 * tokenizer: such a model goes to a decoder or a vision tower, not to an engine.
 */
#pragma once

#include "engine/model.h"
#include "model/packing.h"

struct synthetic {
    struct model model;
    struct packing *packing;
    uint64_t weight_bytes; /* of the text model, as quantised */
    struct arena arena;
    void *mapping; /* the made-up file */
    size_t mapping_bytes;
};

struct synthetic_plan {
    struct model_config config; /* also with fewer layers, a smaller vocabulary, fewer blocks */
    enum dtype type; /* of the text model; Q4_K and Q5_K mix in Q6_K as llama.cpp's _M files do */
    uint32_t true_layers; /* of the model that the layers stand for; 0: as many */
    bool vision;          /* with a vision tower, in BF16 */
};

/* The configuration of "qwen3-vl-2b", "-4b", "-8b", "-32b". Code: invalid_value. */
MUST_CHECK enum status synthetic_config(const char *shape, struct model_config *out,
                                        struct reason *why);

/* Code: memory_full. */
MUST_CHECK enum status synthetic_build(const struct synthetic_plan *plan, struct pool *pool,
                                       struct synthetic *out, struct reason *why);

/* Only the shapes of all weights, in BF16, without values: for counting. Code: memory_full. */
MUST_CHECK enum status synthetic_outline(const struct model_config *config, struct synthetic *out,
                                         struct reason *why);

/* By the name of a shape; "f32", "f16", "bf16", or a block dtype's name in lower case. layers 0:
 * all. Codes: invalid_value memory_full. */
MUST_CHECK enum status synthetic_create(const char *shape, const char *type, uint32_t layers,
                                        bool vision, struct pool *pool, struct synthetic *out,
                                        struct reason *why);
void synthetic_release(struct synthetic *synthetic);
