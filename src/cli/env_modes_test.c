#include "cli/env_modes.h"

#include "base/test.h"

#include <math.h>
#include <unistd.h>

static bool near(double a, double b)
{
    return fabs(a - b) < 1e-6 * (1 + fabs(b));
}

static const uint64_t gib = (uint64_t)1 << 30;

static struct env_model shape(const char *name)
{
    struct env_model model;
    assert_int_equal(env_model_of_shape(name, 0, 2, &model, NULL), STATUS_OK);
    return model;
}

static struct env_modes judge(const struct env_model *models, size_t count, uint64_t available,
                              uint64_t total, const struct gpus *gpus)
{
    static const struct gpus none = {0};
    struct env_modes modes;
    assert_int_equal(
        env_modes_judge(models, count, available, total, gpus ? gpus : &none, &modes, NULL),
        STATUS_OK);
    return modes;
}

static const struct env_mode *find(const struct env_modes *modes, const char *quantize, int gpu)
{
    for (size_t i = 0; i < modes->count; i++)
        if (modes->list[i].gpu == gpu && strcmp(modes->list[i].quantize, quantize) == 0)
            return &modes->list[i];
    fail_msg("no mode %s on %d", quantize, gpu);
    return NULL;
}

static void a_tenth_to_spare_fits(void **state)
{
    (void)state;
    assert_int_equal(verdict_of(10 * gib, 11 * gib, 12 * gib), VERDICT_FITS);
    assert_int_equal(verdict_of(10 * gib, 11 * gib - 1, 12 * gib), VERDICT_TIGHT);
    assert_int_equal(verdict_of(10 * gib, 0, 10 * gib), VERDICT_TIGHT);
    assert_int_equal(verdict_of(10 * gib, 0, 10 * gib - 1), VERDICT_TOO_BIG);
    assert_string_equal(verdict_name(VERDICT_TOO_BIG), "too_big");
}

static void knows_shapes_by_many_names(void **state)
{
    static const struct {
        const char *given, *name, *path;
    } rows[] = {
        {"2b", "qwen3-vl-2b", "models/Qwen3-VL-2B-Instruct"},
        {"4B", "qwen3-vl-4b", "models/Qwen3-VL-4B-Instruct"},
        {"qwen3-vl-8b", "qwen3-vl-8b", "models/Qwen3-VL-8B-Instruct"},
        {"Qwen/Qwen3-VL-32B-Instruct", "qwen3-vl-32b", "models/Qwen3-VL-32B-Instruct"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct env_model model = shape(rows[i].given);
        assert_string_equal(model.name, rows[i].name);
        assert_string_equal(model.path, rows[i].path);
        assert_false(model.exists);
    }
    static const char *const wrong[] = {"", "9b", "8bb", "28b", "qwen3", "/nowhere/model"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct env_model model;
        struct reason why;
        assert_int_equal(env_model_of_shape(wrong[i], 0, 2, &model, &why), STATUS_INVALID);
        assert_string_equal(why.code, "invalid_value");
    }
}

/* The sums add up, smaller types need less, and the commands name what they start. */
static void judges_every_quantisation(void **state)
{
    (void)state;
    const struct env_model model = shape("8b");
    struct env_modes modes = judge(&model, 1, 20 * gib, 24 * gib, NULL);
    assert_int_equal(modes.count, 5);
    for (size_t i = 0; i < modes.count; i++) {
        const struct env_mode *mode = &modes.list[i];
        assert_int_equal(mode->needed_bytes,
                         mode->weights_bytes + model.serving.kv_bytes + model.serving.work_bytes);
        assert_true(i == 0 || mode->needed_bytes < modes.list[i - 1].needed_bytes);
        assert_true(mode->decode <= 0);
    }
    assert_string_equal(find(&modes, "bf16", -1)->command,
                        "qvl serve --model models/Qwen3-VL-8B-Instruct");
    assert_string_equal(find(&modes, "q4_k", -1)->command,
                        "qvl serve --model models/Qwen3-VL-8B-Instruct --quantize q4_k");
    assert_int_equal(find(&modes, "bf16", -1)->verdict, VERDICT_TIGHT);
    assert_int_equal(find(&modes, "q8_0", -1)->verdict, VERDICT_FITS);
    assert_string_equal(modes.list[modes.best].quantize, "q8_0");
    env_modes_release(&modes);
}

static void recommends_what_the_memory_allows(void **state)
{
    static const struct {
        uint64_t available, total; /* GiB */
        const char *model, *quantize;
    } rows[] = {
        {60, 64, "qwen3-vl-8b", "q8_0"}, {12, 16, "qwen3-vl-8b", "q6_k"},
        {10, 16, "qwen3-vl-8b", "q4_k"}, {2, 16, "qwen3-vl-8b", "q4_k"},
        {7, 8, "qwen3-vl-4b", "q5_k"},   {4, 5, "qwen3-vl-2b", "q4_k"},
    };
    (void)state;
    const struct env_model models[] = {shape("8b"), shape("4b"), shape("2b")};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct env_modes modes =
            judge(models, 3, rows[i].available * gib, rows[i].total * gib, NULL);
        assert_true(modes.best >= 0);
        assert_string_equal(modes.list[modes.best].model->name, rows[i].model);
        assert_string_equal(modes.list[modes.best].quantize, rows[i].quantize);
        env_modes_release(&modes);
    }
    struct env_modes none = judge(models, 3, gib, 2 * gib, NULL);
    assert_int_equal(none.best, -1);
    for (size_t i = 0; i < none.count; i++) {
        assert_int_equal(none.list[i].verdict, VERDICT_TOO_BIG);
        assert_string_equal(none.list[i].command, "");
    }
    env_modes_release(&none);
}

