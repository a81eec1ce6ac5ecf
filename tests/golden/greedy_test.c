/* Greedy decoding of every case of a golden model through the whole engine: alone, four
 * prompts at once, and all cases at once in chunks.
 *
 * Usage: greedy_test MODEL [alone [packed]] */
#include "golden_case.h"

#include "base/test.h"
#include "engine/kv_cache.h"

#include <time.h>

enum { TOKENS = 48, TOGETHER = 4 };
/* A smaller margin of the reference lets another continuation be right; keys and values in 16 or 8
 * bits move the logits further. */
#define TIE     1e-3
#define TIE_F16 0.05
/* Integer products: 5 % of the logits' standard deviation. */
#define TIE_PACKED 0.15
#define TIE_Q8_0   0.25

static const char *model_name;
static struct model *model;
static struct golden_files files; /* of it */

/* Collects the ids of one sequence. */
struct answer {
    int32_t ids[TOKENS];
    size_t count;
    enum finish_reason finish;
};

static void on_event(void *arg, const struct engine_event *event)
{
    struct answer *answer = arg;
    for (size_t i = 0; i < event->id_count && answer->count < TOKENS; i++)
        answer->ids[answer->count++] = event->ids[i];
    if (event->finish != FINISH_NONE)
        answer->finish = event->finish;
}

static struct sequence *submit(struct engine *engine, const struct json *row, struct answer *answer)
{
    struct engine_request request = {
        .sampling = {.top_p = 1, .repetition_penalty = 1},
        .max_tokens = TOKENS,
        .ignore_eos = true,
        .on_event = on_event,
        .arg = answer,
    };
    *answer = (struct answer){0};
    golden_prompt(model, row, &request.prompt);
    struct sequence *sequence;
    struct reason why;
    if (engine_submit(engine, &request, &sequence, &why) != STATUS_OK)
        fail_msg("%s", why.message[LANG_EN]);
    return sequence;
}

/* Releasing cancels: first let the sequences come to their end. */
static void wait_idle(const struct engine *engine)
{
    struct engine_figures figures;
    do {
        const struct timespec pause = {.tv_nsec = 1000000};
        nanosleep(&pause, NULL);
        engine_figures_read(engine, &figures);
    } while (figures.running + figures.waiting > 0);
}

