/* Sizes and resampling (specification 4.2, 4.3, 4.6). */
#pragma once

#include "image/image.h"

struct pixel_budget {
    uint64_t min_pixels, max_pixels;
};

/* Smart resize of one picture: both sides multiples of `factor`, the product within the budget.
 * Errors: invalid_image if one side is more than 200 times the other. */
MUST_CHECK enum status resize_plan_image(uint32_t height, uint32_t width, uint32_t factor,
                                         struct pixel_budget budget, uint32_t *out_height,
                                         uint32_t *out_width, struct reason *why);

/* The same for a clip of `frames` frames, whose budget is over all frames (4.6). Errors:
 * invalid_video if frames < 2 or the ratio is over 200. */
MUST_CHECK enum status resize_plan_video(uint32_t frames, uint32_t height, uint32_t width,
                                         uint32_t factor, struct pixel_budget budget,
                                         uint32_t *out_height, uint32_t *out_width,
                                         struct reason *why);

/* Pillow's antialiased bicubic on 8-bit RGB, horizontal pass first, 22-bit fixed point; a side
 * that keeps its size is not resampled. `out` is allocated here. */
MUST_CHECK enum status resize_bicubic(const struct image *in, uint32_t height, uint32_t width,
                                      struct image *out, struct reason *why);
