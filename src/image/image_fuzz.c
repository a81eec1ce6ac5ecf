/* Any bytes of one format (FUZZ_NAME): decoding, and what follows it, stays within its bounds,
 * twice the same. Built once per format, so that each has its own corpus. */
#include "image/image.h"

#include "image/patches.h"
#include "image/resize.h"

#include <stdlib.h>
#include <string.h>

#include <zlib.h>

static const struct image_limits limits = {.max_pixels = 1 << 16, .max_bytes = 1 << 16};
static const struct pixel_budget budget = {.min_pixels = 1024, .max_pixels = 1 << 14};

static uint32_t read32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Chunks follow the 8 bytes of the signature: length, name, data, checksum of the last two. */
static void mend_checksums(uint8_t *png, size_t size)
{
    for (size_t at = 8; size - at >= 12;) {
        const size_t len = read32(png + at);
        if (len > size - at - 12)
            return;
        const uint32_t sum = (uint32_t)crc32(0, png + at + 4, (uInt)len + 4);
        for (size_t i = 0; i < 4; i++)
            png[at + 8 + len + i] = (uint8_t)(sum >> (24 - 8 * i));
        at += len + 12;
    }
}

static void check_patches(const struct image *image)
{
    uint32_t height, width;
    struct image resized;
    if (resize_plan_image(image->height, image->width, 32, budget, &height, &width, NULL))
        return;
    if (resize_bicubic(image, height, width, &resized, NULL))
        abort();
    float *patches = malloc((size_t)height * width * 6 * sizeof *patches);
    const struct grid grid = patches_from_image(&resized, patches);
    if (grid_patches(grid) * 256 != (size_t)height * width)
        abort();
    free(patches);
    image_release(&resized);
}

static void check_decode(const uint8_t *data, size_t size)
{
    struct image image, again;
    struct reason why = {0};
    if (image_decode(data, size, &limits, &image, &why)) {
        if (image.rgb || !why.code || !why.message[LANG_EN][0] || !why.message[LANG_ZH][0])
            abort();
        return;
    }
    const size_t bytes = (size_t)image.width * image.height * 3;
    if (bytes == 0 || bytes > limits.max_pixels * 3)
        abort();
    if (image_decode(data, size, &limits, &again, NULL) || again.width != image.width ||
        again.height != image.height || memcmp(again.rgb, image.rgb, bytes) != 0)
        abort();
    check_patches(&image);
    image_release(&again);
    image_release(&image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *format = image_format(data, size);
    if (!format || strcmp(format, FUZZ_NAME) != 0)
        return 0;
    uint8_t *copy = malloc(size);
    memcpy(copy, data, size);
    if (strcmp(format, "png") == 0)
        mend_checksums(copy, size);
    check_decode(copy, size);
    free(copy);
    return 0;
}
