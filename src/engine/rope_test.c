#include "engine/rope.h"

#include "base/test.h"

#include <math.h>

static const struct text_config OFFICIAL = {
    .head_dim = 128, .rope_theta = 5000000, .mrope_section = {24, 20, 20}};

static void text_frequencies_of_the_specification(void **state)
{
    (void)state;
    struct text_rope rope;
    text_rope_init(&rope, &OFFICIAL);
    assert_int_equal(rope.half, 64);
    const struct {
        uint32_t j;
        float value;
    } rows[] = {{0, 1},
                {1, 0.7858300f},
                {2, 0.6175287f},
                {3, 0.4852726f},
                {32, 4.472136e-4f},
                {61, 4.121395e-7f},
                {63, 2.545080e-7f}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_float_equal(rope.inverse[rows[i].j], rows[i].value, 1e-6f * rows[i].value);
}

static void axes_are_interleaved(void **state)
{
    (void)state;
    struct text_rope rope;
    text_rope_init(&rope, &OFFICIAL);
    uint32_t count[3] = {0};
    for (uint32_t j = 0; j < 64; j++) {
        assert_int_equal(rope.axis[j], j < 60 ? j % 3 : 0);
        count[rope.axis[j]]++;
    }
    assert_int_equal(count[0], 24);
    assert_int_equal(count[1], 20);
    assert_int_equal(count[2], 20);
}

static void a_token_turns_with_its_axes(void **state)
{
    (void)state;
    struct text_rope rope;
    text_rope_init(&rope, &OFFICIAL);
    float cosine[64], sine[64];
    text_rope_row(&rope, (const int32_t[3]){5, 7, 9}, cosine, sine);
    assert_float_equal(cosine[0], cosf(5), 1e-7f);
    assert_float_equal(cosine[1], cosf(7 * 0.7858300f), 2e-6f);
    assert_float_equal(sine[2], sinf(9 * 0.6175287f), 2e-6f);
    assert_float_equal(sine[60], sinf(5 * rope.inverse[60]), 1e-9f);
}

static void vision_frequencies_of_the_specification(void **state)
{
    (void)state;
    const float of_64[] = {1, 0.562341f, 0.316228f, 0.177828f};
    const float of_72[] = {1, 0.599484f, 0.359381f, 0.215443f};
    struct vision_rope rope;
    vision_rope_init(&rope, 64);
    assert_int_equal(rope.quarter, 16);
    for (int i = 0; i < 4; i++)
        assert_float_equal(rope.inverse[i], of_64[i], 1e-6f);
    vision_rope_init(&rope, 72);
    assert_int_equal(rope.quarter, 18);
    for (int i = 0; i < 4; i++)
        assert_float_equal(rope.inverse[i], of_72[i], 1e-6f);
}

static void a_patch_turns_with_its_row_then_its_column(void **state)
{
    (void)state;
    struct vision_rope rope;
    vision_rope_init(&rope, 64);
    float cosine[32], sine[32];
    vision_rope_patch(&rope, 3, 0, cosine, sine);
    assert_float_equal(sine[0], sinf(3), 1e-7f);
    assert_float_equal(sine[16], 0, 0);
    vision_rope_patch(&rope, 0, 4, cosine, sine);
    assert_float_equal(sine[0], 0, 0);
    assert_float_equal(sine[16], sinf(4), 1e-7f);
    assert_float_equal(cosine[17], cosf(4 * 0.562341f), 2e-6f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_frequencies_of_the_specification),
        cmocka_unit_test(axes_are_interleaved),
        cmocka_unit_test(a_token_turns_with_its_axes),
        cmocka_unit_test(vision_frequencies_of_the_specification),
        cmocka_unit_test(a_patch_turns_with_its_row_then_its_column),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
