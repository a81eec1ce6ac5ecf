/* The rotary frequencies as torch computes them. */
#include "engine/rope.h"
#include "golden.h"

#include "base/test.h"
#include "model/yarn.h"

#include <unistd.h>

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

/* config.json of a case, as a checkpoint has it, through the reader. */
static void read_config(const char *dir, const struct json *row, struct model_config *out)
{
    char path[128];
    const struct str text = golden_get(row, "config")->text;
    snprintf(path, sizeof path, "%s/config.json", dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text.ptr, 1, text.len, file), text.len);
    fclose(file);
    struct reason why;
    if (model_config_load(dir, out, &why) != STATUS_OK)
        fail_msg("%.*s: %s", STR_ARG(golden_get(row, "name")->text), why.message[LANG_EN]);
    remove(path);
}

/* numpy's powf is not glibc's: four units in the last place apart at most. */
static void check_frequencies(const struct json *row, const struct text_rope *rope)
{
    size_t j = 0;
    JSON_EACH(v, golden_get(row, "inverse")) {
        const float wanted = (float)golden_number(v);
        if (bits(rope->inverse[j]) - bits(wanted) + 4 > 8)
            fail_msg("%.*s: frequency %zu is %g, expected %g",
                     STR_ARG(golden_get(row, "name")->text), j, (double)rope->inverse[j],
                     (double)wanted);
        j++;
    }
    assert_int_equal(j, rope->half);
    assert_float_equal(rope->length, golden_number(golden_get(row, "attention")), 1e-6f);
}

/* At a position so far away the angle of a frequency that differs in its last bit is another. */
static void check_rotation(const struct json *row, const struct text_rope *rope)
{
    float cosine[64], sine[64];
    size_t count, compared = 0;
    int32_t *position = golden_ints(golden_get(row, "position"), &count);
    assert_int_equal(count, 3);
    text_rope_row(rope, position, cosine, sine);
    const struct json *inverse = golden_get(row, "inverse")->first;
    const struct json *c = golden_get(row, "cos")->first, *s = golden_get(row, "sin")->first;
    for (size_t j = 0; j < 64; j++, inverse = inverse->next, c = c->next, s = s->next) {
        if (bits((float)golden_number(inverse)) != bits(rope->inverse[j]))
            continue;
        assert_float_equal(cosine[j], golden_number(c), 1e-6f);
        assert_float_equal(sine[j], golden_number(s), 1e-6f);
        compared++;
    }
    assert_true(compared > 32);
    free(position);
}

static void long_contexts_are_as_in_the_paper(void **state)
{
    (void)state;
    char dir[] = "/tmp/qvl-yarn-XXXXXX";
    assert_non_null(mkdtemp(dir));
    struct golden_lines lines;
    golden_lines_open(&lines, "tests/golden/yarn.jsonl");
    size_t cases = 0;
    for (const struct json *row; (row = golden_lines_next(&lines)); cases++) {
        struct model_config config;
        struct text_rope rope;
        read_config(dir, row, &config);
        assert_int_equal(config.text.max_positions, golden_int(golden_get(row, "context")));
        text_rope_init(&rope, &config.text);
        check_frequencies(row, &rope);
        check_rotation(row, &rope);
    }
    assert_int_equal(cases, 7);
    golden_lines_close(&lines);
    rmdir(dir);
}

/* The setting gives the numbers that the member of config.json gives. */
static void stretching_is_the_same(void **state)
{
    (void)state;
    struct golden_lines lines;
    golden_lines_open(&lines, "tests/golden/yarn.jsonl");
    const struct json *row = golden_lines_next(&lines);
    struct text_config config = {.head_dim = 128,
                                 .rope_theta = 5000000,
                                 .mrope_section = {24, 20, 20},
                                 .max_positions = 262144};
    struct text_rope rope;
    yarn_stretch(&config, 3);
    assert_int_equal(config.max_positions, 786432);
    text_rope_init(&rope, &config);
    check_frequencies(row, &rope);
    yarn_stretch(&config, 2);
    assert_int_equal(config.yarn.original_positions, 262144);
    assert_int_equal(config.max_positions, 786432);
    golden_lines_close(&lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frequencies_equal_torch),
        cmocka_unit_test(long_contexts_are_as_in_the_paper),
        cmocka_unit_test(stretching_is_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
