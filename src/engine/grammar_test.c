/* Masks against every token tried one by one, and the life of a matcher. */
#include "engine/grammar_fixture_test.h"
#include "engine/grammar_state.h"
#include "engine/random.h"

static struct grammar_fixture demo, large;

static int open_fixtures(void **state)
{
    (void)state;
    grammar_fixture_open(DEMO_TOKENIZER, &demo);
    grammar_fixture_open(LARGE_TOKENIZER, &large);
    return 0;
}

static int close_fixtures(void **state)
{
    (void)state;
    grammar_fixture_close(&demo);
    grammar_fixture_close(&large);
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

static struct grammar_matcher *start(const struct grammar_fixture *fixture, struct grammar *grammar)
{
    struct grammar_matcher *matcher;
    struct reason why;
    if (grammar_matcher_create(grammar, fixture->vocabulary, false, &matcher, &why))
        fail_msg("%s", why.message[LANG_EN]);
    return matcher;
}

static bool has(const uint64_t *mask, int32_t id)
{
    return mask[id / 64] >> id % 64 & 1;
}

/* The plain way: does `text` lead on from the heads of `s`? It is left as it was. */
static bool leads_on(struct grammar_state *s, struct str text)
{
    const uint32_t heads = s->head_count, frames = s->frame_count;
    uint32_t begin = 0, end = heads;
    for (size_t i = 0; i < text.len && begin < end; i++) {
        grammar_state_step(s, begin, end, (unsigned char)text.ptr[i]);
        begin = s->list;
        end = s->head_count;
    }
    s->head_count = heads;
    s->frame_count = frames;
    return begin < end;
}

static void move_on(struct grammar_state *s, struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        grammar_state_step(s, 0, s->head_count, (unsigned char)text.ptr[i]);
        s->head_count -= s->list;
        memmove(s->heads, s->heads + s->list, s->head_count * sizeof *s->heads);
    }
}

/* The k-th allowed token; half of the time a short one, so that texts come to an end. */
static int32_t pick(const struct grammar_fixture *fixture, const uint64_t *mask,
                    struct random *random)
{
    int32_t allowed[4096], count = 0;
    const int32_t size = fixture->vocabulary->size;
    const int32_t from = (int32_t)(random_unit(random) * size);
    const bool wants_short = random_unit(random) < 0.6;
    for (int32_t i = 0; i < size && count < (wants_short ? 4096 : 1); i++) {
        const int32_t id = (from + i) % size;
        if (has(mask, id) && (!wants_short || tokenizer_bytes(fixture->tokenizer, id).len == 1))
            allowed[count++] = id;
    }
    return count ? allowed[(int32_t)(random_unit(random) * count)] : -1;
}

static void compare(const struct grammar_fixture *fixture, const uint64_t *mask,
                    struct grammar_state *plain, const char *schema)
{
    for (int32_t id = 0; id < fixture->vocabulary->size; id++) {
        const struct str bytes = tokenizer_bytes(fixture->tokenizer, id);
        const bool expected =
            bytes.len > 0 && !tokenizer_is_added(fixture->tokenizer, id) && leads_on(plain, bytes);
        if (has(mask, id) != expected)
            fail_msg("%s: token %d \"%.*s\": expected %d", schema, id, STR_ARG(bytes), expected);
    }
}

static void walk_randomly(const struct grammar_fixture *fixture, const char *schema, uint64_t seed,
                          int steps, int compare_every)
{
    struct grammar *grammar = compile(schema);
    struct grammar_matcher *matcher = start(fixture, grammar);
    struct grammar_state plain;
    struct random random;
    random_init(&random, seed);
    assert_int_equal(grammar_state_init(&plain, grammar, NULL), STATUS_OK);
    grammar_state_begin(&plain, false);
    for (int step = 0; step < steps && !grammar_matcher_finished(matcher); step++) {
        const uint64_t *mask = grammar_matcher_mask(matcher);
        if (step % compare_every == 0)
            compare(fixture, mask, &plain, schema);
        const int32_t id = pick(fixture, mask, &random);
        if (id < 0)
            fail_msg("%s: nothing is allowed", schema);
        if (!grammar_matcher_advance(matcher, id))
            fail_msg("%s: an allowed token is refused", schema);
        move_on(&plain, tokenizer_bytes(fixture->tokenizer, id));
    }
    grammar_state_release(&plain);
    grammar_matcher_destroy(matcher);
    grammar_release(grammar);
}

