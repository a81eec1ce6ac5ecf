/* Where answers end, what is told about their tokens, and how long a model may think. */
#include "base/test.h"
#include "engine/demo_test.h"

#include <math.h>

static struct model *model;
static struct engine *engine;

static int open_all(void **state)
{
    (void)state;
    struct reason why;
    const struct engine_options options = {.threads = 1, .context = 512};
    model = demo_model();
    if (engine_create(model, &options, &engine, &why))
        fail_msg("%s", why.message[LANG_EN]);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    engine_destroy(engine);
    model_destroy(model);
    return 0;
}

static struct engine_request ask(uint32_t max_tokens, struct answer *answer)
{
    *answer = (struct answer)ANSWER_INIT;
    struct engine_request request = demo_request(demo_prompt(model, "hello"), max_tokens, answer);
    request.ignore_eos = false;
    return request;
}

static enum finish_reason run_on(struct engine *on, struct engine_request request)
{
    struct sequence *sequence;
    struct reason why;
    if (engine_submit(on, &request, &sequence, &why))
        fail_msg("%s", why.message[LANG_EN]);
    const enum finish_reason finish = answer_wait_end(request.arg);
    sequence_release(sequence);
    return finish;
}

static enum finish_reason run(struct engine_request request)
{
    return run_on(engine, request);
}

/* The greedy answer to the question. */
static const struct answer *plain_answer(void)
{
    static struct answer answer;
    if (answer.count == 0) {
        assert_int_equal(run(ask(100, &answer)), FINISH_STOP);
        assert_true(answer.count > 6);
    }
    return &answer;
}

/* The token that came at `index`, whose text is not empty and which did not come before. */
static size_t fresh_token(const struct answer *answer, size_t from)
{
    for (size_t i = from; i < answer->count; i++) {
        size_t first = 0;
        while (answer->ids[first] != answer->ids[i])
            first++;
        if (first == i)
            return i;
    }
    fail_msg("the answer only repeats itself");
    return 0;
}

static void stop_tokens_end_the_answer(void **state)
{
    (void)state;
    static struct answer cut;
    const struct answer *whole = plain_answer();
    const size_t at = fresh_token(whole, 2);
    struct engine_request request = ask(100, &cut);
    request.stop_ids = &whole->ids[at];
    request.stop_id_count = 1;
    request.ignore_eos = true; /* another matter */
    assert_int_equal(run(request), FINISH_STOP);
    assert_int_equal(cut.count, at + 1);
    assert_memory_equal(cut.ids, whole->ids, cut.count * sizeof *cut.ids);
    assert_true(cut.text_len < whole->text_len);
    assert_memory_equal(cut.text, whole->text, cut.text_len);
}

/* Neither the end, nor a stop token, nor a stop string comes before min_tokens. */
static void nothing_ends_before_min_tokens(void **state)
{
    (void)state;
    static struct answer more;
    const struct answer *whole = plain_answer();
    const uint32_t least = (uint32_t)whole->count + 5;
    struct engine_request request = ask(200, &more);
    request.min_tokens = least;
    run(request);
    assert_true(more.count > least); /* the end is one more */

    request = ask(200, &more);
    request.min_tokens = 6;
    request.stop_ids = whole->ids;
    request.stop_id_count = 6;
    run(request);
    assert_true(more.count > 6);
    for (size_t i = 0; i < 6; i++)
        for (size_t k = 0; k < 6; k++)
            assert_int_not_equal(more.ids[i], whole->ids[k]);

    request = ask(200, &more);
    request.min_tokens = 4;
    for (size_t i = 0; i < 3; i++)
        request.stop[i] = (struct str){&whole->text[i], 1};
    request.stop_count = 3;
    run(request);
    assert_true(more.count > 4);
    assert_memory_equal(more.text, whole->text, 3);
}

/* Greedy answers take the likeliest token, whatever bias and penalties do to it. */
static void logprobs_are_those_of_the_model(void **state)
{
    (void)state;
    static struct answer answer;
    const struct answer *whole = plain_answer();
    struct engine_request request = ask(8, &answer);
    request.logprobs = true;
    request.top_logprobs = 1;
    assert_int_equal(run(request), FINISH_LENGTH);
    for (size_t i = 0; i < answer.count; i++) {
        assert_int_equal(answer.likeliest[i].id, answer.ids[i]);
        assert_true(answer.likeliest[i].logprob <= 0 && answer.likeliest[i].logprob > -10);
    }
    const struct token_logprob first = answer.likeliest[0];
    const struct logit_bias bias = {whole->ids[0], -100};
    request = ask(8, &answer);
    request.logprobs = true;
    request.top_logprobs = 1;
    request.sampling.biases = &bias;
    request.sampling.bias_count = 1;
    run(request);
    assert_int_not_equal(answer.ids[0], whole->ids[0]);
    assert_int_equal(answer.likeliest[0].id, first.id);
    assert_true(answer.likeliest[0].logprob == first.logprob);
}

/* The scores of a prompt: of which tokens, and how likely they are. */
struct scored {
    struct answer *answer;
    struct token_logprob rows[512];
    size_t count;
};

static void on_scored(void *arg, const struct engine_event *event)
{
    struct scored *scored = arg;
    if (event->prompt_logprobs) {
        assert_int_equal(event->id_count, 0);
        assert_int_equal(event->output_tokens, 0);
        scored->rows[scored->count++] = event->prompt_logprobs[0];
    }
    answer_event(scored->answer, event);
}

/* Every token of a prompt but the first is scored once, and an answer is as likely as a prompt as
 * it was when it was made, also where its pages are in the cache. */
