#include "engine/engine.h"

#include "base/clock.h"
#include "base/test.h"
#include "engine/demo_test.h"
#include "engine/kv_cache.h"
#include "os/cpu.h"

#include <time.h>

static struct model *model;

static struct engine *new_engine(const struct engine_options *options)
{
    struct engine *engine;
    struct reason why;
    if (engine_create(model, options, &engine, &why) != STATUS_OK)
        fail_msg("%s", why.message[LANG_EN]);
    return engine;
}

static struct sequence *submit(struct engine *engine, struct engine_request request)
{
    struct sequence *sequence;
    struct reason why;
    if (engine_submit(engine, &request, &sequence, &why) != STATUS_OK)
        fail_msg("%s", why.message[LANG_EN]);
    return sequence;
}

static void refused(struct engine *engine, struct engine_request request, const char *code)
{
    struct sequence *sequence;
    struct reason why;
    assert_int_not_equal(engine_submit(engine, &request, &sequence, &why), STATUS_OK);
    assert_string_equal(why.code, code);
    assert_true(why.message[LANG_EN][0] && why.message[LANG_ZH][0]);
    assert_null(request.prompt.tokens.ids); /* taken over */
}

static struct prompt_input hello(void)
{
    return demo_prompt(model, "hello");
}

static void answers_and_stops_by_itself(void **state)
{
    (void)state;
    static struct answer answer = ANSWER_INIT;
    struct engine *engine = new_engine(&(struct engine_options){.threads = 2});
    struct engine_request request = demo_request(hello(), 100, &answer);
    request.ignore_eos = false;
    struct sequence *sequence = submit(engine, request);
    assert_int_equal(answer_wait_end(&answer), FINISH_STOP);
    assert_true(answer.text_len > 0 && answer.count > 1);
    assert_int_equal(answer.output_tokens, answer.count);
    assert_int_equal(answer.prompt_tokens, 9);
    sequence_release(sequence);
    engine_destroy(engine);
    assert_int_equal(answer.last_events, 1);
}

static void stop_strings_and_min_tokens(void **state)
{
    (void)state;
    static struct answer whole = ANSWER_INIT, cut = ANSWER_INIT, more = ANSWER_INIT;
    struct engine *engine = new_engine(&(struct engine_options){.threads = 1});
    struct engine_request request = demo_request(hello(), 100, &whole);
    request.ignore_eos = false;
    struct sequence *sequence = submit(engine, request);
    assert_int_equal(answer_wait_end(&whole), FINISH_STOP);
    sequence_release(sequence);
    assert_true(whole.text_len > 2);

    request = demo_request(hello(), 100, &cut);
    request.stop[0] = (struct str){whole.text + 2, 1};
    request.stop_count = 1;
    sequence = submit(engine, request);
    assert_int_equal(answer_wait_end(&cut), FINISH_STOP);
    sequence_release(sequence);
    assert_true(cut.text_len <= 2);
    assert_memory_equal(cut.text, whole.text, cut.text_len);

    request = demo_request(hello(), 100, &more);
    request.ignore_eos = false;
    request.min_tokens = (uint32_t)whole.count + 3;
    sequence = submit(engine, request);
    answer_wait_end(&more);
    sequence_release(sequence);
    assert_true(more.count >= whole.count + 3);
    engine_destroy(engine);
}

static void max_tokens_is_clamped_to_the_context(void **state)
{
    (void)state;
    static struct answer answer = ANSWER_INIT;
    struct engine *engine = new_engine(&(struct engine_options){.threads = 1, .context = 64});
    struct sequence *sequence =
        submit(engine, demo_request(demo_long_prompt(model, 20), UINT32_MAX, &answer));
    assert_int_equal(answer_wait_end(&answer), FINISH_LENGTH);
    assert_int_equal(answer.count, 44);
    sequence_release(sequence);
    engine_destroy(engine);
}

static void what_cannot_run_is_refused(void **state)
{
    (void)state;
    static struct answer answer = ANSWER_INIT;
    struct engine *engine = new_engine(&(struct engine_options){.threads = 1, .context = 64});
    refused(engine, demo_request(demo_long_prompt(model, 64), 1, &answer),
            "context_length_exceeded");
    refused(engine, demo_request((struct prompt_input){0}, 1, &answer), "invalid_value");
    refused(engine, demo_request(hello(), 0, &answer), "invalid_value");
    struct prompt_input strange = hello();
    strange.tokens.ids[3] = (int32_t)model->config.text.vocab_size;
    refused(engine, demo_request(strange, 1, &answer), "invalid_value");
    strange = hello();
    strange.tokens.ids[3] = -1;
    refused(engine, demo_request(strange, 1, &answer), "invalid_value");
    assert_int_equal(answer.last_events, 0);
    struct sequence *fits = submit(engine, demo_request(demo_long_prompt(model, 63), 9, &answer));
    assert_int_equal(answer_wait_end(&answer), FINISH_LENGTH);
    assert_int_equal(answer.count, 1);
    sequence_release(fits);
    engine_destroy(engine);
}

