#include "server/inbox.h"

#include "base/test.h"

struct fixture {
    uv_loop_t loop;
    struct inbox inbox;
    struct news news;
    int wakes;
};

static void on_ready(void *arg)
{
    struct fixture *f = arg;
    f->wakes++;
}

static void begin(struct fixture *f, void (*ready)(void *), void *arg)
{
    *f = (struct fixture){0};
    assert_int_equal(uv_loop_init(&f->loop), 0);
    inbox_init(&f->inbox, &f->loop, ready, arg);
    news_init(&f->news, SIZE_MAX / 2);
}

static void end(struct fixture *f)
{
    news_release(&f->news);
    uv_close((uv_handle_t *)&f->inbox.async, NULL);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    inbox_release(&f->inbox);
    assert_int_equal(uv_loop_close(&f->loop), 0);
}

static void say(struct choice *choice, const char *text, int32_t id, uint32_t output_tokens,
                enum finish_reason finish)
{
    const struct engine_event event = {.text = str_from(text),
                                       .ids = &id,
                                       .id_count = id >= 0,
                                       .finish = finish,
                                       .prompt_tokens = 5,
                                       .cached_tokens = 3,
                                       .output_tokens = output_tokens};
    choice_on_event(choice, &event);
}

static void test_news_are_joined(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, on_ready, &f);
    struct choice choice;
    choice_init(&choice, NULL, &f.inbox, 3, true, 1000);
    say(&choice, "", -1, 0, FINISH_NONE); /* the prompt is read */
    say(&choice, "a", 11, 1, FINISH_NONE);
    say(&choice, "bc", 12, 2, FINISH_STOP);
    uv_run(&f.loop, UV_RUN_NOWAIT);
    assert_int_equal(f.wakes, 1);
    assert_ptr_equal(inbox_take(&f.inbox, &f.news), &choice);
    assert_true(str_is(buf_str(&f.news.text), "abc"));
    assert_int_equal(f.news.ids.count, 2);
    assert_int_equal(f.news.ids.ids[0], 11);
    assert_int_equal(f.news.ids.ids[1], 12);
    assert_int_equal(f.news.finish, FINISH_STOP);
    assert_int_equal(f.news.prompt_tokens, 5);
    assert_int_equal(f.news.cached_tokens, 3);
    assert_int_equal(f.news.output_tokens, 2);
    assert_true(f.news.first_ns > 0 && f.news.first_ns <= f.news.last_ns);
    assert_null(inbox_take(&f.inbox, &f.news));
    choice_release(&choice);
    end(&f);
}

static void test_news_are_taken_once(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, on_ready, &f);
    struct choice choice;
    choice_init(&choice, NULL, &f.inbox, 0, true, 1000);
    for (int round = 0; round < 3; round++) {
        say(&choice, round % 2 ? "odd" : "even", round, 1, FINISH_NONE);
        assert_ptr_equal(inbox_take(&f.inbox, &f.news), &choice);
        assert_true(str_is(buf_str(&f.news.text), round % 2 ? "odd" : "even"));
        assert_int_equal(f.news.ids.count, 1);
        assert_int_equal(f.news.finish, FINISH_NONE);
    }
    choice_release(&choice);
    end(&f);
}

static void test_ids_only_if_wanted(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, on_ready, &f);
    struct choice choice;
    choice_init(&choice, NULL, &f.inbox, 0, false, 1000);
    say(&choice, "x", 1, 1, FINISH_NONE);
    assert_non_null(inbox_take(&f.inbox, &f.news));
    assert_int_equal(f.news.ids.count, 0);
    assert_true(f.news.first_ns > 0);
    choice_release(&choice);
    end(&f);
}

/* A row for each token, and none for those who do not want any. */
static void test_logprobs_only_if_wanted(void **state)
{
    (void)state;
    for (uint32_t row = 0; row <= 3; row += 3) {
        struct fixture f;
        begin(&f, on_ready, &f);
        struct choice choice;
        choice_init(&choice, NULL, &f.inbox, 0, false, 1000);
        choice.logprob_row = row;
        for (int32_t id = 0; id < 4; id++) {
            const struct token_logprob logprobs[] = {{id, -1}, {7, -0.5f}, {-1, 0}};
            const struct engine_event event = {
                .ids = &id, .id_count = 1, .logprobs = logprobs, .reasoning_tokens = (uint32_t)id};
            choice_on_event(&choice, &event);
            if (id != 2) /* the third comes together with the fourth */
                assert_non_null(inbox_take(&f.inbox, &f.news));
            assert_int_equal(f.news.logprobs.count, id == 3 ? 2 * row : row);
        }
        assert_int_equal(f.news.reasoning_tokens, 3);
        for (uint32_t i = 0; i < 2 && row > 0; i++) {
            assert_int_equal(f.news.logprobs.items[i * row].id, 2 + i);
            assert_int_equal(f.news.logprobs.items[i * row + 1].id, 7);
        }
        choice_release(&choice);
        end(&f);
    }
}

