/* Answers of the built-in model that are kept within grammars. */
#include "engine/demo_test.h"
#include "engine/grammar_fixture_test.h"
#include "engine/grammar_guide.h"
#include "engine/kv_cache.h"

#include <math.h>

static struct model *model;
static struct grammar_fixture fixture;

static int open_all(void **state)
{
    (void)state;
    model = demo_model();
    grammar_fixture_open(DEMO_TOKENIZER, &fixture);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    grammar_fixture_close(&fixture);
    model_destroy(model);
    return 0;
}

static struct grammar *compile(const char *schema)
{
    struct grammar *grammar;
    struct reason why;
    if (grammar_from_text(schema, &grammar, &why))
        fail_msg("%s: %s", schema, why.message[LANG_EN]);
    return grammar;
}

static struct engine *new_engine(const struct engine_options *options)
{
    struct engine *engine;
    struct reason why;
    if (engine_create(model, options, &engine, &why))
        fail_msg("%s", why.message[LANG_EN]);
    return engine;
}

static struct engine_request request_for(struct grammar *grammar, uint32_t max_tokens,
                                         struct answer *answer)
{
    struct engine_request request = demo_request(demo_prompt(model, "hello"), max_tokens, answer);
    *answer = (struct answer)ANSWER_INIT;
    request.ignore_eos = false;
    request.grammar = grammar;
    request.grammar_after = -1;
    return request;
}

static struct sequence *submit(struct engine *engine, struct engine_request request)
{
    struct sequence *sequence;
    struct reason why;
    if (engine_submit(engine, &request, &sequence, &why))
        fail_msg("%s", why.message[LANG_EN]);
    return sequence;
}

static void check_accepted(const struct answer *answer, struct grammar *grammar)
{
    assert_int_equal(answer->finish, FINISH_STOP);
    if (!grammar_accepts(&fixture, grammar, (struct str){answer->text, answer->text_len}))
        fail_msg("%.*s", (int)answer->text_len, answer->text);
}

#define PERSON                                                                                     \
    "{'type':'object','properties':{'name':{'type':'string','maxLength':12},'age':{'type':"        \
    "'integer','minimum':0,'maximum':150},'tags':{'type':'array','items':{'enum':['a','b']},"      \
    "'maxItems':3}},'required':['name','age','tags'],'additionalProperties':false}"

static void test_within_schema(void **state)
{
    (void)state;
    static struct answer answer;
    struct engine *engine = new_engine(&(struct engine_options){.threads = 1, .context = 1024});
    struct grammar *grammar = compile(PERSON);
    for (int i = 0; i < 12; i++) {
        struct engine_request request = request_for(grammar, 400, &answer);
        request.sampling.temperature = i == 0 ? 0 : 1.5f;
        request.sampling.seed = (uint64_t)i;
        request.sampling.seeded = true;
        request.ignore_eos = i % 2;
        struct sequence *sequence = submit(engine, request);
        answer_wait_end(&answer);
        sequence_release(sequence);
        check_accepted(&answer, grammar);
    }
    grammar_release(grammar);
    engine_destroy(engine);
}

/* What max_tokens cuts is the beginning of an answer. */
static void test_cut_off(void **state)
{
    (void)state;
    static struct answer answer;
    struct engine *engine = new_engine(&(struct engine_options){.threads = 1, .context = 1024});
    struct grammar *grammar = compile(PERSON);
    struct sequence *sequence = submit(engine, request_for(grammar, 3, &answer));
    assert_int_equal(answer_wait_end(&answer), FINISH_LENGTH);
    assert_int_equal(answer.count, 3);
    assert_int_equal(answer.text[0], '{');
    sequence_release(sequence);
    grammar_release(grammar);
    engine_destroy(engine);
}

/* An answer that could end goes on to min_tokens, and ends where nothing can follow. */
static void test_min_tokens(void **state)
{
    (void)state;
    static struct answer answer;
    struct engine *engine = new_engine(&(struct engine_options){.threads = 1, .context = 1024});
    struct grammar *grammar = compile("{'type':'integer','minimum':1}");
    struct engine_request request = request_for(grammar, 100, &answer);
    request.min_tokens = 100;
    struct sequence *sequence = submit(engine, request);
    answer_wait_end(&answer);
    sequence_release(sequence);
    check_accepted(&answer, grammar);
    assert_int_equal(answer.text_len, 18);
    grammar_release(grammar);
    engine_destroy(engine);
}

enum { CROWD = 4, LONG_CONTEXT = 640 };