static void a_cache_below_one_page_is_refused(void **state)
{
    (void)state;
    struct engine *engine;
    struct reason why;
    const struct engine_options options = {.threads = 1, .kv_cache_bytes = 100};
    assert_int_not_equal(engine_create(model, &options, &engine, &why), STATUS_OK);
    assert_string_equal(why.code, "memory_full");
}

static void a_full_queue_refuses_and_recovers(void **state)
{
    (void)state;
    static struct answer answers[3] = {ANSWER_INIT, ANSWER_INIT, ANSWER_INIT}, none, last;
    struct sequence *sequences[3];
    const struct engine_options options = {
        .threads = 1, .context = 2048, .max_sequences = 1, .max_waiting = 2};
    struct engine *engine = new_engine(&options);
    for (size_t i = 0; i < 3; i++)
        sequences[i] = submit(engine, demo_request(hello(), 2000, &answers[i]));
    refused(engine, demo_request(hello(), 1, &none), "queue_full");
    struct engine_figures figures;
    engine_figures_read(engine, &figures);
    assert_int_equal(figures.running + figures.waiting, 3);
    for (size_t i = 0; i < 3; i++)
        sequence_release(sequences[i]);
    last = (struct answer)ANSWER_INIT;
    struct sequence *sequence = submit(engine, demo_request(hello(), 1, &last));
    assert_int_equal(answer_wait_end(&last), FINISH_LENGTH);
    sequence_release(sequence);
    engine_destroy(engine);
}

/* One in, one out: the last event of a sequence makes room for the next. */
struct relay {
    struct engine *engine;
    struct answer *answer;
    struct sequence *next;
    enum status status;
    struct reason why;
};

static void submit_at_the_end(void *arg, const struct engine_event *event)
{
    struct relay *relay = arg;
    if (event->finish == FINISH_NONE)
        return;
    struct engine_request request = demo_request(hello(), 2, relay->answer);
    relay->status = engine_submit(relay->engine, &request, &relay->next, &relay->why);
}

static void the_last_event_makes_room(void **state)
{
    (void)state;
    static struct answer answer = ANSWER_INIT;
    struct engine *engine = new_engine(&(struct engine_options){
        .threads = 1, .max_sequences = 1, .max_waiting = 1, .context = 512});
    static struct answer other = ANSWER_INIT;
    struct sequence *second;
    struct relay relay = {.engine = engine, .answer = &answer};
    struct engine_request request = demo_request(hello(), 50, NULL);
    request.on_event = submit_at_the_end;
    request.arg = &relay;
    struct sequence *first = submit(engine, request);
    second = submit(engine, demo_request(hello(), 2, &other));
    assert_int_equal(answer_wait_end(&other), FINISH_LENGTH);
    assert_int_equal(relay.status, STATUS_OK);
    assert_int_equal(answer_wait_end(&answer), FINISH_LENGTH);
    sequence_release(first);
    sequence_release(second);
    sequence_release(relay.next);
    engine_destroy(engine);
}

static void destroying_cancels_and_refuses(void **state)
{
    (void)state;
    static struct answer running = ANSWER_INIT, none = ANSWER_INIT;
    struct engine *engine = new_engine(&(struct engine_options){.threads = 2, .context = 2048});
    struct sequence *sequence = submit(engine, demo_request(hello(), 2000, &running));
    struct relay relay = {.engine = engine, .answer = &none};
    struct engine_request request = demo_request(hello(), 2000, NULL);
    request.on_event = submit_at_the_end;
    request.arg = &relay;
    struct sequence *late = submit(engine, request);
    answer_wait(&running, 1);
    engine_destroy(engine);
    assert_int_equal(running.finish, FINISH_CANCELLED);
    assert_int_equal(relay.status, STATUS_BUSY);
    assert_string_equal(relay.why.code, "draining");
    sequence_release(sequence); /* valid after the engine */
    sequence_release(late);
    assert_int_equal(none.last_events, 0);
}

static void releasing_cancels_and_waits(void **state)
{
    (void)state;
    static struct answer answer = ANSWER_INIT;
    struct engine *engine = new_engine(&(struct engine_options){.threads = 2, .context = 4096});
    struct sequence *sequence = submit(engine, demo_request(hello(), 4000, &answer));
    answer_wait(&answer, 3);
    const int64_t start = clock_ns(&clock_system);
    sequence_release(sequence);
    assert_true(clock_ns(&clock_system) - start < 1000000000); /* 4000 tokens would take longer */
    assert_int_equal(answer.last_events, 1);
    assert_int_equal(answer.finish, FINISH_CANCELLED);
    const size_t count = answer.count;
    const struct timespec pause = {.tv_nsec = 20000000};
    nanosleep(&pause, NULL);
    assert_int_equal(answer.count, count);
    struct engine_figures figures;
    do
        engine_figures_read(engine, &figures);
    while (figures.running > 0);
    assert_int_equal(figures.kv_pages_used, 0);
    sequence_release(NULL);
    engine_destroy(engine);
}

