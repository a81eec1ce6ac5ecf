#include "image/video.h"

#include "image/resize.h"
#include "model/golden_test.h"

#include <math.h>

static int64_t number(const struct json *v)
{
    int64_t n;
    assert_true(json_int64(v, &n));
    return n;
}

static double real_or(const struct json *v, double fallback)
{
    double d = fallback;
    (void)json_double(v, &d);
    return d;
}

static int samples, sizes;

static void check_sample(const struct json *row)
{
    const struct json *num = json_get(row, "num_frames");
    const struct video_sampling s = {
        .fps = real_or(json_get(row, "fps"), 2),
        .num_frames = json_is(num, JSON_NUMBER) ? (uint32_t)number(num) : 0,
        .min_frames = (uint32_t)number(json_get(row, "min_frames")),
        .max_frames = (uint32_t)number(json_get(row, "max_frames")),
    };
    const uint32_t total = (uint32_t)number(json_get(row, "total_frames"));
    const double fps = real_or(json_get(row, "source_fps"), 0);
    uint32_t indices[4096];
    double times[2048];
    const uint32_t n = video_sample_count(&s, total, fps);
    assert_int_equal(n, json_get(row, "indices")->count);
    assert_true(n <= ARRAY_LEN(indices));
    video_sample_indices(total, n, indices);
    uint32_t i = 0;
    JSON_EACH(index, json_get(row, "indices"))
        assert_int_equal(indices[i++], number(index));
    video_pair_times(indices, n, fps, times);
    i = 0;
    JSON_EACH(time, json_get(row, "times"))
        assert_true(times[i++] == real_or(time, NAN));
    assert_int_equal(i, (n + 1) / 2);
    samples++;
}

static void check_size(const struct json *row)
{
    const struct pixel_budget budget = {(uint64_t)number(json_get(row, "min_pixels")),
                                        (uint64_t)number(json_get(row, "max_pixels"))};
    uint32_t h, w;
    const enum status status = resize_plan_video(
        (uint32_t)number(json_get(row, "frames")), (uint32_t)number(json_get(row, "height")),
        (uint32_t)number(json_get(row, "width")), 32, budget, &h, &w, NULL);
    assert_int_equal(status != STATUS_OK, json_is(json_get(row, "error"), JSON_STRING));
    if (!status) {
        assert_int_equal(h, number(json_get(row, "resized")->first));
        assert_int_equal(w, number(json_get(row, "resized")->first->next));
    }
    sizes++;
}

static void check_row(const struct json *row)
{
    const struct str type = json_get(row, "type")->text;
    if (str_is(type, "sample"))
        check_sample(row);
    else if (str_is(type, "size"))
        check_size(row);
}

static void samples_and_sizes_as_the_reference(void **state)
{
    (void)state;
    assert_int_equal(golden_each_line("tests/golden/video.jsonl", check_row), 154);
    printf("%d samplings, %d sizes\n", samples, sizes);
    assert_true(samples > 50 && sizes > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(samples_and_sizes_as_the_reference)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