static const char *const schemas[] = {
    "true",
    "{'type':'object'}",
    "{'type':'string','minLength':3,'maxLength':9}",
    "{'type':'string','maxLength':200}",
    "{'type':'string','pattern':'^[a-z]+( [a-z]+)*$'}",
    "{'type':'string','pattern':'\\\\d','minLength':4,'maxLength':12}",
    "{'type':'array','items':{'type':'string','pattern':'^[^x]{0,20}$'},'minItems':3}",
    "{'anyOf':[{'type':'array','items':{'type':'string','maxLength':4}},"
    "{'type':'array','items':{'anyOf':[{'type':'string','minLength':6},{'type':'number'}]}}]}",
    "{'type':'object','properties':{'name':{'type':'string'},'age':{'type':'integer','minimum':0,"
    "'maximum':150},'na':{'enum':['x','xy','n']}},'additionalProperties':{'type':'string'}}",
    "{'type':'object','properties':{'\\u00e9t\\u00e9':{'type':'null'},'e\\'':{'type':'boolean'}},"
    "'additionalProperties':{'type':'object'}}",
    "{'type':'object','properties':{'v':{'type':'number'},'c':{'type':'array',"
    "'items':{'$ref':'#'}}},'required':['v']}",
    "{'type':'array','items':{'type':'number','minimum':-1.5,'maximum':99.25},'maxItems':12}",
};

static void test_masks_small(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(schemas); i++)
        for (uint64_t seed = 0; seed < 6; seed++)
            walk_randomly(&demo, schemas[i], seed, 60, 1);
}

static void test_masks_large(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(schemas); i++)
        walk_randomly(&large, schemas[i], i, 24, 4);
}

static void test_end(void **state)
{
    (void)state;
    struct grammar *grammar = compile("{'type':['integer','array'],'maximum':99,'minimum':0}");
    struct grammar_matcher *matcher = start(&demo, grammar);
    assert_false(grammar_matcher_may_end(matcher));
    assert_true(grammar_matcher_advance_text(matcher, STR("1")));
    assert_true(grammar_matcher_may_end(matcher));
    assert_false(grammar_matcher_finished(matcher));
    assert_true(grammar_matcher_advance_text(matcher, STR("2")));
    assert_true(grammar_matcher_finished(matcher));
    assert_false(grammar_matcher_advance_text(matcher, STR("3")));
    const uint64_t *mask = grammar_matcher_mask(matcher);
    for (int32_t id = 0; id < demo.vocabulary->size; id++)
        assert_false(has(mask, id));
    grammar_matcher_destroy(matcher);
    grammar_release(grammar);
}

/* A refused token leaves the matcher where it was, even if it begins well. */
static void test_refused(void **state)
{
    (void)state;
    struct grammar *grammar = compile("{'type':'object','properties':{'a':{'const':1}},"
                                      "'required':['a']}");
    struct grammar_matcher *matcher = start(&large, grammar);
    struct token_list list = {0};
    assert_int_equal(tokenizer_encode(large.tokenizer, STR("{\""), false, &list, NULL), STATUS_OK);
    assert_int_equal(list.count, 1);
    assert_int_equal(tokenizer_encode(large.tokenizer, STR("{}"), false, &list, NULL), STATUS_OK);
    assert_int_equal(list.count, 2);
    assert_false(grammar_matcher_advance(matcher, list.ids[1]));
    assert_false(grammar_matcher_advance(matcher, -1));
    assert_false(grammar_matcher_advance(matcher, large.vocabulary->size));
    assert_false(
        grammar_matcher_advance(matcher, tokenizer_added_id(large.tokenizer, "<|im_end|>")));
    assert_true(grammar_matcher_advance(matcher, list.ids[0]));
    assert_true(grammar_matcher_advance_text(matcher, STR("a\":1}")));
    assert_true(grammar_matcher_finished(matcher));
    token_list_release(&list);
    grammar_matcher_destroy(matcher);
    grammar_release(grammar);
}

