/* The vision tower: from the patches of one picture to the rows that replace its pad tokens
 * (specification 5).
 *
 * Immutable once created; its runs use the compute, so they belong to the scheduler thread. */
#pragma once

#include "engine/model.h"
#include "engine/rope.h"
#include "kernels/ops.h"

/* For tests: sees activations [n, dim] as they are made. stage: "input" (patch and position
 * embedding) or "block" with its index. */
typedef void vision_trace_fn(void *arg, const char *stage, uint32_t index, const float *x, size_t n,
                             size_t dim);

struct vision {
    const struct model *model; /* borrowed */
    struct compute *compute;   /* borrowed */
    struct vision_rope rope;
    vision_trace_fn *trace; /* NULL: none */
    void *trace_arg;
};

void vision_init(struct vision *vision, const struct model *model, struct compute *compute);

/* Most rows of X that a run gives to one matmul: compute_limits must allow them. */
enum { VISION_CHUNK_ROWS = 1024 };

/* Bytes a run over h × w patches needs besides its result; SIZE_MAX if that overflows. */
size_t vision_work_bytes(const struct model *model, uint32_t h, uint32_t w);

/* Bytes of the result. */
size_t vision_result_bytes(const struct model *model, uint32_t h, uint32_t w);

/* Encodes one picture, or one temporal group of a video: patches[h·w, 1536] in merge order →
 * out[1 + deepstack_count][h·w/4][H]: the embeddings, then each deepstack feature. h and w are
 * even. Codes: memory_full. */
MUST_CHECK enum status vision_run(const struct vision *vision, const float *patches, uint32_t h,
                                  uint32_t w, float *out, struct reason *why);