/* A card of 16 GB holds the 8B quantised only, and no command promises to use it. */
static void judges_cards_by_their_own_memory(void **state)
{
    (void)state;
    const struct env_model model = shape("8b");
    const struct gpus gpus = {
        .count = 3,
        .list = {{"card of 16 GB", 16 * gib, 15 * gib},
                 {"card that does not tell", 0, 0},
                 {"card of 80 GB, in use", 80 * gib, gib}},
    };
    struct env_modes modes = judge(&model, 1, 60 * gib, 64 * gib, &gpus);
    assert_int_equal(modes.count, 15);
    assert_int_equal(find(&modes, "bf16", 0)->verdict, VERDICT_TOO_BIG);
    assert_int_equal(find(&modes, "q8_0", 0)->verdict, VERDICT_FITS);
    assert_int_equal(find(&modes, "bf16", 2)->verdict, VERDICT_TIGHT);
    for (size_t i = 0; i < modes.count; i++)
        assert_true(modes.list[i].gpu != 1 && (modes.list[i].gpu < 0) == !!*modes.list[i].command);
    assert_int_equal(modes.list[modes.best].gpu, -1);
    env_modes_release(&modes);
}

static void a_context_takes_its_cache(void **state)
{
    (void)state;
    struct env_model model;
    assert_int_equal(env_model_of_shape("8b", 32768, 2, &model, NULL), STATUS_OK);
    struct env_modes modes = judge(&model, 1, 60 * gib, 64 * gib, NULL);
    assert_string_equal(find(&modes, "bf16", -1)->command,
                        "qvl serve --model models/Qwen3-VL-8B-Instruct --context 32768 "
                        "--model.kv-cache 4608MiB");
    env_modes_release(&modes);
}

static void a_checkpoint_is_taken_as_it_is(void **state)
{
    (void)state;
    struct env_model model;
    assert_int_equal(env_model_of_checkpoint("models/demo", NULL, 0, 2, &model, NULL), STATUS_OK);
    assert_string_equal(model.name, "demo");
    assert_true(model.exists);
    struct env_modes modes = judge(&model, 1, 60 * gib, 64 * gib, NULL);
    assert_string_equal(modes.list[0].quantize, "bf16");
    assert_int_equal(modes.list[0].weights_bytes, model.checkpoint_bytes);
    assert_string_equal(modes.list[0].command, "qvl serve --model models/demo");
    env_modes_release(&modes);
    struct reason why;
    assert_int_not_equal(env_model_of_checkpoint("models", NULL, 0, 2, &model, &why), STATUS_OK);
}

static void paths_are_quoted_for_the_shell(void **state)
{
    (void)state;
    struct env_model model = shape("2b");
    snprintf(model.path, sizeof model.path, "my model's; rm x");
    snprintf(model.mmproj, sizeof model.mmproj, "vision part.gguf");
    struct env_modes modes = judge(&model, 1, 60 * gib, 64 * gib, NULL);
    assert_string_equal(modes.list[0].command,
                        "qvl serve --model 'my model'\\''s; rm x' --mmproj 'vision part.gguf'");
    env_modes_release(&modes);
}

/* With speeds, the most precise type that answers at the speed of reading is best. */
static void speed_decides_when_it_is_known(void **state)
{
    static const struct {
        double step_s[3]; /* bf16, q8_0, q4_k: of the measured layers */
        const char *best;
    } rows[] = {
        {{0.010, 0.005, 0.003}, "bf16"}, /* all fast enough */
        {{0.300, 0.050, 0.030}, "q8_0"},
        {{0.900, 0.300, 0.050}, "q4_k"},
        {{0.900, 0.400, 0.300}, "q4_k"}, /* all slow: the fastest */
    };
    (void)state;
    const struct env_model model = shape("8b");
    struct measure_plan plan = {
        .config = &model.config, .types = {DTYPE_BF16, DTYPE_Q8_0, DTYPE_Q4_K}, .type_count = 3};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct env_modes modes = judge(&model, 1, 60 * gib, 64 * gib, NULL);
        struct measurement m = {.vision = {.depth = 27, .block_s = 0.01}};
        m.vision.sizes = modes.list[0].sizes;
        for (size_t t = 0; t < 3; t++)
            m.types[t] = (struct measured_type){
                .sizes = find(&modes,
                              t == 0   ? "bf16"
                              : t == 1 ? "q8_0"
                                       : "q4_k",
                              -1)
                             ->sizes,
                .prompt_tokens = 512,
                .prompt_first_s = 10.0 / 36,
                .prompt_rest_s = 10.0 / 36,
                .layers_s = rows[i].step_s[t],
            };
        env_modes_predict(&modes, &plan, &m, &model);
        assert_string_equal(modes.list[modes.best].quantize, rows[i].best);
        const struct env_mode *whole = find(&modes, "bf16", -1);
        assert_true(near(whole->decode * rows[i].step_s[0], 1));
        assert_true(near(whole->prefill, 51.2));
        assert_true(near(whole->picture_s, 0.27));
        assert_true(find(&modes, "q6_k", -1)->decode <= 0); /* was not measured */
        env_modes_release(&modes);
    }
}

int main(void)
{
    const char *root = getenv("QVL_SOURCE_ROOT");
    if (root && chdir(root) != 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tenth_to_spare_fits),
        cmocka_unit_test(knows_shapes_by_many_names),
        cmocka_unit_test(judges_every_quantisation),
        cmocka_unit_test(recommends_what_the_memory_allows),
        cmocka_unit_test(judges_cards_by_their_own_memory),
        cmocka_unit_test(a_context_takes_its_cache),
        cmocka_unit_test(a_checkpoint_is_taken_as_it_is),
        cmocka_unit_test(paths_are_quoted_for_the_shell),
        cmocka_unit_test(speed_decides_when_it_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
