/* The scheduler driven step by step, in one thread. */
#include "engine/scheduler.h"

#include "base/test.h"
#include "engine/demo_test.h"

enum { CONTEXT = 512, CHUNK = 16 };

static struct model *model;
static int ended; /* calls of on_end */

static void count_end(void *arg, const struct sequence *sequence)
{
    (void)arg;
    (void)sequence;
    ended++;
}

static struct scheduler *new_scheduler(uint32_t max_sequences, uint32_t pages)
{
    const struct scheduler_options options = {
        .threads = 1,
        .max_sequences = max_sequences,
        .prefill_chunk = CHUNK,
        .kv_pages = pages,
        .on_end = count_end,
    };
    struct scheduler *scheduler;
    ended = 0;
    assert_false(scheduler_create(model, &options, &scheduler, NULL));
    return scheduler;
}

static struct sequence *add(struct scheduler *scheduler, struct prompt_input prompt,
                            uint32_t max_tokens, struct answer *answer)
{
    *answer = (struct answer)ANSWER_INIT;
    struct engine_request request = demo_request(prompt, max_tokens, answer);
    struct sequence *sequence;
    struct reason why;
    if (sequence_create(model, CONTEXT, &request, &sequence, &why) != STATUS_OK)
        fail_msg("%s", why.message[LANG_EN]);
    scheduler_add(scheduler, sequence);
    return sequence;
}

static void run_to_end(struct scheduler *scheduler)
{
    while (scheduler_step(scheduler))
        continue;
}

static struct engine_figures figures_of(const struct scheduler *scheduler)
{
    struct engine_figures figures = {0};
    scheduler_figures(scheduler, &figures);
    return figures;
}

/* What a prompt gives when nothing else runs. */
static void run_alone(struct prompt_input prompt, uint32_t max_tokens, struct answer *answer)
{
    struct scheduler *scheduler = new_scheduler(1, CONTEXT / KV_PAGE_TOKENS);
    struct sequence *sequence = add(scheduler, prompt, max_tokens, answer);
    run_to_end(scheduler);
    sequence_release(sequence);
    scheduler_destroy(scheduler);
}

static void same_answers(const struct answer *a, const struct answer *b)
{
    assert_int_equal(a->count, b->count);
    assert_memory_equal(a->ids, b->ids, a->count * sizeof *a->ids);
    assert_int_equal(a->text_len, b->text_len);
    assert_memory_equal(a->text, b->text, a->text_len);
}

static void two_sequences_progress_together(void **state)
{
    (void)state;
    static struct answer a, b;
    struct scheduler *scheduler = new_scheduler(4, 32);
    struct sequence *first = add(scheduler, demo_prompt(model, "hello"), 20, &a);
    struct sequence *second = add(scheduler, demo_prompt(model, "ping"), 20, &b);
    while (a.count == 0 || b.count == 0)
        assert_true(scheduler_step(scheduler));
    for (int i = 0; i < 5; i++) {
        const size_t had_a = a.count, had_b = b.count;
        assert_true(scheduler_step(scheduler));
        assert_int_equal(a.count, had_a + 1);
        assert_int_equal(b.count, had_b + 1);
    }
    assert_int_equal(figures_of(scheduler).running, 2);
    run_to_end(scheduler);
    assert_int_equal(a.finish, FINISH_LENGTH);
    assert_int_equal(b.output_tokens, 20);
    assert_int_equal(ended, 2);
    assert_int_equal(figures_of(scheduler).kv_pages_used, 0);
    assert_int_equal(figures_of(scheduler).output_tokens, 40);
    sequence_release(first);
    sequence_release(second);
    scheduler_destroy(scheduler);
}

/* The queue's end is known also when the last of it left. */
static void who_leaves_the_queue_loses_nobody(void **state)
{
    (void)state;
    static struct answer answers[5];
    struct scheduler *scheduler = new_scheduler(1, 32);
    struct sequence *sequences[5];
    for (int i = 0; i < 4; i++)
        sequences[i] = add(scheduler, demo_prompt(model, "ping"), 8, &answers[i]);
    assert_true(scheduler_step(scheduler));
    assert_false(sequences[3]->started); /* what waits has little memory */
    sequence_cancel(sequences[2]);
    sequence_cancel(sequences[3]);
    assert_true(scheduler_step(scheduler));
    sequences[4] = add(scheduler, demo_prompt(model, "ping"), 8, &answers[4]);
    run_to_end(scheduler);
    for (int i = 0; i < 5; i++) {
        const bool cancelled = i == 2 || i == 3;
        assert_int_equal(answers[i].finish, cancelled ? FINISH_CANCELLED : FINISH_LENGTH);
        sequence_release(sequences[i]);
    }
    assert_int_equal(ended, 5);
    scheduler_destroy(scheduler);
}

static void a_long_prompt_stops_nobody(void **state)
{
    (void)state;
    static struct answer a, b;
    struct scheduler *scheduler = new_scheduler(4, 32);
    struct sequence *first = add(scheduler, demo_prompt(model, "hello"), 40, &a);
    while (a.count < 3)
        assert_true(scheduler_step(scheduler));
    struct sequence *second = add(scheduler, demo_long_prompt(model, 10 * CHUNK), 5, &b);
    for (int chunk = 1; chunk <= 10; chunk++) {
        const size_t had = a.count;
        assert_int_equal(b.count, 0);
        assert_true(scheduler_step(scheduler));
        assert_int_equal(a.count, had + 1);
    }
    assert_int_equal(b.count, 1);
    run_to_end(scheduler);
    sequence_release(first);
    sequence_release(second);
    scheduler_destroy(scheduler);
}

