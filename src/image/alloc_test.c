/* Every allocation of our own on the way from a file to a resized picture fails once. */
#include "base/failing_alloc_test.h"
#include "image/resize.h"
#include "model/golden_test.h"
#include "os/file.h"

static const struct image_limits limits = {.max_pixels = 1 << 20, .max_bytes = 1 << 20};

static bool decode_and_resize(const void *argument)
{
    const struct buf *file = argument;
    struct image image, resized = {0};
    struct reason why;
    enum status status =
        image_decode((const uint8_t *)file->data, file->len, &limits, &image, &why);
    if (!status)
        status = resize_bicubic(&image, 64, 96, &resized, &why);
    if (status) {
        assert_int_equal(status, STATUS_NO_MEMORY);
        assert_string_equal(why.code, "memory_full");
        assert_null(resized.rgb);
    }
    image_release(&image);
    image_release(&resized);
    return status == STATUS_OK;
}

static void gives_up_cleanly(void **state)
{
    (void)state;
    static const char *const files[] = {
        "png_rgba.png",        "png_exif_6.png",        "jpeg_420_9x7.jpg",
        "jpeg_cmyk_adobe.jpg", "webp_lossy_alpha.webp", "webp_animated.webp",
        "webp_exif_3.webp",    "gif_interlaced.gif",    "bmp_8bit.bmp",
    };
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        char path[512], relative[256];
        struct buf file;
        snprintf(relative, sizeof relative, "tests/golden/images/%s", files[i]);
        golden_path(path, relative);
        buf_init(&file, 1 << 20);
        assert_int_equal(file_read(path, &file, NULL), STATUS_OK);
        const size_t failures = failing_alloc_each(decode_and_resize, &file);
        assert_in_range(failures, 5, 30);
        buf_release(&file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(gives_up_cleanly)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
