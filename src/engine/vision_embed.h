/* The first step of the vision tower: patch embedding and learned positions (specification 5.1 and
 * 5.2), and the order of patches that everything after keeps. */
#pragma once

#include "engine/model.h"
#include "kernels/ops.h"

/* Row and column of the i-th patch: merge blocks row by row, in each its 2 × 2 patches
 * (specification 4.5). */
struct patch_place {
    uint32_t row, column;
};

static inline struct patch_place patch_place(uint32_t index, uint32_t w)
{
    const uint32_t block = index / 4, columns = w / 2;
    return (struct patch_place){
        .row = block / columns * 2 + index % 4 / 2,
        .column = block % columns * 2 + index % 2,
    };
}

/* x[h·w, VH] = patches · Wᵀ + b + the position table, interpolated bilinearly to h × w. */
void vision_embed(const struct model *model, struct compute *compute, const float *patches,
                  uint32_t h, uint32_t w, float *x);
