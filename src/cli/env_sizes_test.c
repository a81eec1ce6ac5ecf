#include "cli/env_sizes.h"

#include "base/test.h"
#include "engine/synthetic.h"
#include "model/load.h"

#include <unistd.h>

static const char *const shapes[] = {"qwen3-vl-2b", "qwen3-vl-4b", "qwen3-vl-8b", "qwen3-vl-32b"};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static struct model_config config_of(const char *shape)
{
    struct model_config config;
    assert_int_equal(synthetic_config(shape, &config, NULL), STATUS_OK);
    return config;
}

static struct model_sizes sizes_of(const struct model_config *config, enum dtype type)
{
    struct model_sizes sizes;
    assert_int_equal(model_sizes_count(config, type, &sizes, NULL), STATUS_OK);
    return sizes;
}

/* The published checkpoints: bytes of all tensors in BF16, and the parameters read per token. */
static void bf16_is_what_the_checkpoints_have(void **state)
{
    static const uint64_t disk[SHAPES] = {4255064064, 8875631616, 17534247392, 66714780128};
    static const uint64_t vision[SHAPES] = {406957056, 415347712, 576388336, 595266800};
    static const uint64_t layer[SHAPES] = {50336000, 100930816, 192946432, 487598336};
    static const uint64_t layers[SHAPES] = {28, 36, 36, 64};
    (void)state;
    for (int i = 0; i < SHAPES; i++) {
        const struct model_config config = config_of(shapes[i]);
        const struct model_sizes sizes = sizes_of(&config, DTYPE_BF16);
        assert_int_equal(sizes.text_bytes + sizes.vision_bytes, disk[i]);
        assert_int_equal(sizes.vision_bytes, 2 * vision[i]);
        /* Vectors of a layer are not multiplied: two norms of the hidden size, two of heads. */
        const uint64_t vectors = 2 * config.text.hidden_size + 2 * config.text.head_dim;
        assert_int_equal(sizes.layer_products, layers[i] * (layer[i] - vectors));
        assert_int_equal(sizes.layer_bytes, 2 * sizes.layer_products);
        assert_int_equal(sizes.head_bytes, (uint64_t)2 * 151936 * config.text.hidden_size);
    }
}

/* Bits per weight of the formats, vectors in F32, and the mixes between their two types. */
static void quantised_is_as_many_bits(void **state)
{
    static const struct {
        enum dtype type;
        double least, most; /* bits of a matrix' weight */
    } rows[] = {
        {DTYPE_Q8_0, 8.5, 8.5},    {DTYPE_Q6_K, 6.5625, 6.5625}, {DTYPE_Q5_K, 5.5, 6.5625},
        {DTYPE_Q4_K, 4.5, 6.5625}, {DTYPE_Q4_0, 4.5, 4.5},
    };
    (void)state;
    for (int i = 0; i < SHAPES; i++) {
        const struct model_config config = config_of(shapes[i]);
        for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
            const struct model_sizes sizes = sizes_of(&config, rows[r].type);
            const double bits = 8.0 * (double)sizes.layer_bytes / (double)sizes.layer_products;
            assert_true(bits >= rows[r].least - 1e-9 && bits <= rows[r].most + 1e-9);
            const uint64_t vocabulary = (uint64_t)151936 * config.text.hidden_size;
            const double matrices = (double)sizes.layer_products +
                                    (double)(config.text.tied ? 1 : 2) * (double)vocabulary;
            assert_true((double)sizes.text_bytes >= matrices * rows[r].least / 8);
            assert_true((double)sizes.text_bytes <= matrices * rows[r].most / 8 * 1.001);
        }
    }
}

/* The 8B as llama.cpp's mix Q4_K_M: half of the layers keep v and down in Q6_K, and the head. */
static void the_mix_of_the_8b_is_exact(void **state)
{
    (void)state;
    const struct model_config config = config_of("qwen3-vl-8b");
    const struct model_sizes sizes = sizes_of(&config, DTYPE_Q4_K);
    const uint64_t rich = (uint64_t)4096 * 12288 + (uint64_t)1024 * 4096;
    const uint64_t layers = (sizes.layer_products - 18 * rich) / 256 * 144 + 18 * rich / 256 * 210;
    assert_int_equal(sizes.layer_bytes, layers);
    assert_int_equal(sizes.head_bytes, (uint64_t)151936 * 4096 / 256 * 210);
}

/* A made-up model of the same plan takes as many bytes as were counted. */
static void made_up_weights_take_as_much(void **state)
{
    static const enum dtype types[] = {DTYPE_BF16, DTYPE_Q8_0, DTYPE_Q4_K};
    (void)state;
    struct pool *pool;
    assert_int_equal(pool_create(1, &pool, NULL), STATUS_OK);
    struct synthetic_plan plan = {.config = config_of("qwen3-vl-2b")};
    plan.config.text.layers = 8;
    plan.config.text.vocab_size = 1024;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        struct synthetic made;
        plan.type = types[i];
        assert_int_equal(synthetic_build(&plan, pool, &made, NULL), STATUS_OK);
        const struct model_sizes sizes = sizes_of(&plan.config, types[i]);
        /* The tied head is the embedding; vectors are not in the made-up file. */
        assert_int_equal(made.weight_bytes, sizes.layer_bytes + sizes.head_bytes);
        synthetic_release(&made);
    }
    pool_destroy(pool);
}

static void the_demo_model_is_counted_to_the_byte(void **state)
{
    (void)state;
    struct model model;
    assert_int_equal(model_open("models/demo", NULL, &model, NULL), STATUS_OK);
    const struct model_sizes sizes = sizes_of(&model.config, DTYPE_BF16);
    assert_int_equal(sizes.text_bytes + sizes.vision_bytes, checkpoint_bytes(model.checkpoint));
    model_close(&model);
}

static void the_cache_is_what_the_service_takes(void **state)
{
    (void)state;
    struct serving_sizes serving;
    const struct model_config config = config_of("qwen3-vl-8b");
    assert_int_equal(serving_sizes_count(&config, 0, 2, &serving, NULL), STATUS_OK);
    const uint64_t token = 147456;
    assert_true(serving.kv_bytes <= (uint64_t)2 << 30);
    assert_true(serving.kv_bytes > ((uint64_t)2 << 30) - 32 * token);
    assert_int_equal(serving.context, serving.kv_bytes / token);
    assert_int_equal(serving_sizes_count(&config, 32768, 2, &serving, NULL), STATUS_OK);
    assert_int_equal(serving.kv_bytes, 32768 * token);
    assert_int_equal(serving.context, 32768);
    const uint64_t little = serving.work_bytes;
    assert_true(little > (uint64_t)256 << 20 && little < (uint64_t)2 << 30);
    assert_int_equal(serving_sizes_count(&config, 1000000, 64, &serving, NULL), STATUS_OK);
    assert_int_equal(serving.context, 262144);
    assert_true(serving.work_bytes > little);
}

int main(void)
{
    const char *root = getenv("QVL_SOURCE_ROOT");
    if (root && chdir(root) != 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bf16_is_what_the_checkpoints_have),
        cmocka_unit_test(quantised_is_as_many_bits),
        cmocka_unit_test(the_mix_of_the_8b_is_exact),
        cmocka_unit_test(made_up_weights_take_as_much),
        cmocka_unit_test(the_demo_model_is_counted_to_the_byte),
        cmocka_unit_test(the_cache_is_what_the_service_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
