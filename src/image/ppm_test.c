#include "base/str.h"
#include "base/test.h"
#include "image/ppm.h"

static const char two[] = "P6\n2 1\n255\nabcdefP6\n1 3\n255\n\n\n\n\n\n\n\n\n\n";

/* What was read: "WxH:pixels " of each picture. */
struct seen {
    char text[256];
    size_t len;
    int left; /* pictures until one is refused; -1: never */
};

static enum status see(void *arg, struct image *picture, struct reason *why)
{
    struct seen *seen = arg;
    const int bytes = (int)(picture->width * picture->height * 3);
    seen->len +=
        (size_t)snprintf(seen->text + seen->len, sizeof seen->text - seen->len, "%ux%u:%.*s ",
                         picture->width, picture->height, bytes, (const char *)picture->rgb);
    image_release(picture);
    if (seen->left != 0) {
        seen->left--;
        return STATUS_OK;
    }
    reason_set(why, "refused", "No.", "不。");
    return STATUS_INVALID;
}

static void reads_pictures_at_every_split(void **state)
{
    (void)state;
    const size_t len = sizeof two - 1;
    for (size_t a = 0; a <= len; a++)
        for (size_t b = a; b <= len; b++) {
            struct seen seen = {.left = -1};
            struct ppm_reader reader = {.max_pixels = 3, .on_picture = see, .arg = &seen};
            assert_int_equal(ppm_reader_add(&reader, two, a, NULL), STATUS_OK);
            assert_true(ppm_reader_is_between(&reader) == (a == 0 || a == 17 || a == len));
            assert_int_equal(ppm_reader_add(&reader, two + a, b - a, NULL), STATUS_OK);
            assert_int_equal(ppm_reader_add(&reader, two + b, len - b, NULL), STATUS_OK);
            assert_true(ppm_reader_is_between(&reader));
            assert_string_equal(seen.text, "2x1:abcdef 1x3:\n\n\n\n\n\n\n\n\n ");
            ppm_reader_release(&reader);
        }
}

static void refuses_other_things(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "P5\n2 1\n255\n",
        "P6\n2\n1\n255\n",
        "P6\n2 1\n65535\n",
        "P6\n2 1\n255 \n",
        "P6\n0 1\n255\n",
        "P6\n-1 1\n255\n",
        "P6\n4 1\n255\n",
        "P6\n999999999 999999999\n255\n",
        "P6\n4294967298 1\n255\n",
        "P6\n\n\n\n",
        "a line that is longer than any head could be",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct reason why = {.code = "none"};
        struct seen seen = {.left = -1};
        struct ppm_reader reader = {.max_pixels = 3, .on_picture = see, .arg = &seen};
        if (ppm_reader_add(&reader, texts[i], strlen(texts[i]), &why) == STATUS_OK)
            fail_msg("%s", texts[i]);
        assert_string_equal(why.code, "invalid_video");
        assert_int_equal(seen.len, 0);
        ppm_reader_release(&reader);
    }
}

static void stops_when_a_picture_is_refused(void **state)
{
    (void)state;
    struct reason why;
    struct seen seen = {.left = 1};
    struct ppm_reader reader = {.max_pixels = 3, .on_picture = see, .arg = &seen};
    assert_int_equal(ppm_reader_add(&reader, two, sizeof two - 1, &why), STATUS_INVALID);
    assert_string_equal(why.code, "refused");
    ppm_reader_release(&reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_pictures_at_every_split),
        cmocka_unit_test(refuses_other_things),
        cmocka_unit_test(stops_when_a_picture_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
