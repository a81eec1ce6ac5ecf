/* From RGB frames to the vision tower's patch matrix (specification 4.4 to 4.6). */
#pragma once

#include "image/image.h"

/* Temporal groups, patch rows, patch columns. */
struct grid {
    uint32_t t, h, w;
};

/* Numbers of one patch: 3 colours × 2 frames × 16 × 16. */
enum { PATCH_FLOATS = 1536 };

/* Patches of a grid; merged tokens are a quarter (merge size 2). */
static inline size_t grid_patches(struct grid g)
{
    return (size_t)g.t * g.h * g.w;
}

/* One picture whose sides are multiples of 32 → out [h·w, 1536] F32 in merge order (4.5), both
 * frames of the temporal pair equal; x = (p/255 - 0.5) / 0.5 in float32. The caller provides
 * grid_patches × 1536 floats. */
struct grid patches_from_image(const struct image *image, float *out);

/* `frames` pictures of one size (an odd last one is repeated) → out [t·h·w, 1536]. */
struct grid patches_from_frames(const struct image *frames, uint32_t count, float *out);
