/* The rotary frequencies as torch computes them. */
#include "engine/rope.h"
#include "golden.h"

#include "base/test.h"

static uint32_t bits(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

/* How many entries differ; none by more than one unit in the last place. */
static size_t differing(const struct golden_tensors *tensors, const char *name, const float *mine,
                        size_t n)
{
    const struct golden_tensor golden = golden_tensor(tensors, "%s", name);
    assert_non_null(golden.data);
    assert_int_equal(golden.columns, n);
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        float wanted;
        memcpy(&wanted, (const char *)golden.data + i * sizeof wanted, sizeof wanted);
        assert_true(bits(mine[i]) - bits(wanted) + 1 <= 2);
        count += bits(mine[i]) != bits(wanted);
    }
    return count;
}

static void frequencies_equal_torch(void **state)
{
    (void)state;
    struct golden_tensors tensors;
    golden_tensors_open(&tensors, "tests/golden/models/quants/floats.safetensors");
    const struct text_config config = {
        .head_dim = 128, .rope_theta = 5000000, .mrope_section = {24, 20, 20}};
    struct text_rope text;
    text_rope_init(&text, &config);
    assert_true(differing(&tensors, "inv_freq_text_128", text.inverse, 64) <= 1);
    struct vision_rope vision;
    vision_rope_init(&vision, 64);
    assert_int_equal(differing(&tensors, "inv_freq_vision_64", vision.inverse, 16), 0);
    vision_rope_init(&vision, 72);
    assert_int_equal(differing(&tensors, "inv_freq_vision_72", vision.inverse, 18), 0);
    golden_tensors_close(&tensors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(frequencies_equal_torch)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
