/* Every matrix and vector of Qwen3-VL in its place, verified (specification 1.3).
 *
 * Matrices point into the checkpoint's mapping, in the checkpoint's dtype; vectors (norms, biases,
 * the position table) are converted to F32 once and owned here. */
#pragma once

#include "model/checkpoint.h"
#include "model/config.h"

struct norm {
    const float *weight;
    const float *bias; /* LayerNorm; NULL: RMSNorm */
};

struct text_layer {
    struct norm input_norm, post_attention_norm, q_norm, k_norm;
    struct matrix q, k, v, o, gate, up, down;
};

struct vision_block {
    struct norm norm1, norm2;
    struct matrix qkv, proj, fc1, fc2;
};

struct merger {
    struct norm norm; /* over VH (main merger) or 4·VH (deepstack) */
    struct matrix fc1, fc2;
};

struct weights {
    struct matrix embed; /* [vocab, H] */
    struct text_layer *layers;
    struct norm final_norm;
    struct matrix head; /* == embed when tied */

    struct matrix patch_embed;   /* [VH, 1536] */
    const float *position_table; /* [side², VH] */
    struct vision_block *blocks;
    struct merger merger;
    struct merger deepstack[DEEPSTACK_MAX];
    uint64_t parameters;

    struct arena *arena; /* owns layers, blocks and the F32 vectors */
};

/* Finds and checks every tensor. Codes: missing_tensor wrong_shape wrong_dtype extra_tensor (a
 * tensor of this architecture's names beyond the configured depth). */
MUST_CHECK enum status weights_bind(const struct checkpoint *checkpoint,
                                    const struct model_config *config, struct weights *out,
                                    struct reason *why);
void weights_release(struct weights *weights);