static void test_failure_brings_its_reason(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, on_ready, &f);
    struct choice choice;
    choice_init(&choice, NULL, &f.inbox, 0, false, 1000);
    struct reason why;
    reason_set(&why, "memory_full", "No memory is left.", "内存已用完。");
    choice_on_event(&choice, &(struct engine_event){.finish = FINISH_FAILED, .why = &why});
    assert_non_null(inbox_take(&f.inbox, &f.news));
    assert_int_equal(f.news.finish, FINISH_FAILED);
    assert_string_equal(f.news.why->code, "memory_full");
    choice_release(&choice);
    end(&f);
}

/* The bound holds for every choice and every time, though buffers change hands. */
static void test_text_is_bounded(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, on_ready, &f);
    struct choice choice;
    choice_init(&choice, NULL, &f.inbox, 0, false, 10);
    for (int round = 0; round < 6; round++) {
        const bool fits = round == 3;
        say(&choice, "0123456789", 1, 1, FINISH_NONE);
        say(&choice, fits ? "" : "x", 1, 2, FINISH_NONE);
        assert_non_null(inbox_take(&f.inbox, &f.news));
        assert_int_equal(f.news.text.failed, !fits);
        assert_true(str_is(buf_str(&f.news.text), "0123456789"));
    }
    choice_release(&choice);
    end(&f);
}

enum { THREADS = 4, CHOICES = 8, EVENTS = 5000 };

/* What the loop saw of one choice. */
struct seen {
    uint32_t next_id, output_tokens;
    size_t text_len;
    bool finished;
};

struct crowd {
    struct fixture f;
    struct choice choices[THREADS * CHOICES];
    struct seen seen[THREADS * CHOICES];
    int unfinished;
};

struct speaker {
    pthread_t thread;
    struct choice *choices;
};

static void *speak(void *arg)
{
    struct speaker *speaker = arg;
    for (int32_t i = 0; i < EVENTS; i++)
        for (int c = 0; c < CHOICES; c++)
            say(&speaker->choices[c], "x", i, (uint32_t)i + 1,
                i + 1 < EVENTS ? FINISH_NONE : FINISH_LENGTH);
    return NULL;
}

static void look(void *arg)
{
    struct crowd *crowd = arg;
    struct news *news = &crowd->f.news;
    struct choice *choice;
    while ((choice = inbox_take(&crowd->f.inbox, news))) {
        struct seen *seen = &crowd->seen[choice->index];
        assert_false(seen->finished);
        for (size_t i = 0; i < news->ids.count; i++)
            assert_int_equal(news->ids.ids[i], seen->next_id++);
        seen->text_len += news->text.len;
        seen->output_tokens = news->output_tokens;
        seen->finished = news->finish == FINISH_LENGTH;
        crowd->unfinished -= seen->finished;
    }
    if (crowd->unfinished == 0)
        uv_stop(&crowd->f.loop);
}

static void test_threads(void **state)
{
    (void)state;
    static struct crowd crowd;
    struct speaker speakers[THREADS];
    begin(&crowd.f, look, &crowd);
    crowd.unfinished = THREADS * CHOICES;
    for (uint32_t i = 0; i < THREADS * CHOICES; i++)
        choice_init(&crowd.choices[i], NULL, &crowd.f.inbox, i, true, 1 << 20);
    for (int t = 0; t < THREADS; t++) {
        speakers[t].choices = crowd.choices + t * CHOICES;
        assert_int_equal(pthread_create(&speakers[t].thread, NULL, speak, &speakers[t]), 0);
    }
    uv_run(&crowd.f.loop, UV_RUN_DEFAULT);
    for (int t = 0; t < THREADS; t++)
        pthread_join(speakers[t].thread, NULL);
    for (size_t i = 0; i < THREADS * CHOICES; i++) {
        assert_true(crowd.seen[i].finished);
        assert_int_equal(crowd.seen[i].next_id, EVENTS);
        assert_int_equal(crowd.seen[i].text_len, EVENTS);
        assert_int_equal(crowd.seen[i].output_tokens, EVENTS);
        choice_release(&crowd.choices[i]);
    }
    end(&crowd.f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_news_are_joined),
        cmocka_unit_test(test_news_are_taken_once),
        cmocka_unit_test(test_ids_only_if_wanted),
        cmocka_unit_test(test_logprobs_only_if_wanted),
        cmocka_unit_test(test_failure_brings_its_reason),
        cmocka_unit_test(test_text_is_bounded),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