/* How many tokens llama.cpp has in common with the reference (models/README.md). */
static size_t llama_tokens(struct str name)
{
    static const struct {
        const char *name;
        size_t tokens;
    } rows[] = {
        {"F16/text_short", 27}, {"F16/image_one", 1},    {"Q8_0/text_short", 3},
        {"Q8_0/image_one", 1},  {"Q4_0/text_short", 1},  {"Q4_1/text_short", 0},
        {"Q5_0/text_short", 5}, {"Q5_1/text_short", 4},  {"Q4_K/text_short", 0},
        {"Q5_K/text_short", 9}, {"Q6_K/text_short", 11}, {"Q8_0+mmproj-Q8_0/image_one", 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (str_is(name, rows[i].name))
            return rows[i].tokens;
    return 0;
}

/* At least as many as llama.cpp's are the reference's. */
static void check_beside_llama(const struct json *row, const struct answer *answer)
{
    const struct str name = golden_get(row, "name")->text;
    size_t same = 0;
    JSON_EACH(id, golden_get(row, "greedy")) {
        if (same == answer->count || golden_int(id) != answer->ids[same])
            break;
        same++;
    }
    if (same < llama_tokens(name))
        fail_msg("%.*s: %zu tokens are the reference's, and %zu of llama.cpp", STR_ARG(name), same,
                 llama_tokens(name));
}

static void check_answer(const struct json *row, const struct answer *answer, double tie)
{
    const struct json *margin = golden_get(row, "margin")->first;
    size_t i = 0;
    assert_int_equal(answer->finish, FINISH_LENGTH);
    assert_int_equal(answer->count, TOKENS);
    JSON_EACH(id, golden_get(row, "greedy")) {
        if (golden_number(margin) < tie)
            return;
        if (golden_int(id) != answer->ids[i])
            fail_msg("%.*s: token %zu is %d, expected %d", STR_ARG(golden_get(row, "name")->text),
                     i, answer->ids[i], golden_int(id));
        margin = margin->next;
        i++;
    }
    assert_int_equal(i, golden_get(row, "greedy")->count);
    assert_true(i > 0);
}

static void use_model(const struct golden_files *wanted)
{
    if (model && golden_files_same(wanted, &files))
        return;
    model_destroy(model);
    model = golden_load(wanted);
    files = *wanted;
}

static struct engine *new_engine(const struct engine_options *options)
{
    struct engine *engine;
    struct reason why;
    if (engine_create(model, options, &engine, &why) != STATUS_OK)
        fail_msg("%s", why.message[LANG_EN]);
    return engine;
}

static void open_cases(struct golden_lines *lines)
{
    char path[256];
    snprintf(path, sizeof path, "tests/golden/models/%s/cases.jsonl", model_name);
    golden_lines_open(lines, path);
}

static void run_alone(enum kv_type type, double tie)
{
    const struct engine_options options = {.threads = 1, .context = 1024, .kv_type = type};
    struct engine *engine = NULL;
    struct golden_lines lines;
    open_cases(&lines);
    for (const struct json *row; (row = golden_lines_next(&lines));) {
        struct answer answer;
        const struct golden_files wanted = golden_files_of(model_name, row);
        if (!engine || !golden_files_same(&wanted, &files)) {
            engine_destroy(engine);
            use_model(&wanted);
            engine = new_engine(&options);
        }
        struct sequence *sequence = submit(engine, row, &answer);
        wait_idle(engine);
        sequence_release(sequence);
        check_answer(row, &answer, tie);
        if (golden_packed)
            check_beside_llama(row, &answer);
    }
    golden_lines_close(&lines);
    engine_destroy(engine);
}

static void every_case_alone(void **state)
{
    (void)state;
    run_alone(KV_F32, golden_packed ? TIE_PACKED : TIE);
}

static void every_case_alone_in_f16(void **state)
{
    (void)state;
    run_alone(KV_F16, golden_packed ? TIE_PACKED : TIE_F16);
}

static void every_case_alone_in_q8_0(void **state)
{
    (void)state;
    struct reason why;
    if (kv_type_check(&model->config.text, KV_Q8_0, &why) == STATUS_OK)
        run_alone(KV_Q8_0, TIE_Q8_0);
}

/* All cases whose name begins with `prefix`, at once. */
static void run_together(const char *prefix, const struct engine_options *options)
{
    struct engine *engine = new_engine(options);
    struct sequence *sequences[16];
    struct answer answers[16];
    struct golden_lines lines;
    size_t count = 0, i = 0;
    open_cases(&lines);
    for (const struct json *row; (row = golden_lines_next(&lines));)
        if (str_starts(golden_get(row, "name")->text, prefix)) {
            sequences[count] = submit(engine, row, &answers[count]);
            count++;
        }
    golden_lines_close(&lines);
    wait_idle(engine);
    open_cases(&lines);
    for (const struct json *row; (row = golden_lines_next(&lines));)
        if (str_starts(golden_get(row, "name")->text, prefix)) {
            sequence_release(sequences[i]);
            check_answer(row, &answers[i++], TIE);
        }
    golden_lines_close(&lines);
    assert_true(count >= TOGETHER);
    engine_destroy(engine);
}

static void a_batch_gives_each_its_own(void **state)
{
    (void)state;
    run_together("batch_",
                 &(struct engine_options){.threads = 2, .context = 1024, .kv_type = KV_F32});
}

/* Text, pictures and videos of all cases, in chunks, in one cache that cannot hold them all:
 * sequences wait, give way and are computed again. */
static void all_cases_at_once(void **state)
{
    (void)state;
    const uint64_t page = kv_page_bytes(&model->config.text, KV_F32);
    run_together("", &(struct engine_options){.threads = 2,
                                              .context = 1024,
                                              .prefill_chunk = 100,
                                              .kv_type = KV_F32,
                                              .kv_cache_bytes = 40 * page});
}

static int load(void **state)
{
    (void)state;
    struct golden_files own = {0};
    snprintf(own.text, sizeof own.text, "%s", model_name);
    use_model(&own);
    return 0;
}

static int unload(void **state)
{
    (void)state;
    model_destroy(model);
    return 0;
}

int main(int argc, char **argv)
{
    if (!golden_cpu_level())
        return GOLDEN_SKIPPED;
    model_name = argc > 1 ? argv[1] : "tiny-a";
    const bool is_whole = argc < 3 || strcmp(argv[2], "alone") != 0;
    golden_packed = argc > 3;
    const struct CMUnitTest alone[] = {cmocka_unit_test(every_case_alone)};
    const struct CMUnitTest packed[] = {cmocka_unit_test(every_case_alone),
                                        cmocka_unit_test(every_case_alone_in_f16)};
    const struct CMUnitTest all[] = {
        cmocka_unit_test(every_case_alone),         cmocka_unit_test(every_case_alone_in_f16),
        cmocka_unit_test(every_case_alone_in_q8_0), cmocka_unit_test(a_batch_gives_each_its_own),
        cmocka_unit_test(all_cases_at_once),
    };
    if (golden_packed)
        return cmocka_run_group_tests(packed, NULL, unload);
    return is_whole ? cmocka_run_group_tests(all, load, unload)
                    : cmocka_run_group_tests(alone, NULL, unload);
}
