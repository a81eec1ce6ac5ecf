/* The way of measuring, on shapes so small that it takes no time; the figures themselves are the
 * business of programs that measure. */
#include "cli/env_measure.h"

#include "base/test.h"
#include "cli/env_rig.h"

#include <math.h>

static bool near(double a, double b)
{
    return fabs(a - b) < 1e-6 * (1 + fabs(b));
}

static struct model_config small_config(void)
{
    struct model_config config;
    assert_int_equal(synthetic_config("qwen3-vl-2b", &config, NULL), STATUS_OK);
    config.text.vocab_size = 8192;
    config.text.hidden_size = 256;
    config.text.intermediate_size = 544; /* not whole blocks of 256 */
    config.text.layers = 8;
    config.text.heads = 4;
    config.text.kv_heads = 2;
    config.text.head_dim = 128;
    config.vision.depth = 6;
    config.vision.hidden_size = 64;
    config.vision.heads = 1;
    config.vision.intermediate_size = 128;
    config.vision.out_hidden_size = 256;
    config.vision.deepstack[0] = 1;
    config.vision.deepstack[1] = 2;
    config.vision.deepstack[2] = 4;
    return config;
}

struct parts {
    char names[8][16];
    int count;
};

static void note(void *arg, const char *part, int index, int count)
{
    struct parts *parts = arg;
    assert_int_equal(index, parts->count);
    assert_true(index < count && count <= 8);
    snprintf(parts->names[parts->count++], sizeof parts->names[0], "%s", part);
}

static void measures_every_type_and_the_tower(void **state)
{
    (void)state;
    const struct model_config config = small_config();
    struct parts parts = {0};
    const struct measure_plan plan = {
        .config = &config,
        .types = {DTYPE_BF16, DTYPE_Q8_0, DTYPE_Q4_K},
        .type_count = 3,
        .threads = 2,
        .seconds = 2,
        .bytes = 64 << 20,
        .progress = note,
        .arg = &parts,
    };
    struct measurement m;
    assert_int_equal(measure_run(&plan, &m, NULL), STATUS_OK);
    assert_int_equal(parts.count, 4);
    assert_string_equal(parts.names[1], "Q8_0");
    assert_string_equal(parts.names[3], "vision");
    assert_true(m.seconds > 0 && m.read_bytes_per_s > 0 && m.kernels);
    for (size_t i = 0; i < plan.type_count; i++) {
        const struct measured_type *type = &m.types[i];
        struct model_sizes sizes;
        assert_int_equal(model_sizes_count(&config, plan.types[i], &sizes, NULL), STATUS_OK);
        assert_true(type->prompt_first_s > 0 && type->prompt_rest_s > 0);
        assert_true(type->layers_s > 0 && type->head_s >= 0);
        assert_in_range(type->prompt_tokens, 1, MEASURED_PROMPT);
        assert_in_range(type->sizes.layers, 1, config.text.layers);
        const double decode = predict_decode(type, &sizes);
        const double prefill = predict_prefill(type, &sizes);
        assert_true(decode > 0 && prefill > 0);
    }
    struct model_sizes sizes;
    assert_int_equal(model_sizes_count(&config, DTYPE_BF16, &sizes, NULL), STATUS_OK);
    assert_true(predict_picture(&m, &config, &sizes) > 0);
}

/* Weights that cannot be made up: only the tower is timed. */
static void measures_no_type(void **state)
{
    (void)state;
    const struct model_config config = small_config();
    const struct measure_plan plan = {
        .config = &config, .threads = 1, .seconds = 1, .bytes = 64 << 20};
    struct measurement m;
    assert_int_equal(measure_run(&plan, &m, NULL), STATUS_OK);
    assert_non_null(m.kernels);
    assert_true(m.vision.block_s > 0);
}

/* A whole model made of parts takes the sum of their times. */
static void predictions_add_up(void **state)
{
    (void)state;
    const struct measured_type m = {
        .sizes = {.layers = 2, .layer_bytes = 200, .head_bytes = 50, .layer_products = 1000},
        .prompt_tokens = 512,
        .prompt_first_s = 0.9,
        .prompt_rest_s = 0.5,
        .layers_s = 0.010,
        .head_s = 0.002,
    };
    const struct model_sizes whole = {
        .layers = 36, .layer_bytes = 3600, .head_bytes = 400, .layer_products = 18000};
    assert_true(near(predict_decode(&m, &whole), 1 / (0.010 * 18 + 0.002 * 8)));
    assert_true(near(predict_prefill(&m, &whole), 512 / (2 * 0.9 + 34 * 0.5 + 0.002 * 8)));
    const struct model_sizes larger = {
        .layers = 64, .layer_bytes = 3600, .head_bytes = 400, .layer_products = 64000};
    assert_true(near(predict_prefill(&m, &larger), 512 / (2 * (2 * 0.9 + 62 * 0.5) + 0.002 * 8)));
    struct measurement all = {.vision = {.depth = 27, .embed_s = 1, .block_s = 2, .merger_s = 3}};
    all.vision.sizes = (struct model_sizes){
        .patch_embed_products = 10, .block_products = 100, .merger_products = 1000};
    struct model_config config = {.vision = {.depth = 27, .deepstack_count = 3}};
    assert_true(near(predict_picture(&all, &config, &all.vision.sizes), 1 + 27 * 2 + 4 * 3));
    const struct model_sizes half = {
        .patch_embed_products = 5, .block_products = 50, .merger_products = 500};
    assert_true(near(predict_picture(&all, &config, &half), (1 + 27 * 2 + 4 * 3) / 2.0));
}

/* Enough layers to be more than the caches hold, never more than the budget. */
static void makes_as_much_as_was_asked_for(void **state)
{
    static const char *const shapes[] = {"qwen3-vl-2b", "qwen3-vl-8b", "qwen3-vl-32b"};
    static const enum dtype types[] = {DTYPE_BF16, DTYPE_Q8_0, DTYPE_Q4_K};
    const uint64_t wanted = (uint64_t)256 << 20, most = (uint64_t)5 << 29;
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
            struct model_config config;
            struct rig_plan plan = {0};
            struct model_sizes sizes;
            assert_int_equal(synthetic_config(shapes[i], &config, NULL), STATUS_OK);
            assert_int_equal(rig_plan_text(&config, types[t], wanted, most, &plan, NULL),
                             STATUS_OK);
            assert_int_equal(model_sizes_count(&plan.config, types[t], &sizes, NULL), STATUS_OK);
            assert_true(sizes.layer_bytes + sizes.head_bytes >= wanted);
            assert_true(sizes.text_bytes <= most);
            assert_true(plan.config.text.layers < plan.true_layers);
            assert_true(plan.config.text.layers % 2 == 0 || plan.config.text.layers == 1);
        }
}

static void too_little_memory_still_has_a_layer(void **state)
{
    (void)state;
    struct model_config config;
    struct rig_plan plan = {0};
    assert_int_equal(synthetic_config("qwen3-vl-32b", &config, NULL), STATUS_OK);
    assert_int_equal(rig_plan_text(&config, DTYPE_BF16, 1 << 30, 1 << 20, &plan, NULL), STATUS_OK);
    assert_int_equal(plan.config.text.layers, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measures_every_type_and_the_tower),
        cmocka_unit_test(measures_no_type),
        cmocka_unit_test(predictions_add_up),
        cmocka_unit_test(makes_as_much_as_was_asked_for),
        cmocka_unit_test(too_little_memory_still_has_a_layer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
