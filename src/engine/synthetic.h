/* Models of a true shape with made-up weights: for measuring speed where no checkpoint is at hand.
 *
 * Speed does not depend on the values. The weights go through the same steps as a checkpoint's:
 * block-quantised ones come from a mapped file and are packed. There is no tokenizer: such a model
 * goes to a decoder or a vision tower, not to an engine. */
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

/* "qwen3-vl-2b", "-4b", "-8b", "-32b"; "f32", "f16", "bf16", or a block dtype's name in lower case;
 * "q4_k" and "q5_k" mix in Q6_K as llama.cpp's _M files do. layers 0: all. vision: with a vision
 * tower, in BF16. Codes: invalid_value memory_full. */
MUST_CHECK enum status synthetic_create(const char *shape, const char *type, uint32_t layers,
                                        bool vision, struct pool *pool, struct synthetic *out,
                                        struct reason *why);
void synthetic_release(struct synthetic *synthetic);
