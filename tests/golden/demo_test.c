/* The built-in model: its answers about pictures equal the reference's, ids and text.
 *
 * Usage: demo_test [FOLDER [TYPE]]   samples, or eval, of models/demo; prints how many answers are
 * true. With a type its weights are quantised, and at most 1 % fewer answers may be true. */
#include "golden_case.h"

#include "base/clock.h"
#include "base/test.h"
#include "json/writer.h"

#include <pthread.h>

enum { ANSWER_IDS = 128, PICTURES_MAX = 4 };
#define TIE 1e-3

static const char *folder = "samples";
static const enum dtype *quantize; /* NULL: not */
static struct model *model;
static struct engine *engine;

struct answer {
    pthread_mutex_t lock;
    pthread_cond_t ended;
    struct buf text;
    int32_t ids[ANSWER_IDS];
    size_t count;
    enum finish_reason finish;
};

static void on_event(void *arg, const struct engine_event *event)
{
    struct answer *answer = arg;
    pthread_mutex_lock(&answer->lock);
    buf_add_str(&answer->text, event->text);
    for (size_t i = 0; i < event->id_count && answer->count < ANSWER_IDS; i++)
        answer->ids[answer->count++] = event->ids[i];
    answer->finish = event->finish;
    pthread_cond_signal(&answer->ended);
    pthread_mutex_unlock(&answer->lock);
}

/* One user message: the pictures, then the question. */
static void write_messages(const struct json *row, struct buf *out)
{
    struct json_writer w;
    json_writer_init(&w, out);
    json_begin_array(&w);
    json_begin_object(&w);
    json_key(&w, "role");
    json_cstring(&w, "user");
    json_key(&w, "content");
    json_begin_array(&w);
    JSON_EACH(image, golden_get(row, "images")) {
        json_begin_object(&w);
        json_key(&w, "type");
        json_cstring(&w, "image");
        json_end_object(&w);
    }
    json_begin_object(&w);
    json_key(&w, "type");
    json_cstring(&w, "text");
    json_key(&w, "text");
    json_string(&w, golden_get(row, "question")->text);
    json_end_object(&w);
    json_end_array(&w);
    json_end_object(&w);
    json_end_array(&w);
}

static void build_prompt(const struct json *row, struct prompt_input *out)
{
    char path[64];
    struct prompt_picture pictures[PICTURES_MAX] = {0};
    struct prompt_request request = {
        .options = {.add_generation_prompt = true},
        .pictures = pictures,
    };
    snprintf(path, sizeof path, "models/demo/%s", folder);
    JSON_EACH(image, golden_get(row, "images"))
        pictures[request.picture_count++].image = golden_picture(path, image->text);
    struct arena arena;
    struct buf text;
    struct json *messages;
    struct reason why;
    arena_init(&arena, 1 << 20);
    buf_init(&text, 1 << 20);
    write_messages(row, &text);
    assert_false(text.failed);
    assert_false(json_parse(text.data, text.len, (struct json_limits){0}, &arena, &messages, NULL));
    request.messages = messages;
    if (prompt_build(model, &request, out, &why) != STATUS_OK)
        fail_msg("%s", why.message[LANG_EN]);
    buf_release(&text);
    arena_release(&arena);
    for (size_t i = 0; i < request.picture_count; i++)
        image_release(&pictures[i].image);
}

static void check_ids(const struct json *expected, const int32_t *ids, size_t count)
{
    size_t i = 0;
    JSON_EACH(id, expected) {
        assert_true(i < count);
        assert_int_equal(ids[i++], golden_int(id));
    }
    assert_int_equal(i, count);
}

static void ask(const struct json *row, struct answer *answer)
{
    struct engine_request request = {
        .sampling = {.top_p = 1, .repetition_penalty = 1},
        .max_tokens = ANSWER_IDS,
        .skip_special = true,
        .on_event = on_event,
        .arg = answer,
    };
    build_prompt(row, &request.prompt);
    check_ids(golden_get(row, "prompt_ids"), request.prompt.tokens.ids,
              request.prompt.tokens.count);
    struct sequence *sequence;
    struct reason why;
    if (engine_submit(engine, &request, &sequence, &why) != STATUS_OK)
        fail_msg("%s", why.message[LANG_EN]);
    pthread_mutex_lock(&answer->lock);
    while (answer->finish == FINISH_NONE)
        pthread_cond_wait(&answer->ended, &answer->lock);
    pthread_mutex_unlock(&answer->lock);
    sequence_release(sequence);
}

/* Returns whether the answer is true, and not only the reference's. */
static bool check_row(const struct json *row)
{
    struct answer answer = {.lock = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER};
    buf_init(&answer.text, 1 << 16);
    ask(row, &answer);
    const struct str text = buf_str(&answer.text);
    if (!quantize && golden_number(golden_get(row, "min_margin")) >= TIE) {
        const struct str expected = golden_get(row, "answer")->text;
        if (!str_eq(text, expected))
            fail_msg("%.*s: \"%.*s\", expected \"%.*s\"",
                     STR_ARG(golden_get(row, "question")->text), STR_ARG(text), STR_ARG(expected));
        assert_int_equal(answer.finish, FINISH_STOP);
        check_ids(golden_get(row, "answer_ids"), answer.ids, answer.count);
    }
    const bool right = str_eq(text, golden_get(row, "truth")->text);
    buf_release(&answer.text);
    return right;
}

static void answers_equal_the_reference(void **state)
{
    (void)state;
    char path[64];
    struct golden_lines lines;
    snprintf(path, sizeof path, "models/demo/%s/answers.jsonl", folder);
    golden_lines_open(&lines, path);
    size_t rows = 0, right = 0, of_reference = 0;
    const int64_t start = clock_ns(&clock_system);
    for (const struct json *row; (row = golden_lines_next(&lines)); rows++) {
        of_reference += golden_get(row, "right")->truth;
        right += check_row(row);
    }
    golden_lines_close(&lines);
    assert_true(rows >= 24);
    printf("%s%s%s: %zu of %zu answers are true, %zu of the reference's; %.0f ms each\n", folder,
           quantize ? " " : "", quantize ? dtype_info(*quantize)->name : "", right, rows,
           of_reference, (double)(clock_ns(&clock_system) - start) * 1e-6 / (double)rows);
    assert_true(right >= of_reference - of_reference / 100);
}

static int set_up(void **state)
{
    (void)state;
    const struct engine_options options = {.threads = 2};
    const struct model_options how = {.quantize = quantize};
    if (model_load(golden_path("models/demo"), &how, &model, NULL) != STATUS_OK)
        return -1;
    return engine_create(model, &options, &engine, NULL) == STATUS_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    engine_destroy(engine);
    model_destroy(model);
    return 0;
}

static bool find_type(const char *name, enum dtype *out)
{
    for (*out = 0; *out < DTYPE_COUNT; (*out)++)
        if (str_ieq(str_from(name), str_from(dtype_info(*out)->name)))
            return true;
    return false;
}

int main(int argc, char **argv)
{
    if (!golden_cpu_level())
        return GOLDEN_SKIPPED;
    if (argc > 1)
        folder = argv[1];
    static enum dtype type;
    if (argc > 2 && !find_type(argv[2], &type))
        return 2;
    quantize = argc > 2 ? &type : NULL;
    const struct CMUnitTest tests[] = {cmocka_unit_test(answers_equal_the_reference)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
