#include "image/patches.h"

#include <string.h>

enum { PATCH = 16, MERGE = 2, CHANNELS = 3 };
_Static_assert(PATCH_FLOATS == CHANNELS * 2 * PATCH * PATCH, "the size of a patch");

/* (p/255 - 0.5) / 0.5 in float32 for every 8-bit value. */
static void fill_levels(float levels[256])
{
    for (int p = 0; p < 256; p++)
        levels[p] = ((float)p / 255.0f - 0.5f) / 0.5f;
}

/* One frame's half of a patch: [channel][y][x] at a channel stride of two frames. */
static void fill_half(const float levels[256], const struct image *frame, size_t row, size_t column,
                      float *out)
{
    for (size_t c = 0; c < CHANNELS; c++, out += 2 * PATCH * PATCH)
        for (size_t y = 0; y < PATCH; y++) {
            const uint8_t *from =
                frame->rgb + ((row * PATCH + y) * frame->width + column * PATCH) * 3 + c;
            for (size_t x = 0; x < PATCH; x++)
                out[y * PATCH + x] = levels[from[x * 3]];
        }
}

/* One temporal group; rows in merge order (specification 4.5). Returns the end of what it wrote. */
static float *fill_group(const float levels[256], const struct image *even, const struct image *odd,
                         float *out)
{
    const size_t h = even->height / PATCH, w = even->width / PATCH;
    for (size_t block_row = 0; block_row < h; block_row += MERGE)
        for (size_t block_column = 0; block_column < w; block_column += MERGE)
            for (size_t i = 0; i < MERGE * MERGE; i++, out += PATCH_FLOATS) {
                const size_t row = block_row + i / MERGE, column = block_column + i % MERGE;
                fill_half(levels, even, row, column, out);
                fill_half(levels, odd, row, column, out + PATCH * PATCH);
            }
    return out;
}

struct grid patches_from_image(const struct image *image, float *out)
{
    return patches_from_frames(image, 1, out);
}

struct grid patches_from_frames(const struct image *frames, uint32_t count, float *out)
{
    float levels[256];
    fill_levels(levels);
    for (uint32_t i = 0; i < count; i += 2)
        out = fill_group(levels, &frames[i], &frames[i + 1 < count ? i + 1 : i], out);
    return (struct grid){(count + 1) / 2, frames->height / PATCH, frames->width / PATCH};
}
