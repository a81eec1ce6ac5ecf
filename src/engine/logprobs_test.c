#include "engine/logprobs.h"

#include "base/test.h"

#include <math.h>

enum { COUNT = 6 };

static void check(float found, double expected)
{
    assert_true(fabs((double)found - expected) < 1e-5);
}

static void equal_the_log_softmax(void **state)
{
    (void)state;
    static const float logits[COUNT] = {1, 3, -2, 3, 0.5f, -INFINITY};
    struct token_logprob row[1 + COUNT];
    double sum = 0;
    for (int i = 0; i < COUNT; i++)
        sum += exp((double)logits[i]);
    logprobs_compute(logits, COUNT, 2, COUNT, row);
    static const int32_t order[COUNT] = {1, 3, 0, 4, 2, -1}; /* of equals the lower id */
    assert_int_equal(row[0].id, 2);
    check(row[0].logprob, -2 - log(sum));
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(row[1 + i].id, order[i]);
        if (order[i] >= 0)
            check(row[1 + i].logprob, (double)logits[order[i]] - log(sum));
    }
}

static void large_logits_do_not_overflow(void **state)
{
    (void)state;
    static const float logits[3] = {30000, 29999, -30000};
    struct token_logprob row[3];
    logprobs_compute(logits, 3, 0, 2, row);
    check(row[0].logprob, -log1p(exp(-1)));
    check(row[2].logprob, -1 - log1p(exp(-1)));
    logprobs_compute(logits, 3, 1, 0, row); /* none of the likeliest: row[1] stays */
    check(row[0].logprob, -1 - log1p(exp(-1)));
    assert_int_equal(row[1].id, 0);
}

static void strange_logits_do_no_harm(void **state)
{
    (void)state;
    static const float none[3] = {-INFINITY, -INFINITY, -INFINITY}, some[3] = {NAN, 2, NAN},
                       infinite[3] = {0, INFINITY, 0};
    struct token_logprob row[3];
    logprobs_compute(none, 3, 1, 2, row);
    assert_true(row[0].logprob == -INFINITY && row[1].id == -1 && row[2].id == -1);
    logprobs_compute(some, 3, 0, 2, row);
    assert_true(row[0].logprob == -INFINITY);
    assert_true(row[1].id == 1 && row[1].logprob == 0 && row[2].id == -1);
    logprobs_compute(infinite, 3, 0, 2, row);
    assert_true(row[0].logprob == -INFINITY);
    logprobs_compute(infinite, 3, 7, 0, row); /* no such id */
    assert_true(row[0].logprob == -INFINITY);
}

static void lists_grow(void **state)
{
    (void)state;
    struct logprob_list list = {0};
    for (int32_t i = 0; i < 100; i++) {
        const struct token_logprob row[2] = {{i, 0}, {-1, 0}};
        assert_int_equal(logprob_list_add(&list, row, 2, NULL), STATUS_OK);
    }
    assert_int_equal(list.count, 200);
    for (int32_t i = 0; i < 100; i++)
        assert_int_equal(list.items[2 * i].id, i);
    logprob_list_release(&list);
    assert_null(list.items);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_the_log_softmax),
        cmocka_unit_test(large_logits_do_not_overflow),
        cmocka_unit_test(strange_logits_do_no_harm),
        cmocka_unit_test(lists_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
