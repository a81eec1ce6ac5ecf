/* Every value of every number format, bit for bit as the reference has it (models/README.md). */
#include "golden.h"

#include "base/test.h"
#include "kernels/half.h"
#include "kernels/kernels.h"
#include "os/cpu.h"

#include <math.h>

#define FOLDER "tests/golden/models/quants/"

static void assert_same_bits(const char *what, const float *got, const float *wanted, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (float_bits(got[i]) != float_bits(wanted[i]) && !(isnan(got[i]) && isnan(wanted[i])))
            fail_msg("%s, value %zu: %.9g, not %.9g", what, i, (double)got[i], (double)wanted[i]);
}

static void check_format(const struct kernels *kernels, enum dtype dtype)
{
    char path[128];
    struct golden_tensors tensors;
    const struct dtype_info *info = dtype_info(dtype);
    snprintf(path, sizeof path, FOLDER "%s.safetensors", info->name);
    golden_tensors_open(&tensors, path);
    const struct golden_tensor blocks = golden_tensor(&tensors, "blocks");
    const struct golden_tensor values = golden_tensor(&tensors, "values");
    assert_int_equal(blocks.columns % info->bytes, 0);
    assert_int_equal(values.columns, blocks.columns / info->bytes * info->values);
    const size_t n = values.rows * values.columns;
    float *got = malloc(n * sizeof *got);
    assert_non_null(got);
    kernels->to_f32[dtype](got, blocks.data, n);
    assert_same_bits(info->name, got, values.data, n);
    free(got);
    golden_tensors_close(&tensors);
}

static void check_e4m3(const struct kernels *kernels)
{
    struct golden_tensors tensors;
    golden_tensors_open(&tensors, FOLDER "floats.safetensors");
    const struct golden_tensor codes = golden_tensor(&tensors, "e4m3_codes");
    float got[256];
    assert_int_equal(codes.columns, ARRAY_LEN(got));
    kernels->to_f32[DTYPE_F8_E4M3](got, codes.data, ARRAY_LEN(got));
    assert_same_bits("F8_E4M3", got, golden_tensor(&tensors, "e4m3_values").data, ARRAY_LEN(got));
    golden_tensors_close(&tensors);
}

static void every_format_has_the_reference_values(void **state)
{
    (void)state;
    struct kernels kernels;
    kernels_select(&kernels);
    for (enum dtype dtype = DTYPE_F16; dtype < DTYPE_F8_E4M3; dtype++)
        check_format(&kernels, dtype);
    check_e4m3(&kernels);
}

static void halves_are_rounded_to_even(void **state)
{
    (void)state;
    struct golden_tensors tensors;
    golden_tensors_open(&tensors, FOLDER "floats.safetensors");
    const struct golden_tensor from = golden_tensor(&tensors, "f32");
    const uint16_t *bf16 = golden_tensor(&tensors, "f32_to_bf16").data;
    const uint16_t *f16 = golden_tensor(&tensors, "f32_to_f16").data;
    for (size_t i = 0; i < from.columns; i++) {
        const float x = ((const float *)from.data)[i];
        if (f32_to_bf16(x) != bf16[i] || f32_to_f16(x) != f16[i])
            fail_msg("%.9g: 0x%04x and 0x%04x, not 0x%04x and 0x%04x", (double)x, f32_to_bf16(x),
                     f32_to_f16(x), bf16[i], f16[i]);
    }
    for (uint32_t code = 0; code < 0x10000; code++) { /* and every half comes back */
        const float x = f16_to_f32((uint16_t)code), b = bf16_to_f32((uint16_t)code);
        if (!isnan(x))
            assert_int_equal(f32_to_f16(x), code);
        if (!isnan(b))
            assert_int_equal(f32_to_bf16(b), code);
    }
    assert_true(isnan(f16_to_f32(f32_to_f16(NAN))) && isnan(bf16_to_f32(f32_to_bf16(NAN))));
    golden_tensors_close(&tensors);
}

int main(void)
{
    const char *level = getenv("QVL_CPU");
    if (level && cpu_set_level(level, NULL) != STATUS_OK)
        return 77; /* Meson: skipped */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format_has_the_reference_values),
        cmocka_unit_test(halves_are_rounded_to_even),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
