#include "model/quantize.h"

#include "base/test.h"
#include "kernels/kernels.h"

#include <math.h>

enum { BLOCK = 256, COUNT = 64 * BLOCK };

static struct kernels kernels;

/* Bounds of the relative error on normally distributed values: a little above what is reached. */
static const struct {
    enum dtype dtype;
    double bound;
    int levels; /* from the least to the largest value */
} formats[] = {
    {DTYPE_Q8_0, 0.0056, 254}, {DTYPE_Q4_0, 0.084, 15},  {DTYPE_Q4_1, 0.073, 15},
    {DTYPE_Q5_0, 0.042, 31},   {DTYPE_Q5_1, 0.036, 31},  {DTYPE_Q4_K, 0.074, 15},
    {DTYPE_Q5_K, 0.038, 31},   {DTYPE_Q6_K, 0.0185, 63},
};

/* Gaussian numbers (Box and Muller), the same in every run. */
static void fill_normal(float *x, size_t n, double deviation)
{
    uint64_t state = 1;
    for (size_t i = 0; i < n; i++) {
        double u[2];
        for (size_t k = 0; k < 2; k++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            u[k] = ((double)(state >> 33) + 0.5) / 2147483648.0;
        }
        x[i] = (float)(deviation * sqrt(-2 * log(u[0])) * cos(6.283185307179586 * u[1]));
    }
}

static void there_and_back(enum dtype dtype, const float *x, size_t n, float *y)
{
    void *blocks = malloc(dtype_bytes(dtype, n));
    assert_non_null(blocks);
    quantize(dtype, x, n, blocks);
    kernels.to_f32[dtype](y, blocks, n);
    free(blocks);
}

static double relative_error(const float *x, const float *y, size_t n)
{
    double error = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        error += ((double)x[i] - y[i]) * ((double)x[i] - y[i]);
        squares += (double)x[i] * x[i];
    }
    return sqrt(error / squares);
}

static void errors_of_normal_values_are_bounded(void **state)
{
    (void)state;
    static float x[COUNT], y[COUNT];
    static const double deviations[] = {0.02, 1, 300};
    for (size_t d = 0; d < 3; d++) {
        fill_normal(x, COUNT, deviations[d]);
        for (size_t f = 0; f < sizeof formats / sizeof *formats; f++) {
            there_and_back(formats[f].dtype, x, COUNT, y);
            const double error = relative_error(x, y, COUNT);
            if (error > formats[f].bound || error < formats[f].bound / 2)
                fail_msg("%s: %g", dtype_info(formats[f].dtype)->name, error);
        }
    }
}

static void expect_all_near(enum dtype dtype, const float *x, double share)
{
    float y[BLOCK];
    there_and_back(dtype, x, BLOCK, y);
    for (size_t i = 0; i < BLOCK; i++)
        if (!(fabs((double)y[i] - x[i]) <= share * fabs((double)x[i])))
            fail_msg("%s: %g became %g", dtype_info(dtype)->name, (double)x[i], (double)y[i]);
}

static void constants_stay(void **state)
{
    (void)state;
    static const float constants[] = {0, 1, -1, 0.02f, -300, 0.1f};
    for (size_t f = 0; f < sizeof formats / sizeof *formats; f++) {
        for (size_t c = 0; c < sizeof constants / sizeof *constants; c++) {
            float x[BLOCK];
            for (size_t i = 0; i < BLOCK; i++)
                x[i] = constants[c];
            expect_all_near(formats[f].dtype, x, 4e-3); /* small halves are coarse */
        }
    }
}

/* Each format's own grid comes back as it was. */
static void representable_values_come_back(void **state)
{
    (void)state;
    for (size_t f = 0; f < sizeof formats / sizeof *formats; f++) {
        const enum dtype dtype = formats[f].dtype;
        const int levels = formats[f].levels;
        float x[BLOCK];
        for (int i = 0; i < BLOCK; i++)
            x[i] = 0.125f * (float)((i % 16 * levels + 7) / 15 - (levels + 1) / 2);
        if (dtype == DTYPE_Q8_0) /* its range is symmetric */
            x[0] = -127 * 0.125f;
        expect_all_near(dtype, x, dtype == DTYPE_Q4_K || dtype == DTYPE_Q5_K ? 4e-3 : 0);
    }
}

static void huge_and_tiny_values_stay_finite(void **state)
{
    (void)state;
    static const float sizes[] = {3e38f, 1e30f, 1e9f, 1e5f, 1e-6f, 1e-20f, 1e-38f, 1e-44f};
    for (size_t f = 0; f < sizeof formats / sizeof *formats; f++) {
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            float x[BLOCK], y[BLOCK];
            for (int i = 0; i < BLOCK; i++)
                x[i] = sizes[s] * (float)(i % 7 - 3) / 3;
            there_and_back(formats[f].dtype, x, BLOCK, y);
            for (int i = 0; i < BLOCK; i++)
                if (!isfinite(y[i]) || fabsf(y[i]) > sizes[s] * 1.3f + 1e-7f)
                    fail_msg("%s: %g became %g", dtype_info(formats[f].dtype)->name, (double)x[i],
                             (double)y[i]);
        }
    }
}

static void values_that_are_not_finite_count_as_zero(void **state)
{
    (void)state;
    for (size_t f = 0; f < sizeof formats / sizeof *formats; f++) {
        float x[BLOCK], clean[BLOCK], y[BLOCK], wanted[BLOCK];
        fill_normal(clean, BLOCK, 1);
        clean[3] = clean[77] = clean[200] = 0;
        memcpy(x, clean, sizeof x);
        x[3] = NAN;
        x[77] = INFINITY;
        x[200] = -INFINITY;
        there_and_back(formats[f].dtype, x, BLOCK, y);
        there_and_back(formats[f].dtype, clean, BLOCK, wanted);
        assert_memory_equal(y, wanted, sizeof y);
    }
}

/* One large value costs the others of its block at most half a step. */
static void an_outlier_is_kept(void **state)
{
    (void)state;
    for (size_t f = 0; f < sizeof formats / sizeof *formats; f++) {
        float x[BLOCK], y[BLOCK];
        fill_normal(x, BLOCK, 0.02);
        x[100] = 5;
        there_and_back(formats[f].dtype, x, BLOCK, y);
        const double step = 5.2 / formats[f].levels * (formats[f].dtype == DTYPE_Q8_0 ? 2 : 1.1);
        for (int i = 0; i < BLOCK; i++)
            if (fabs((double)y[i] - x[i]) > step)
                fail_msg("%s: %g became %g", dtype_info(formats[f].dtype)->name, (double)x[i],
                         (double)y[i]);
    }
}

int main(void)
{
    kernels_portable(&kernels);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_of_normal_values_are_bounded),
        cmocka_unit_test(constants_stay),
        cmocka_unit_test(representable_values_come_back),
        cmocka_unit_test(huge_and_tiny_values_stay_finite),
        cmocka_unit_test(values_that_are_not_finite_count_as_zero),
        cmocka_unit_test(an_outlier_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
