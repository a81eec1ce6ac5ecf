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

struct rig {
    struct synthetic made;
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

/* Tokens [first, first + n) of the sequence go through the decoder, as of a long prompt if n > 1;
 * with_head: the last one gets its logits. */
void rig_forward(struct rig *rig, uint32_t first, uint32_t n, bool with_head);

/* A picture of side × side patches goes through the vision tower. Code: memory_full. */
MUST_CHECK enum status rig_look(struct rig *rig, uint32_t side, struct reason *why);
