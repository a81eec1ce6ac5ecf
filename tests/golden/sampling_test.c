/* The probabilities of sampling.jsonl after each stage: penalties, temperature, min_p, top_k,
 * top_p, in this order. */
#include "engine/sampler.h"
#include "golden.h"

#include "base/test.h"

#include <math.h>

enum { VOCAB = 64 };

static float param(const struct json *params, const char *key)
{
    return (float)golden_number(golden_get(params, key));
}

static struct sampling read_params(const struct json *params)
{
    return (struct sampling){
        .temperature = param(params, "temperature"),
        .top_p = param(params, "top_p"),
        .min_p = param(params, "min_p"),
        .top_k = (uint32_t)golden_int(golden_get(params, "top_k")),
        .repetition_penalty = param(params, "repetition_penalty"),
        .presence_penalty = param(params, "presence_penalty"),
        .frequency_penalty = param(params, "frequency_penalty"),
    };
}

/* Switches off what comes after a stage. */
static struct sampling up_to(struct sampling s, struct str stage)
{
    static const char *const stages[] = {"repetition_penalty",
                                         "frequency_penalty",
                                         "presence_penalty",
                                         "temperature",
                                         "min_p",
                                         "top_k",
                                         "top_p",
                                         "greedy"};
    size_t last = 0;
    while (!str_is(stage, stages[last]))
        assert_true(++last < ARRAY_LEN(stages));
    s.frequency_penalty = last >= 1 ? s.frequency_penalty : 0;
    s.presence_penalty = last >= 2 ? s.presence_penalty : 0;
    s.temperature = last >= 3 ? s.temperature : 1;
    s.min_p = last >= 4 ? s.min_p : 0;
    s.top_k = last >= 5 ? s.top_k : 0;
    s.top_p = last >= 6 ? s.top_p : 1;
    return s;
}

static void see_all(struct sampler *sampler, const struct json *array,
                    void (*see)(struct sampler *, int32_t))
{
    JSON_EACH(id, array)
        see(sampler, golden_int(id));
}

static void compare(const struct json *row, struct sampling sampling, const struct json *expected)
{
    float logits[VOCAB];
    size_t n = 0;
    JSON_EACH(logit, golden_get(row, "logits"))
        logits[n++] = json_is(logit, JSON_NULL) ? -INFINITY : (float)golden_number(logit);
    assert_int_equal(n, VOCAB);
    struct sampler *sampler;
    assert_int_equal(sampler_create(&sampling, VOCAB, &sampler, NULL), STATUS_OK);
    assert_int_equal(sampler_start(sampler, NULL), STATUS_OK);
    see_all(sampler, golden_get(row, "prompt"), sampler_see_prompt);
    see_all(sampler, golden_get(row, "generated"), sampler_see_output);
    const struct candidate *list;
    const uint32_t count = sampler_candidates(sampler, logits, &list);
    double probability[VOCAB] = {0}, total = 0;
    for (uint32_t i = 0; i < count; i++)
        total += list[i].weight;
    for (uint32_t i = 0; i < count; i++)
        probability[list[i].id] = list[i].weight / total;
    n = 0;
    JSON_EACH(value, expected) {
        const double wanted = golden_number(value);
        if (fabs(probability[n] - wanted) > 1e-6 || (wanted == 0) != (probability[n] == 0))
            fail_msg("id %zu: %.9g, expected %.9g (%.*s)", n, probability[n], wanted,
                     STR_ARG(golden_get(row, "name")->text));
        n++;
    }
    assert_int_equal(n, VOCAB);
    sampler_destroy(sampler);
}

static void probabilities_equal_the_reference(void **state)
{
    (void)state;
    struct golden_lines lines;
    golden_lines_open(&lines, "tests/golden/models/sampling.jsonl");
    size_t rows = 0;
    for (const struct json *row; (row = golden_lines_next(&lines)); rows++) {
        const struct sampling sampling = read_params(golden_get(row, "params"));
        JSON_EACH(stage, golden_get(row, "stages"))
            compare(row, up_to(sampling, golden_get(stage, "stage")->text),
                    golden_get(stage, "probs"));
        compare(row, sampling, golden_get(row, "final"));
    }
    assert_int_equal(rows, 37);
    golden_lines_close(&lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(probabilities_equal_the_reference)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
