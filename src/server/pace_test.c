#include "server/pace.h"

#include "base/test.h"

static const int64_t second = 1000000000;

/* An engine that ends `per_s` answers and makes `tokens_per_s` tokens a second, for 30 s. */
static int64_t work(struct pace *pace, struct engine_figures *figures, int64_t now, uint64_t per_s,
                    uint64_t tokens_per_s)
{
    for (int i = 0; i < 30; i++) {
        pace_sample(pace, figures, now += second);
        figures->ended += per_s;
        figures->output_tokens += tokens_per_s;
    }
    return now;
}

static struct engine_figures busy(void)
{
    return (struct engine_figures){
        .running = 4, .waiting = 256, .remaining_tokens = 4000, .most_live = 260};
}

static void a_place_comes_when_an_answer_ends(void **state)
{
    (void)state;
    struct pace pace = {0};
    struct engine_figures figures = busy();
    figures.remaining_tokens = 4000000;
    const int64_t now = work(&pace, &figures, second, 2, 100);
    const uint32_t first = pace_promise(&pace, &figures, now);
    assert_int_equal(first, PACE_LEAST_MS); /* 0.5 s, but not less than the least */
    uint32_t last = 0;
    for (int i = 0; i < 9; i++)
        last = pace_promise(&pace, &figures, now);
    assert_in_range(last, 4500, 6500); /* ten places at two a second */
    assert_in_range(pace_promise(&pace, &figures, now + 4 * second), 1000, 2500);
}

static void running_answers_bound_it(void **state)
{
    (void)state;
    struct pace pace = {0};
    struct engine_figures figures = busy();
    const int64_t now = work(&pace, &figures, second, 0, 100);
    /* 4 × 1,000 tokens are left at 100 a second: four places in 40 s. */
    assert_in_range(pace_promise(&pace, &figures, now), 9000, 11000);
    assert_in_range(pace_promise(&pace, &figures, now), 18000, 22000);
}

static void it_stays_within_its_bounds(void **state)
{
    (void)state;
    struct pace pace = {0};
    struct engine_figures figures = busy();
    assert_int_equal(pace_promise(&pace, &figures, second), PACE_UNKNOWN_MS);
    for (int i = 0; i < 100000; i++)
        assert_in_range(pace_promise(&pace, &figures, second), PACE_LEAST_MS, PACE_MOST_MS);
    figures = busy();
    pace = (struct pace){0};
    const int64_t now = work(&pace, &figures, second, 1000, 100000);
    assert_int_equal(pace_promise(&pace, &figures, now), PACE_LEAST_MS);
}

/* Whoever hammers drives the wait no further than the whole queue needs. */
static void a_crowd_waits_as_long_as_the_queue(void **state)
{
    (void)state;
    struct pace pace = {0};
    struct engine_figures figures = busy();
    figures.waiting = 16;
    figures.remaining_tokens = 4000000;
    const int64_t now = work(&pace, &figures, second, 2, 100);
    uint32_t last = 0;
    for (int i = 0; i < 1000; i++)
        last = pace_promise(&pace, &figures, now);
    assert_in_range(last, 9000, 11000);
}

static void idle_time_is_not_slowness(void **state)
{
    (void)state;
    struct pace pace = {0};
    struct engine_figures figures = busy();
    int64_t now = work(&pace, &figures, second, 2, 100);
    const double before = pace.ended_per_s;
    figures.running = figures.waiting = 0;
    pace_sample(&pace, &figures, now += second);
    for (int i = 0; i < 100; i++)
        pace_sample(&pace, &figures, now += second);
    assert_true(pace.ended_per_s > before * 0.9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_place_comes_when_an_answer_ends),
        cmocka_unit_test(running_answers_bound_it),
        cmocka_unit_test(it_stays_within_its_bounds),
        cmocka_unit_test(a_crowd_waits_as_long_as_the_queue),
        cmocka_unit_test(idle_time_is_not_slowness),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