static void test_breaks(void **state)
{
    (void)state;
    struct grammar *grammar = compile("{'const':1}");
    static const struct {
        const char *text;
        bool breaks, accepted;
    } rows[] = {
        {"1", true, true},        {"\n1", true, true},   {"\n\n1", true, true},
        {"\n\n\n1", true, false}, {"\n1", false, false}, {"1\n", true, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct grammar_matcher *matcher;
        assert_int_equal(
            grammar_matcher_create(grammar, demo.vocabulary, rows[i].breaks, &matcher, NULL),
            STATUS_OK);
        assert_int_equal(grammar_matcher_advance_text(matcher, str_from(rows[i].text)),
                         rows[i].accepted);
        grammar_matcher_destroy(matcher);
    }
    grammar_release(grammar);
}

static struct json *parse(struct arena *arena, char *text)
{
    struct json *root;
    assert_int_equal(json_parse(text, strlen(text), (struct json_limits){0}, arena, &root, NULL),
                     STATUS_OK);
    return root;
}

static void test_tool_calls(void **state)
{
    (void)state;
    struct arena arena;
    struct grammar *grammar;
    struct reason why;
    char schema[] = "{\"properties\":{\"city\":{\"type\":\"string\"}},\"required\":[\"city\"]}";
    arena_init(&arena, 1 << 20);
    const struct grammar_tool list[] = {
        {STR("weather"), parse(&arena, schema), "tools[0].function.parameters"},
        {STR("we\"ek"), NULL, "tools[1].function.parameters"},
    };
    const struct grammar_tools tools = {
        .tools = list,
        .count = 2,
        .most_calls = 2,
        .open = tokenizer_added_id(large.tokenizer, "<tool_call>"),
        .close = tokenizer_added_id(large.tokenizer, "</tool_call>"),
    };
    assert_true(tools.open >= 0 && tools.close >= 0);
    assert_int_equal(grammar_tool_calls(&tools, &grammar, &why), STATUS_OK);
    struct grammar_matcher *matcher = start(&large, grammar);
    for (int call = 0; call < 2; call++) {
        const uint64_t *mask = grammar_matcher_mask(matcher);
        assert_int_equal(has(mask, tools.open), call == 0);
        if (call == 1)
            assert_true(grammar_matcher_advance_text(matcher, STR("\n")));
        assert_false(grammar_matcher_advance_text(matcher, STR("<")));
        assert_true(grammar_matcher_advance(matcher, tools.open));
        if (call == 0)
            assert_true(grammar_matcher_advance_text(
                matcher, STR("\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Oslo\"}}\n")));
        else
            assert_true(grammar_matcher_advance_text(
                matcher, STR("\n{\"name\": \"we\\\"ek\", \"arguments\": {}}\n")));
        mask = grammar_matcher_mask(matcher);
        assert_true(has(mask, tools.close));
        assert_false(has(mask, tools.open));
        assert_false(grammar_matcher_may_end(matcher));
        assert_true(grammar_matcher_advance(matcher, tools.close));
        assert_true(grammar_matcher_may_end(matcher));
        assert_int_equal(grammar_matcher_finished(matcher), call == 1);
    }
    grammar_matcher_destroy(matcher);
    grammar_release(grammar);
    arena_release(&arena);
}

/* Where calls are not forced a structured answer may come instead. */
static void test_call_or_answer(void **state)
{
    (void)state;
    struct arena arena;
    struct grammar *grammar;
    struct reason why;
    char schema[] = "{\"type\":\"object\",\"properties\":{\"x\":{\"type\":\"integer\"}},"
                    "\"required\":[\"x\"]}";
    arena_init(&arena, 1 << 20);
    const struct grammar_tool tool = {STR("t"), NULL, "tools[0].function.parameters"};
    const struct grammar_tools tools = {.tools = &tool,
                                        .count = 1,
                                        .most_calls = 2,
                                        .open = -1,
                                        .close = -1,
                                        .answer = parse(&arena, schema),
                                        .answer_path = "response_format"};
    assert_int_equal(grammar_tool_calls(&tools, &grammar, &why), STATUS_OK);
#define CALL "<tool_call>\n{\"name\": \"t\", \"arguments\": {}}\n</tool_call>"
    assert_true(grammar_accepts(&demo, grammar, STR(CALL)));
    assert_true(grammar_accepts(&demo, grammar, STR(CALL "\n" CALL)));
    assert_true(grammar_accepts(&demo, grammar, STR("{\"x\":1}")));
    assert_false(grammar_accepts(&demo, grammar, STR("{}")));
    assert_false(grammar_accepts(&demo, grammar, STR(CALL "\n" CALL "\n" CALL)));
    assert_false(grammar_accepts(&demo, grammar, STR(CALL "\n{\"x\":1}")));
    grammar_release(grammar);
    arena_release(&arena);
}

static void test_tool_refusals(void **state)
{
    (void)state;
    struct arena arena;
    struct grammar *grammar;
    struct reason why;
    char text[] = "{\"type\":\"string\"}", other[] = "{\"not\":{}}";
    arena_init(&arena, 1 << 20);
    struct grammar_tool list[] = {{STR("a"), NULL, "tools[0].function.parameters"},
                                  {STR("b"), parse(&arena, text), "tools[1].function.parameters"}};
    const struct grammar_tools tools = {
        .tools = list, .count = 2, .most_calls = 1, .open = -1, .close = -1};
    assert_int_equal(grammar_tool_calls(&tools, &grammar, &why), STATUS_INVALID);
    assert_string_equal(why.code, "invalid_schema");
    assert_string_equal(why.subject, "tools[1].function.parameters");
    list[1].parameters = parse(&arena, other);
    assert_int_equal(grammar_tool_calls(&tools, &grammar, &why), STATUS_INVALID);
    assert_string_equal(why.subject, "tools[1].function.parameters.not");
    char never[] = "{\"type\":\"array\",\"minItems\":1,\"maxItems\":0}";
    list[1].parameters = NULL;
    const struct grammar_tools answered = {.tools = list,
                                           .count = 1,
                                           .most_calls = 1,
                                           .open = -1,
                                           .close = -1,
                                           .answer = parse(&arena, never),
                                           .answer_path = "response_format"};
    assert_int_equal(grammar_tool_calls(&answered, &grammar, &why), STATUS_INVALID);
    assert_string_equal(why.subject, "response_format");
    assert_int_equal(grammar_tool_calls(&tools, &grammar, &why), STATUS_OK);
    assert_true(grammar_accepts(
        &demo, grammar,
        STR("<tool_call>\n{\"name\": \"b\", \"arguments\": {\"x\":1}}\n</tool_call>")));
    grammar_release(grammar);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_masks_small),
        cmocka_unit_test(test_masks_large),
        cmocka_unit_test(test_end),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_breaks),
        cmocka_unit_test(test_tool_calls),
        cmocka_unit_test(test_call_or_answer),
        cmocka_unit_test(test_tool_refusals),
    };
    return cmocka_run_group_tests(tests, open_fixtures, close_fixtures);
}
