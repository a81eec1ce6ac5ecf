#include "engine/sampler.h"

#include "base/test.h"
#include "engine/random.h"

#include <math.h>

enum { VOCAB = 8 };

static const struct sampling PLAIN = {.temperature = 1, .top_p = 1, .repetition_penalty = 1};

static struct sampler *create(struct sampling sampling)
{
    struct sampler *sampler;
    assert_int_equal(sampler_create(&sampling, VOCAB, &sampler, NULL), STATUS_OK);
    assert_int_equal(sampler_start(sampler, NULL), STATUS_OK);
    return sampler;
}

static int32_t next(struct sampler *sampler, const float *logits)
{
    float copy[VOCAB];
    memcpy(copy, logits, sizeof copy);
    return sampler_next(sampler, copy);
}

static const float LOGITS[VOCAB] = {0, 2, -1, 2, 1, -INFINITY, 0, 0};

static void greedy_takes_the_first_maximum(void **state)
{
    (void)state;
    struct sampling sampling = PLAIN;
    sampling.temperature = 0;
    struct sampler *sampler = create(sampling);
    assert_int_equal(next(sampler, LOGITS), 1);
    sampler_destroy(sampler);
}

static void greedy_still_hears_penalties(void **state)
{
    (void)state;
    struct sampling sampling = PLAIN;
    sampling.temperature = 0;
    sampling.presence_penalty = 3;
    struct sampler *sampler = create(sampling);
    sampler_see_prompt(sampler, 3); /* presence counts the output only */
    sampler_see_output(sampler, 1);
    assert_int_equal(next(sampler, LOGITS), 3);
    sampler_destroy(sampler);
}

static void the_same_seed_draws_the_same(void **state)
{
    (void)state;
    struct sampling sampling = PLAIN;
    sampling.seed = 7;
    struct sampler *a = create(sampling), *b = create(sampling);
    sampling.seed = 8;
    struct sampler *c = create(sampling);
    int differ = 0;
    for (int i = 0; i < 100; i++) {
        const int32_t id = next(a, LOGITS);
        assert_int_equal(id, next(b, LOGITS));
        differ += id != next(c, LOGITS);
    }
    assert_true(differ > 0);
    sampler_destroy(a);
    sampler_destroy(b);
    sampler_destroy(c);
}

static void draws_follow_the_probabilities(void **state)
{
    (void)state;
    enum { DRAWS = 20000 };
    struct sampler *sampler = create(PLAIN);
    double counts[VOCAB] = {0}, total = 0;
    for (int i = 0; i < DRAWS; i++)
        counts[next(sampler, LOGITS)]++;
    for (int i = 0; i < VOCAB; i++)
        total += exp((double)LOGITS[i]);
    for (int i = 0; i < VOCAB; i++)
        assert_true(fabs(counts[i] / DRAWS - exp((double)LOGITS[i]) / total) < 0.015);
    assert_true(counts[5] == 0);
    sampler_destroy(sampler);
}

static void top_k_keeps_ties(void **state)
{
    (void)state;
    struct sampling sampling = PLAIN;
    sampling.top_k = 1;
    struct sampler *sampler = create(sampling);
    float logits[VOCAB];
    memcpy(logits, LOGITS, sizeof logits);
    const struct candidate *list;
    assert_int_equal(sampler_candidates(sampler, logits, &list), 2);
    sampler_destroy(sampler);
}

static void bias_comes_before_penalties(void **state)
{
    (void)state;
    const struct logit_bias biases[] = {{4, 2}, {1, -100}, {5, 100}};
    struct sampling sampling = PLAIN;
    sampling.temperature = 0;
    sampling.biases = biases;
    sampling.bias_count = 3;
    struct sampler *sampler = create(sampling);
    assert_int_equal(next(sampler, LOGITS), 4); /* 5 stays impossible */
    sampler_destroy(sampler);
    /* (1 + 2) / 2 = 1.5 < 2; a penalty before the bias would leave 2.5 */
    sampling.repetition_penalty = 2;
    sampler = create(sampling);
    sampler_see_output(sampler, 4);
    assert_int_equal(next(sampler, LOGITS), 3);
    sampler_destroy(sampler);
}

static void bias_changes_the_draws(void **state)
{
    (void)state;
    enum { DRAWS = 20000 };
    const struct logit_bias bias = {0, 1.5f};
    struct sampling sampling = PLAIN;
    sampling.biases = &bias;
    sampling.bias_count = 1;
    struct sampler *sampler = create(sampling);
    double total = exp(1.5) - 1, found = 0;
    for (int i = 0; i < VOCAB; i++)
        total += exp((double)LOGITS[i]);
    for (int i = 0; i < DRAWS; i++)
        found += next(sampler, LOGITS) == 0;
    assert_true(fabs(found / DRAWS - exp(1.5) / total) < 0.015);
    sampler_destroy(sampler);
}

static void only_allowed_ids_are_drawn(void **state)
{
    (void)state;
    const int32_t allowed[] = {2, 6, 6};
    struct sampling sampling = PLAIN;
    sampling.allowed = allowed;
    sampling.allowed_count = 3;
    struct sampler *sampler = create(sampling);
    int counts[VOCAB] = {0};
    for (int i = 0; i < 2000; i++)
        counts[next(sampler, LOGITS)]++;
    assert_int_equal(counts[2] + counts[6], 2000);
    assert_true(counts[2] > 300 && counts[6] > counts[2]);
    float logits[VOCAB];
    memcpy(logits, LOGITS, sizeof logits);
    logits[2] = logits[6] = -INFINITY; /* forbidden by others */
    assert_int_equal(next(sampler, logits), 2);
    sampler_destroy(sampler);
}

static void strange_logits_do_no_harm(void **state)
{
    (void)state;
    struct sampling sampling = PLAIN;
    sampling.top_k = 3;
    sampling.top_p = 0.5f;
    struct sampler *sampler = create(sampling);
    float logits[VOCAB];
    for (int i = 0; i < VOCAB; i++)
        logits[i] = NAN;
    assert_int_equal(next(sampler, logits), 0);
    logits[6] = 1;
    assert_int_equal(next(sampler, logits), 6);
    for (int i = 0; i < VOCAB; i++)
        logits[i] = -INFINITY;
    assert_int_equal(next(sampler, logits), 0);
    logits[2] = INFINITY;
    assert_int_equal(next(sampler, logits), 2);
    sampler_see_output(sampler, -1); /* no such ids */
    sampler_see_output(sampler, VOCAB);
    sampler_destroy(sampler);
}

static void random_numbers_are_those_of_the_paper(void **state)
{
    (void)state;
    /* xoshiro256** from the state 1, 2, 3, 4: the authors' reference program */
    struct random random = {{1, 2, 3, 4}};
    assert_int_equal(random_next(&random), 11520);
    assert_int_equal(random_next(&random), 0);
    assert_int_equal(random_next(&random), 1509978240);
    for (int i = 0; i < 1000; i++) {
        const double u = random_unit(&random);
        assert_true(u >= 0 && u < 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(greedy_takes_the_first_maximum),
        cmocka_unit_test(greedy_still_hears_penalties),
        cmocka_unit_test(the_same_seed_draws_the_same),
        cmocka_unit_test(draws_follow_the_probabilities),
        cmocka_unit_test(top_k_keeps_ties),
        cmocka_unit_test(bias_comes_before_penalties),
        cmocka_unit_test(bias_changes_the_draws),
        cmocka_unit_test(only_allowed_ids_are_drawn),
        cmocka_unit_test(strange_logits_do_no_harm),
        cmocka_unit_test(random_numbers_are_those_of_the_paper),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