/* In a cache that holds one of them, sequences are put back and computed again. */
static void test_preempted(void **state)
{
    (void)state;
    static struct answer alone, crowd[CROWD];
    struct grammar *grammar =
        compile("{'type':'array','minItems':60,'maxItems':60,'items':{'type':'string',"
                "'minLength':2,'maxLength':6}}");
    const uint64_t page = kv_page_bytes(&model->config.text, (struct engine_options){0}.kv_type);
    const struct engine_options options = {
        .threads = 1,
        .context = LONG_CONTEXT,
        .kv_cache_bytes = page * kv_pages_for(LONG_CONTEXT),
    };
    struct engine *engine = new_engine(&options);
    struct sequence *sequence = submit(engine, request_for(grammar, 600, &alone));
    answer_wait_end(&alone);
    sequence_release(sequence);
    check_accepted(&alone, grammar);
    assert_true(alone.count > LONG_CONTEXT / CROWD);
    struct sequence *sequences[CROWD];
    for (size_t i = 0; i < CROWD; i++)
        sequences[i] = submit(engine, request_for(grammar, 600, &crowd[i]));
    for (size_t i = 0; i < CROWD; i++) {
        answer_wait_end(&crowd[i]);
        sequence_release(sequences[i]);
        assert_int_equal(crowd[i].finish, FINISH_STOP);
        assert_int_equal(crowd[i].count, alone.count);
        assert_memory_equal(crowd[i].ids, alone.ids, alone.count * sizeof *alone.ids);
    }
    grammar_release(grammar);
    engine_destroy(engine);
}

static void fill(float *logits, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        logits[i] = 1;
}

static void test_after_token(void **state)
{
    (void)state;
    const uint32_t vocab = model->config.text.vocab_size;
    const int32_t *ends = model->config.generation.eos;
    const uint32_t end_count = model->config.generation.eos_count;
    float *logits = malloc(vocab * sizeof *logits);
    struct grammar *grammar = compile("{'const':1}");
    struct grammar_guide *guide;
    const int32_t after = 5, one = 16; /* any two ids: see below */
    assert_true(str_is(tokenizer_bytes(fixture.tokenizer, one), "1"));
    assert_int_equal(grammar_guide_create(grammar, fixture.vocabulary, after, &guide, NULL),
                     STATUS_OK);
    fill(logits, vocab);
    grammar_guide_restrict(guide, logits, vocab, ends, end_count);
    for (uint32_t id = 0; id < vocab; id++) {
        bool is_end = false;
        for (uint32_t k = 0; k < end_count; k++)
            is_end = is_end || ends[k] == (int32_t)id;
        assert_int_equal(isinf(logits[id]) != 0, is_end);
    }
    assert_int_equal(grammar_guide_take(guide, 7, ends, end_count), 7);
    assert_int_equal(grammar_guide_take(guide, after, ends, end_count), after);
    fill(logits, vocab);
    grammar_guide_restrict(guide, logits, vocab, ends, end_count);
    assert_true(logits[one] == 1);
    assert_true(isinf(logits[after]) && isinf(logits[vocab - 1]) && isinf(logits[ends[0]]));
    assert_false(grammar_guide_finished(guide));
    /* A draw that is not allowed, as from logits that are no numbers. */
    const int32_t taken = grammar_guide_take(guide, after, ends, end_count);
    assert_true(taken != after && logits[taken] == 1);
    grammar_guide_destroy(guide);
    grammar_release(grammar);
    free(logits);
}

/* The end is allowed where the text may end, and only there. */
static void test_ends(void **state)
{
    (void)state;
    const uint32_t vocab = model->config.text.vocab_size;
    const int32_t *ends = model->config.generation.eos;
    const uint32_t end_count = model->config.generation.eos_count;
    float *logits = malloc(vocab * sizeof *logits);
    struct grammar *grammar = compile("{'enum':[1,11]}");
    struct grammar_guide *guide;
    assert_int_equal(grammar_guide_create(grammar, fixture.vocabulary, -1, &guide, NULL),
                     STATUS_OK);
    fill(logits, vocab);
    grammar_guide_restrict(guide, logits, vocab, ends, end_count);
    assert_true(isinf(logits[ends[0]]));
    assert_int_equal(grammar_guide_take(guide, 16, ends, end_count), 16);
    fill(logits, vocab);
    grammar_guide_restrict(guide, logits, vocab, ends, end_count);
    assert_true(logits[ends[0]] == 1);
    assert_int_equal(grammar_guide_take(guide, ends[0], ends, end_count), ends[0]);
    fill(logits, vocab);
    grammar_guide_restrict(guide, logits, vocab, ends, 0); /* ignore_eos */
    assert_true(isinf(logits[ends[0]]));
    assert_int_equal(grammar_guide_take(guide, 16, ends, end_count), 16);
    assert_true(grammar_guide_finished(guide));
    grammar_guide_destroy(guide);
    grammar_release(grammar);
    free(logits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_within_schema), cmocka_unit_test(test_cut_off),
        cmocka_unit_test(test_min_tokens),    cmocka_unit_test(test_preempted),
        cmocka_unit_test(test_after_token),   cmocka_unit_test(test_ends),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
