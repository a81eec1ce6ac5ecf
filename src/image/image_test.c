#include "image/image.h"

#include "image/patches.h"
#include "image/resize.h"
#include "model/golden_test.h"
#include "os/file.h"

#include <openssl/sha.h>

static const struct image_limits limits = {.max_pixels = 100000000, .max_bytes = 20 << 20};

static void sha256_hex(const void *bytes, size_t len, char out[65])
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256(bytes, len, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

static bool is_sha(const struct json *expected, const void *bytes, size_t len)
{
    char hex[65];
    sha256_hex(bytes, len, hex);
    return str_is(expected->text, hex);
}

static struct buf read_picture(const char *folder, struct str name)
{
    char path[512], relative[256];
    struct buf file;
    snprintf(relative, sizeof relative, "%s/%.*s", folder, STR_ARG(name));
    golden_path(path, relative);
    buf_init(&file, 64 << 20);
    if (file_read(path, &file, NULL))
        fail_msg("%s cannot be read", path);
    return file;
}

static int64_t number(const struct json *v)
{
    int64_t n;
    assert_true(json_int64(v, &n));
    return n;
}

/* The row's hash after resizing: with alpha on white and horizontal first where these differ. */
static const struct json *expected_u8(const struct json *row)
{
    const struct json *hv = json_get(row, "sha256_u8_hv");
    const struct json *direct = json_get(row, "sha256_u8_direct");
    return json_is(hv, JSON_STRING)       ? hv
           : json_is(direct, JSON_STRING) ? direct
                                          : json_get(row, "sha256_u8");
}

static int decoded_rows, resized_rows, patch_rows;

static void check_resized(const struct json *row, const struct image *image, struct str name)
{
    const struct pixel_budget budget = {(uint64_t)number(json_get(row, "min_pixels")),
                                        (uint64_t)number(json_get(row, "max_pixels"))};
    struct image resized;
    uint32_t height, width;
    struct reason why;
    if (resize_plan_image(image->height, image->width, 32, budget, &height, &width, &why))
        fail_msg("%.*s: %s", STR_ARG(name), why.message[LANG_EN]);
    assert_int_equal(height, number(json_get(row, "resized")->first));
    assert_int_equal(width, number(json_get(row, "resized")->first->next));
    assert_int_equal(resize_bicubic(image, height, width, &resized, NULL), STATUS_OK);
    const struct json *expected = expected_u8(row);
    if (!is_sha(expected, resized.rgb, (size_t)height * width * 3))
        fail_msg("%.*s: other pixels after resizing", STR_ARG(name));
    resized_rows++;
    if (expected == json_get(row, "sha256_u8")) {
        float *patches = malloc((size_t)height * width * 6 * sizeof *patches);
        assert_non_null(patches);
        const struct grid grid = patches_from_image(&resized, patches);
        assert_int_equal(grid.t, 1);
        assert_int_equal(grid.h, height / 16);
        assert_int_equal(grid.w, width / 16);
        if (!is_sha(json_get(row, "sha256_f32"), patches,
                    grid_patches(grid) * 1536 * sizeof *patches))
            fail_msg("%.*s: other patches", STR_ARG(name));
        patch_rows++;
        free(patches);
    }
    image_release(&resized);
}

/* 16-bit grey deliberately keeps its high byte where the reference clips. */
static bool is_grey16(const struct json *row)
{
    return str_is(json_get(row, "mode")->text, "I;16");
}

static void check_decoded(const struct json *row, const struct image *image, struct str name)
{
    assert_int_equal(image->height, number(json_get(row, "decoded")->first));
    assert_int_equal(image->width, number(json_get(row, "decoded")->first->next));
    decoded_rows++;
    if (is_grey16(row))
        return;
    const bool on_white = json_is(json_get(row, "sha256_u8_direct"), JSON_STRING);
    const bool same =
        is_sha(json_get(row, "sha256_rgb"), image->rgb, (size_t)image->width * image->height * 3);
    if (!on_white && !same)
        fail_msg("%.*s: other pixels", STR_ARG(name));
    check_resized(row, image, name);
}

static void check_row(const struct json *row)
{
    const struct str name = json_get(row, "file")->text;
    const struct json *error = json_get(row, "error");
    struct buf file = read_picture("tests/golden/images", name);
    struct image image;
    struct reason why;
    enum status status = image_decode((const uint8_t *)file.data, file.len, &limits, &image, &why);
    if (!status && json_is(error, JSON_STRING) && str_is(error->text, "aspect_ratio")) {
        uint32_t h, w;
        const struct pixel_budget budget = {65536, 16777216};
        status = resize_plan_image(image.height, image.width, 32, budget, &h, &w, &why);
    }
    if ((status == STATUS_OK) != !json_is(error, JSON_STRING))
        fail_msg("%.*s: %s", STR_ARG(name), status ? why.message[LANG_EN] : "was accepted");
    const bool known = image_format((const uint8_t *)file.data, file.len) != NULL;
    if (status)
        assert_string_equal(why.code, known ? "invalid_image" : "image_not_an_image");
    else
        check_decoded(row, &image, name);
    image_release(&image);
    buf_release(&file);
}

static void decodes_as_the_reference(void **state)
{
    (void)state;
    assert_int_equal(golden_each_line("tests/golden/images/images.jsonl", check_row), 185);
    assert_int_equal(decoded_rows, 178); /* the others are errors */
    assert_int_equal(resized_rows, 173); /* less 16-bit grey */
    assert_int_equal(patch_rows, 154);   /* less those whose sha256_f32 is of other pixels */
}

static void sixteen_bit_grey_keeps_its_high_byte(void **state)
{
    (void)state;
    struct buf file = read_picture("tests/golden/images", STR("png_grey_16bit.png"));
    struct image image;
    assert_int_equal(image_decode((const uint8_t *)file.data, file.len, &limits, &image, NULL),
                     STATUS_OK);
    size_t white = 0;
    const size_t pixels = (size_t)image.width * image.height;
    for (size_t i = 0; i < pixels; i++) {
        assert_int_equal(image.rgb[i * 3], image.rgb[i * 3 + 1]);
        white += image.rgb[i * 3] == 255;
    }
    assert_true(white < pixels / 10); /* clipping would make nearly all white */
    image_release(&image);
    buf_release(&file);
}

static const char *const one_of_each[] = {"png_rgba_interlaced.png",
                                          "jpeg_progressive.jpg",
                                          "webp_lossy_alpha.webp",
                                          "webp_animated.webp",
                                          "gif_offset_animated.gif",
                                          "bmp_565.bmp",
                                          "bmp_8bit.bmp"};

/* Every cut of a file is an error or a picture of the right size, and nothing else happens. */
static void cut_files_do_no_harm(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(one_of_each); i++) {
        struct buf file = read_picture("tests/golden/images", str_from(one_of_each[i]));
        size_t refused = 0, tries = 0;
        for (size_t len = 0; len < file.len; len += 1 + file.len / 400, tries++) {
            uint8_t *copy = malloc(len + 1);
            struct image image;
            assert_non_null(copy);
            memcpy(copy, file.data, len);
            refused += image_decode(copy, len, &limits, &image, NULL) != STATUS_OK;
            image_release(&image);
            free(copy);
        }
        assert_true(refused * 4 > tries); /* an animation's first frame is early */
        buf_release(&file);
    }
}