static void prompts_are_scored(void **state)
{
    (void)state;
    static struct answer made, answer;
    struct engine_request request = ask(40, &made);
    const size_t asked = request.prompt.tokens.count;
    struct token_list ids = {0};
    for (size_t i = 0; i < asked; i++)
        assert_false(token_list_add(&ids, request.prompt.tokens.ids[i], NULL));
    request.logprobs = true;
    request.top_logprobs = 1;
    run(request);
    for (size_t i = 0; i < made.count; i++)
        assert_false(token_list_add(&ids, made.ids[i], NULL));
    for (int again = 0; again < 2; again++) {
        static struct scored scored;
        scored = (struct scored){.answer = &answer};
        request = ask(2, &answer);
        prompt_input_release(&request.prompt);
        for (size_t i = 0; i < ids.count; i++)
            assert_false(token_list_add(&request.prompt.tokens, ids.ids[i], NULL));
        request.logprobs = request.prompt_logprobs = true;
        request.top_logprobs = 1; /* as answer_event reads them */
        request.on_event = on_scored;
        request.arg = &scored;
        struct sequence *sequence;
        struct reason why;
        assert_int_equal(engine_submit(engine, &request, &sequence, &why), STATUS_OK);
        answer_wait_end(&answer);
        sequence_release(sequence);
        assert_int_equal(scored.count, ids.count - 1);
        for (size_t i = 0; i < scored.count; i++)
            assert_int_equal(scored.rows[i].id, ids.ids[i + 1]);
        for (size_t i = 0; i < made.count; i++)
            assert_true(fabsf(scored.rows[asked - 1 + i].logprob - made.likeliest[i].logprob) <
                        0.02f);
    }
    token_list_release(&ids);
}

static struct engine_request ask_thinking(uint32_t budget, struct answer *answer)
{
    struct engine_request request = ask(20, answer);
    request.thinking = (struct thinking){
        .possible = true,
        .begun = true,
        .open = tokenizer_added_id(model->tokenizer, "<think>"),
        .close = tokenizer_added_id(model->tokenizer, "</think>"),
        .call = -1,
        .limited = true,
        .budget = budget,
    };
    request.ignore_eos = true;
    return request;
}

static void thinking_ends_at_its_budget(void **state)
{
    (void)state;
    static struct answer answer;
    for (uint32_t budget = 0; budget < 5; budget++) {
        const struct engine_request request = ask_thinking(budget, &answer);
        run(request);
        assert_int_equal(answer.count, 20);
        for (uint32_t i = 0; i <= budget; i++)
            assert_int_equal(answer.ids[i] == request.thinking.close, i == budget);
        assert_int_equal(answer.reasoning_tokens, budget);
    }
    struct engine_request request = ask_thinking(0, &answer);
    request.thinking.limited = false;
    run(request);
    assert_int_equal(answer.reasoning_tokens, 20);
}

/* The model opens its reasoning itself, or with its first token does not. */
static void thinking_may_begin_with_the_answer(void **state)
{
    (void)state;
    static struct answer answer;
    struct engine_request request = ask_thinking(3, &answer);
    request.thinking.begun = false;
    run(request);
    assert_int_equal(answer.reasoning_tokens, 0);
    const struct logit_bias bias = {request.thinking.open, 1000};
    request = ask_thinking(3, &answer);
    request.thinking.begun = false;
    request.sampling.biases = &bias;
    request.sampling.bias_count = 1;
    run(request);
    assert_int_equal(answer.ids[0], request.thinking.open);
    assert_int_equal(answer.ids[4], request.thinking.close);
    assert_int_equal(answer.reasoning_tokens, 3);
}

/* A call ends the reasoning too: nothing is forced into it. */
static void calls_end_thinking(void **state)
{
    (void)state;
    static struct answer answer;
    struct engine_request request = ask_thinking(3, &answer);
    request.thinking.call = tokenizer_added_id(model->tokenizer, "<tool_call>");
    const struct logit_bias bias = {request.thinking.call, 1000};
    request.sampling.biases = &bias;
    request.sampling.bias_count = 1;
    run(request);
    assert_int_equal(answer.reasoning_tokens, 0);
    for (size_t i = 0; i < answer.count; i++)
        assert_int_equal(answer.ids[i], request.thinking.call);
}

/* The same seed draws the same tokens, however many threads compute. */
static void seeds_do_not_depend_on_threads(void **state)
{
    (void)state;
    static struct answer first, other;
    for (int threads = 2; threads <= 3; threads++) {
        struct engine *wide;
        const struct engine_options options = {.threads = threads, .context = 512};
        assert_int_equal(engine_create(model, &options, &wide, NULL), STATUS_OK);
        for (uint64_t seed = 0; seed < 4; seed++) {
            struct engine_request request = ask(60, &first);
            request.ignore_eos = true;
            request.sampling.temperature = 1.5f;
            request.sampling.seed = seed;
            request.sampling.seeded = true;
            run(request);
            other = (struct answer)ANSWER_INIT;
            request.prompt = demo_prompt(model, "hello");
            request.arg = &other;
            run_on(wide, request);
            assert_int_equal(other.count, 60);
            assert_memory_equal(first.ids, other.ids, 60 * sizeof *first.ids);
        }
        engine_destroy(wide);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stop_tokens_end_the_answer),
        cmocka_unit_test(nothing_ends_before_min_tokens),
        cmocka_unit_test(logprobs_are_those_of_the_model),
        cmocka_unit_test(prompts_are_scored),
        cmocka_unit_test(thinking_ends_at_its_budget),
        cmocka_unit_test(thinking_may_begin_with_the_answer),
        cmocka_unit_test(calls_end_thinking),
        cmocka_unit_test(seeds_do_not_depend_on_threads),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