enum { CLIENTS = 4, ROUNDS = 6 };

struct client {
    pthread_t thread;
    struct engine *engine;
    int index;
};

/* Submits, sometimes cancels half-way, sometimes releases at once. */
static void *use_engine(void *arg)
{
    const struct client *client = arg;
    static const char *const questions[] = {"hello", "ping"};
    for (int round = 0; round < ROUNDS; round++) {
        struct answer *answer = calloc(1, sizeof *answer);
        *answer = (struct answer)ANSWER_INIT;
        struct prompt_input prompt = demo_prompt(model, questions[round % 2]);
        struct sequence *sequence = submit(client->engine, demo_request(prompt, 20, answer));
        struct engine_figures figures;
        engine_figures_read(client->engine, &figures);
        if ((client->index + round) % 3 == 0)
            answer_wait_end(answer);
        else if ((client->index + round) % 3 == 1)
            answer_wait(answer, 4);
        sequence_cancel(sequence);
        sequence_release(sequence);
        assert_int_equal(answer->last_events, 1);
        free(answer);
    }
    return NULL;
}

static void many_threads_use_one_engine(void **state)
{
    (void)state;
    struct client clients[CLIENTS];
    struct engine *engine =
        new_engine(&(struct engine_options){.threads = 2, .context = 128, .max_sequences = 2});
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = (struct client){.engine = engine, .index = i};
        assert_int_equal(pthread_create(&clients[i].thread, NULL, use_engine, &clients[i]), 0);
    }
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(clients[i].thread, NULL);
    engine_destroy(engine);
}

static void figures_name_threads_and_kernels(void **state)
{
    (void)state;
    static const char *const levels[] = {"c", "avx2", "avx512"};
    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        if (cpu_set_level(levels[i], NULL) != STATUS_OK)
            continue;
        struct engine *engine = new_engine(&(struct engine_options){.threads = 3, .context = 100});
        struct engine_figures figures;
        engine_figures_read(engine, &figures);
        assert_string_equal(figures.kernels, levels[i]);
        assert_int_equal(figures.threads, 3);
        assert_int_equal(figures.context, 100);
        assert_int_equal(figures.kv_pages, 4);
        engine_destroy(engine);
    }
    assert_false(cpu_set_level("auto", NULL));
    struct engine *engine = new_engine(&(struct engine_options){.context = 100});
    struct engine_figures figures;
    engine_figures_read(engine, &figures);
    assert_int_equal(figures.threads, cpu_usable_cores());
    assert_ptr_equal(engine_model(engine), model);
    engine_destroy(engine);
}

/* Seeds repeat; without one, answers differ. */
static void a_seed_repeats_an_answer(void **state)
{
    (void)state;
    static struct answer answers[4] = {ANSWER_INIT, ANSWER_INIT, ANSWER_INIT, ANSWER_INIT};
    struct engine *engine = new_engine(&(struct engine_options){.threads = 1, .context = 256});
    struct sequence *sequences[4];
    for (size_t i = 0; i < 4; i++) {
        struct engine_request request = demo_request(hello(), 60, &answers[i]);
        request.sampling.temperature = 3;
        request.sampling.seed = i < 2 ? 7 : 0;
        request.sampling.seeded = i < 2;
        sequences[i] = submit(engine, request);
    }
    for (size_t i = 0; i < 4; i++) {
        answer_wait_end(&answers[i]);
        sequence_release(sequences[i]);
    }
    assert_memory_equal(answers[0].ids, answers[1].ids, 60 * sizeof(int32_t));
    assert_memory_not_equal(answers[0].ids, answers[2].ids, 60 * sizeof(int32_t));
    assert_memory_not_equal(answers[2].ids, answers[3].ids, 60 * sizeof(int32_t));
    engine_destroy(engine);
}

static int load(void **state)
{
    (void)state;
    model = demo_model();
    return 0;
}

static int unload(void **state)
{
    (void)state;
    model_destroy(model);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_and_stops_by_itself),
        cmocka_unit_test(stop_strings_and_min_tokens),
        cmocka_unit_test(max_tokens_is_clamped_to_the_context),
        cmocka_unit_test(what_cannot_run_is_refused),
        cmocka_unit_test(a_cache_below_one_page_is_refused),
        cmocka_unit_test(a_full_queue_refuses_and_recovers),
        cmocka_unit_test(the_last_event_makes_room),
        cmocka_unit_test(destroying_cancels_and_refuses),
        cmocka_unit_test(releasing_cancels_and_waits),
        cmocka_unit_test(many_threads_use_one_engine),
        cmocka_unit_test(figures_name_threads_and_kernels),
        cmocka_unit_test(a_seed_repeats_an_answer),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