static void flipped_bytes_do_no_harm(void **state)
{
    (void)state;
    const struct image_limits small = {.max_pixels = 1 << 20, .max_bytes = 1 << 20};
    unsigned seed = 3;
    for (size_t i = 0; i < ARRAY_LEN(one_of_each); i++) {
        struct buf file = read_picture("tests/golden/images", str_from(one_of_each[i]));
        for (int n = 0; n < 500; n++) {
            struct image image;
            uint8_t *copy = malloc(file.len);
            assert_non_null(copy);
            memcpy(copy, file.data, file.len);
            for (int k = 0; k < 3; k++)
                copy[(size_t)rand_r(&seed) % file.len] = (uint8_t)rand_r(&seed);
            (void)!image_decode(copy, file.len, &small, &image, NULL);
            image_release(&image);
            free(copy);
        }
        buf_release(&file);
    }
}

static const struct {
    const char *bytes;
    size_t len;
    const char *code;
} refused[] = {
    {"", 0, "image_not_an_image"},
    {"hello", 5, "image_not_an_image"},
    {"<html>", 6, "image_not_an_image"},
    {"RIFF\0\0\0\0WAVE", 12, "image_not_an_image"},
    {"II*\0\0\0\0\0", 8, "unsupported_image"},
    {"\0\0\0\x1c"
     "ftypavif",
     12, "unsupported_image"},
    {"%PDF-1.7", 8, "unsupported_image"},
    {"\xFF\xD8\xFF\xE0", 4, "invalid_image"},
    {"\x89PNG\r\n\x1A\n", 8, "invalid_image"},
    {"GIF89a", 6, "invalid_image"},
    {"BM", 2, "invalid_image"},
    {"RIFF\0\0\0\0WEBP", 12, "invalid_image"},
    {"GIF89a\x1E\0\0\0\0\0\0,\0\0\0\0\0\0\0\0\0\2\0;", 26, "invalid_image"}, /* 30 × 0 */
};

static void says_what_is_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct image image;
        struct reason why;
        assert_int_not_equal(
            image_decode((const uint8_t *)refused[i].bytes, refused[i].len, &limits, &image, &why),
            STATUS_OK);
        assert_string_equal(why.code, refused[i].code);
        assert_null(image.rgb);
    }
    struct buf file = read_picture("tests/golden/images", STR("size_1000x64.png"));
    struct image image;
    struct reason why;
    const struct image_limits few_pixels = {63999, 1 << 20}, few_bytes = {64000, 100};
    assert_int_equal(image_decode((uint8_t *)file.data, file.len, &few_pixels, &image, &why),
                     STATUS_LIMIT);
    assert_string_equal(why.code, "image_too_large");
    assert_int_equal(image_decode((uint8_t *)file.data, file.len, &few_bytes, &image, &why),
                     STATUS_LIMIT);
    assert_string_equal(why.code, "image_too_large");
    buf_release(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_as_the_reference),
        cmocka_unit_test(sixteen_bit_grey_keeps_its_high_byte),
        cmocka_unit_test(cut_files_do_no_harm),
        cmocka_unit_test(flipped_bytes_do_no_harm),
        cmocka_unit_test(says_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
