/* Once sequences decode, nothing is allocated any more: not for a token, not for a page. */
#include "engine/scheduler.h"

#include "base/failing_alloc_test.h"
#include "base/test.h"
#include "engine/demo_test.h"

#include <openssl/crypto.h>
#include <stdlib.h>

enum { SEQUENCES = 4, CONTEXT = 512, WARM_STEPS = 40, STEPS = 200 };

static struct model *model;
static struct answer answers[SEQUENCES];

/* libcrypto is a shared library: its allocations are sent here. */
static void *crypto_malloc(size_t bytes, const char *file, int line)
{
    (void)file;
    (void)line;
    return malloc(bytes);
}

static void *crypto_realloc(void *old, size_t bytes, const char *file, int line)
{
    (void)file;
    (void)line;
    return realloc(old, bytes);
}

static void crypto_free(void *old, const char *file, int line)
{
    (void)file;
    (void)line;
    free(old);
}

static void count_nothing(void *arg, const struct sequence *sequence)
{
    (void)arg;
    (void)sequence;
}

static struct sequence *add(struct scheduler *scheduler, struct engine_request request)
{
    struct sequence *sequence;
    struct reason why;
    if (sequence_create(model, CONTEXT, &request, &sequence, &why) != STATUS_OK)
        fail_msg("%s", why.message[LANG_EN]);
    scheduler_add(scheduler, sequence);
    return sequence;
}

/* Several sequences that decode across page borders, each `request` but for the prompt; no
 * allocations after the first steps. */
static void check_steady(struct engine_request (*request_for)(size_t i))
{
    const struct scheduler_options options = {
        .threads = 2,
        .max_sequences = SEQUENCES,
        .prefill_chunk = 64,
        .kv_pages = SEQUENCES * CONTEXT / KV_PAGE_TOKENS,
        .on_end = count_nothing,
    };
    struct scheduler *scheduler;
    struct sequence *sequences[SEQUENCES];
    assert_false(scheduler_create(model, &options, &scheduler, NULL));
    for (size_t i = 0; i < SEQUENCES; i++) {
        answers[i] = (struct answer)ANSWER_INIT;
        sequences[i] = add(scheduler, request_for(i));
    }
    for (int step = 0; step < WARM_STEPS; step++)
        assert_true(scheduler_step(scheduler));
    const size_t before = failing_alloc_count(), tokens = answers[0].count;
    for (int step = 0; step < STEPS; step++)
        assert_true(scheduler_step(scheduler));
    assert_int_equal(failing_alloc_count() - before, 0);
    assert_int_equal(answers[0].count - tokens, STEPS);
    scheduler_cancel_all(scheduler);
    for (size_t i = 0; i < SEQUENCES; i++)
        sequence_release(sequences[i]);
    scheduler_destroy(scheduler);
}

static struct engine_request greedy(size_t i)
{
    static const char *const questions[SEQUENCES] = {"hello", "ping", "你好", "How are you?"};
    return demo_request(demo_prompt(model, questions[i]), CONTEXT, &answers[i]);
}

static struct engine_request sampled(size_t i)
{
    struct engine_request request = greedy(i);
    request.sampling = (struct sampling){
        .temperature = 0.8f,
        .top_p = 0.9f,
        .top_k = 40,
        .min_p = 0.01f,
        .repetition_penalty = 1.1f,
        .presence_penalty = 0.1f,
        .frequency_penalty = 0.1f,
        .seed = i,
        .seeded = true,
    };
    request.logprobs = true;
    request.top_logprobs = 5;
    return request;
}

static struct engine_request with_stop_strings(size_t i)
{
    struct engine_request request = sampled(i);
    request.stop[0] = STR("a text that does not come");
    request.stop[1] = STR("这段文字不会出现");
    request.stop_count = 2;
    return request;
}

static void greedy_decoding_allocates_nothing(void **state)
{
    (void)state;
    check_steady(greedy);
}

static void sampling_allocates_nothing(void **state)
{
    (void)state;
    check_steady(sampled);
}

static void looking_for_stop_strings_allocates_nothing(void **state)
{
    (void)state;
    check_steady(with_stop_strings);
}

static int load(void **state)
{
    static const enum dtype type = DTYPE_Q8_0;
    const struct model_options options = {.quantize = *state ? &type : NULL};
    return model_load(demo_path(), &options, &model, NULL) == STATUS_OK ? 0 : -1;
}

static int unload(void **state)
{
    (void)state;
    model_destroy(model);
    return 0;
}

static int load_quantized(void **state)
{
    *state = &model;
    return load(state);
}

int main(void)
{
    if (!CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(greedy_decoding_allocates_nothing),
        cmocka_unit_test(sampling_allocates_nothing),
        cmocka_unit_test(looking_for_stop_strings_allocates_nothing),
    };
    const int plain = cmocka_run_group_tests_name("BF16", tests, load, unload);
    return plain + cmocka_run_group_tests_name("Q8_0", tests, load_quantized, unload);
}
