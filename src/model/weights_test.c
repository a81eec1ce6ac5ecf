#include "base/test.h"
#include "model/weights.h"

/* Counted from the files' headers by another program. */
static const struct {
    const char *dir;
    uint32_t layers, deepstack;
    bool tied;
    size_t tensors;
    uint64_t parameters;
} models[] = {
    {"tests/golden/models/tiny-a", 4, 3, false, 122, 6310320},
    {"tests/golden/models/tiny-b", 3, 3, true, 122, 3255600},
    {"tests/golden/models/tiny-c", 3, 2, true, 92, 1824000},
    {"models/demo", 6, 3, true, 167, 6641184},
};

static void binds_the_reference_models(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(models); i++) {
        char dir[512];
        snprintf(dir, sizeof dir, "%s/%s", getenv("QVL_SOURCE_ROOT"), models[i].dir);
        struct model_config config;
        struct checkpoint *checkpoint;
        struct weights weights;
        struct reason why;
        if (model_config_load(dir, &config, &why) || checkpoint_open(dir, &checkpoint, &why) ||
            weights_bind(checkpoint, &config, &weights, &why))
            fail_msg("%s: %s", dir, why.message[LANG_EN]);
        assert_int_equal(config.text.layers, models[i].layers);
        assert_int_equal(config.vision.deepstack_count, models[i].deepstack);
        assert_int_equal(config.text.tied, models[i].tied);
        assert_int_equal(checkpoint_count(checkpoint), models[i].tensors);
        assert_int_equal(weights.parameters, models[i].parameters);
        assert_int_equal(config.generation.eos_count, 2);
        weights_release(&weights);
        checkpoint_close(checkpoint);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(binds_the_reference_models)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
