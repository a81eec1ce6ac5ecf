/* A made-up model of few layers, ready to run: what env_measure.h times. */
#pragma once

#include "engine/decoder.h"
#include "engine/synthetic.h"

struct rig_plan {
    struct model_config config; /* of what is made */
    enum dtype type;
    uint32_t true_layers; /* that it stands for */
    bool vision;
    int threads;
};

/* Layers that prompts go through: the decoder's fine ones, and as many others, since these may be
 * faster. */
enum { RIG_LAYERS = 2 * FINE_LAYERS };

struct rig {
    struct synthetic made;      /* if it has fewer layers than RIG_LAYERS, they stand there again */
    uint32_t layers;            /* that were made */
    double layer_s[RIG_LAYERS]; /* of the last rig_prompt */
    int64_t traced_ns;
    struct compute *compute;
    struct kv_cache *cache;
    struct decoder *decoder;
    struct kv_pages pages;
    struct decoder_row *rows;
    uint32_t tokens; /* of its one sequence, and of a batch */
};

/* How many layers, and how much vocabulary, stand for a whole model: as few as `wanted_bytes` of
 * weights take, and no more than most_bytes of memory. Code: memory_full. */
MUST_CHECK enum status rig_plan_text(const struct model_config *whole, enum dtype type,
                                     uint64_t wanted_bytes, uint64_t most_bytes,
                                     struct rig_plan *plan, struct reason *why);

/* tokens ≥ 1. Codes: memory_full, those of pool_create. */
MUST_CHECK enum status rig_init(struct rig *rig, const struct rig_plan *plan, uint32_t tokens,
                                struct reason *why);
void rig_release(struct rig *rig);

/* The first n ≥ 2 tokens of the sequence go through RIG_LAYERS layers in the batches that the
 * scheduler makes of a long prompt, without the output head. Notes the time of each layer. */
void rig_prompt(struct rig *rig, uint32_t n);

/* One token goes through the layers that were made, as when answering; with_head: it gets its
 * logits. */
void rig_step(struct rig *rig, uint32_t index, bool with_head);

/* A picture of side × side patches goes through the vision tower. Code: memory_full. */
MUST_CHECK enum status rig_look(struct rig *rig, uint32_t side, struct reason *why);
