/* What a model of some configuration takes: counted from the shapes of its tensors, as the
 * quantiser's plan has them (model/quantize_plan.h). */
#pragma once

#include "engine/kv_cache.h"
#include "model/config.h"

/* Bytes, and multiplications of weights. */
struct model_sizes {
    uint32_t layers;               /* of the decoder */
    uint64_t text_bytes;           /* weights of the text model */
    uint64_t vision_bytes;         /* of the vision tower and its mergers, in 16 bits */
    uint64_t layer_bytes;          /* of them, matrices of the decoder layers */
    uint64_t head_bytes;           /* the output head: read once per token, as the layers */
    uint64_t layer_products;       /* of one token in the decoder layers */
    uint64_t block_products;       /* of one patch in the vision blocks */
    uint64_t merger_products;      /* of four patches in the mergers */
    uint64_t patch_embed_products; /* of one patch */
};

/* type: as --quantize; a plain one means that all weights are kept so. Code: memory_full. */
MUST_CHECK enum status model_sizes_count(const struct model_config *config, enum dtype type,
                                         struct model_sizes *out, struct reason *why);

/* The service's memory beside the weights. */
struct serving_sizes {
    uint64_t kv_bytes;
    uint32_t context; /* tokens of one conversation that the KV cache holds */
    uint64_t
        work_bytes; /* activations, one picture of PICTURE_SIDE² pixels, image cache, program */
};

enum { PICTURE_SIDE = 1024 };

/* With the default settings of `qvl serve`; context: other than these, or 0. Codes: memory_full,
 * those of settings_load. */
MUST_CHECK enum status serving_sizes_count(const struct model_config *config, uint32_t context,
                                           int threads, struct serving_sizes *out,
                                           struct reason *why);