static void cancelling_ends_within_a_step(void **state)
{
    (void)state;
    static struct answer a, b, c;
    struct scheduler *scheduler = new_scheduler(2, 32);
    struct sequence *decoding = add(scheduler, demo_prompt(model, "hello"), 400, &a);
    while (a.count == 0)
        assert_true(scheduler_step(scheduler));
    struct sequence *reading = add(scheduler, demo_long_prompt(model, 300), 5, &b);
    struct sequence *queued = add(scheduler, demo_prompt(model, "ping"), 5, &c);
    assert_true(scheduler_step(scheduler));
    assert_int_equal(figures_of(scheduler).running, 2);
    assert_int_equal(figures_of(scheduler).waiting, 1);
    sequence_cancel(decoding);
    sequence_cancel(reading);
    sequence_cancel(queued);
    assert_false(scheduler_step(scheduler));
    assert_int_equal(a.finish, FINISH_CANCELLED);
    assert_int_equal(b.finish, FINISH_CANCELLED);
    assert_int_equal(c.finish, FINISH_CANCELLED);
    assert_int_equal(a.last_events + b.last_events + c.last_events, 3);
    assert_int_equal(figures_of(scheduler).kv_pages_used, 0);
    sequence_release(decoding);
    sequence_release(reading);
    sequence_release(queued);
    scheduler_destroy(scheduler);
}

static void no_more_run_than_allowed(void **state)
{
    (void)state;
    static struct answer answers[5];
    struct sequence *sequences[5];
    struct scheduler *scheduler = new_scheduler(2, 32);
    for (size_t i = 0; i < 5; i++)
        sequences[i] = add(scheduler, demo_prompt(model, "hello"), 8, &answers[i]);
    while (scheduler_step(scheduler)) {
        assert_true(figures_of(scheduler).running <= 2);
        for (size_t i = 1; i < 5; i++) /* in order of arrival */
            assert_true(answers[i].count == 0 || answers[i - 1].count > 0);
    }
    for (size_t i = 0; i < 5; i++) {
        same_answers(&answers[i], &answers[0]);
        sequence_release(sequences[i]);
    }
    scheduler_destroy(scheduler);
}

static const char *const questions[] = {"hello", "ping", "What can you do?", "How are you?"};

/* Each answer needs one page at first and four in the end; there are six. The young give way and
 * are computed again. */
static void a_full_cache_changes_no_answer(void **state)
{
    (void)state;
    enum { TOKENS = 100 };
    static struct answer alone[4], together[4];
    struct sequence *sequences[4];
    for (size_t i = 0; i < 4; i++)
        run_alone(demo_prompt(model, questions[i]), TOKENS, &alone[i]);
    struct scheduler *scheduler = new_scheduler(4, 6);
    for (size_t i = 0; i < 4; i++)
        sequences[i] = add(scheduler, demo_prompt(model, questions[i]), TOKENS, &together[i]);
    uint32_t most = 0;
    bool gave_way = false;
    while (scheduler_step(scheduler)) {
        const struct engine_figures figures = figures_of(scheduler);
        gave_way = gave_way || (figures.running < most && figures.waiting > 0 && ended == 0);
        most = figures.running > most ? figures.running : most;
    }
    assert_true(most >= 2);
    assert_true(gave_way);
    for (size_t i = 0; i < 4; i++) {
        same_answers(&together[i], &alone[i]);
        assert_int_equal(together[i].last_events, 1);
        sequence_release(sequences[i]);
    }
    assert_int_equal(figures_of(scheduler).kv_pages_used, 0);
    scheduler_destroy(scheduler);
}

/* From one row to more than the decode product takes. */
static void company_changes_no_answer(void **state)
{
    (void)state;
    enum { TOKENS = 30, COPIES = 12 };
    static struct answer alone[4], together[COPIES];
    struct sequence *sequences[COPIES];
    for (size_t i = 0; i < 4; i++)
        run_alone(demo_prompt(model, questions[i]), TOKENS, &alone[i]);
    struct scheduler *scheduler = new_scheduler(COPIES, 64);
    for (size_t i = 0; i < COPIES; i++) {
        sequences[i] = add(scheduler, demo_prompt(model, questions[i % 4]), TOKENS, &together[i]);
        assert_true(scheduler_step(scheduler));
    }
    run_to_end(scheduler);
    for (size_t i = 0; i < COPIES; i++) {
        same_answers(&together[i], &alone[i % 4]);
        sequence_release(sequences[i]);
    }
    scheduler_destroy(scheduler);
}

static void all_can_be_cancelled_at_once(void **state)
{
    (void)state;
    static struct answer a, b;
    struct scheduler *scheduler = new_scheduler(1, 32);
    struct sequence *first = add(scheduler, demo_prompt(model, "hello"), 100, &a);
    assert_true(scheduler_step(scheduler));
    struct sequence *second = add(scheduler, demo_prompt(model, "ping"), 100, &b);
    scheduler_cancel_all(scheduler);
    assert_int_equal(a.finish, FINISH_CANCELLED);
    assert_int_equal(b.finish, FINISH_CANCELLED);
    assert_int_equal(ended, 2);
    sequence_release(first);
    sequence_release(second);
    scheduler_destroy(scheduler);
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
        cmocka_unit_test(two_sequences_progress_together),
        cmocka_unit_test(who_leaves_the_queue_loses_nobody),
        cmocka_unit_test(a_long_prompt_stops_nobody),
        cmocka_unit_test(cancelling_ends_within_a_step),
        cmocka_unit_test(no_more_run_than_allowed),
        cmocka_unit_test(a_full_cache_changes_no_answer),
        cmocka_unit_test(company_changes_no_answer),
        cmocka_unit_test(all_can_be_cancelled_at_once),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
