#include "api/completion_request.h"
#include "api/completion_response.h"
#include "api/tokenize_request.h"
#include "base/buf.h"
#include "base/test.h"

#include <math.h>

struct parsed {
    struct arena arena;
    struct json *root;
    struct completion_request request;
    struct reason why;
    enum status status;
};

/* JSON with ' for ". */
static struct json *json_of(const char *text, struct arena *arena)
{
    struct json *root;
    struct reason why;
    char *copy = arena_strdup(arena, str_from(text));
    for (char *c = copy; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    if (json_parse(copy, strlen(text), (struct json_limits){0}, arena, &root, &why))
        fail_msg("%s: %s", text, why.message[LANG_EN]);
    return root;
}

static void parse(struct parsed *p, const char *text)
{
    arena_init(&p->arena, 16 << 20);
    p->root = json_of(text, &p->arena);
    p->status = completion_request_parse(p->root, &p->arena, &p->request, &p->why);
}

#define VALUE "invalid_value"
#define TYPE  "invalid_type"

static void test_prompts(void **state)
{
    (void)state;
    static const struct {
        const char *prompt;
        uint32_t count;
        const char *code, *path;
    } rows[] = {
        {"'a'", 1, NULL, NULL},
        {"['a','b']", 2, NULL, NULL},
        {"[1,2,3]", 1, NULL, NULL},
        {"[[1],[2,3]]", 2, NULL, NULL},
        {"''", 0, VALUE, "prompt"},
        {"[]", 0, VALUE, "prompt"},
        {"['a','']", 0, VALUE, "prompt[1]"},
        {"[[1],[]]", 0, VALUE, "prompt[1]"},
        {"['a',1]", 0, TYPE, "prompt[1]"},
        {"[1,'a']", 0, TYPE, "prompt[1]"},
        {"[[1],'a']", 0, TYPE, "prompt[1]"},
        {"[['a']]", 0, TYPE, "prompt[0][0]"},
        {"[1.5]", 0, TYPE, "prompt[0]"},
        {"[-1]", 0, VALUE, "prompt[0]"},
        {"[2147483648]", 0, VALUE, "prompt[0]"},
        {"[null]", 0, TYPE, "prompt[0]"},
        {"[{}]", 0, TYPE, "prompt[0]"},
        {"null", 0, "missing_field", "prompt"},
        {"{}", 0, TYPE, "prompt"},
        {"1", 0, TYPE, "prompt"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct parsed p;
        char body[256];
        snprintf(body, sizeof body, "{'model':'m','prompt':%s}", rows[i].prompt);
        parse(&p, body);
        if (!rows[i].code) {
            assert_int_equal(p.status, STATUS_OK);
            assert_int_equal(p.request.prompt_count, rows[i].count);
        } else {
            assert_int_equal(p.status, STATUS_INVALID);
            assert_string_equal(p.why.code, rows[i].code);
            assert_string_equal(p.why.subject, rows[i].path);
        }
        arena_release(&p.arena);
    }
}

static void test_values(void **state)
{
    (void)state;
    struct parsed p;
    parse(&p, "{'model':'m','prompt':[[7,8],[9]]}");
    assert_true(p.request.params.max_tokens == 16 && !p.request.params.logprobs);
    assert_true(p.request.prompts[0].ids.count == 2 && p.request.prompts[1].ids.ids[0] == 9);
    assert_int_equal(p.request.prompts[0].text.len, 0);
    arena_release(&p.arena);
    parse(&p, "{'model':'m','prompt':'q','max_tokens':0,'echo':true,'suffix':'','n':3,"
              "'best_of':3}");
    assert_int_equal(p.status, STATUS_OK);
    assert_true(p.request.params.max_tokens == 0 && p.request.echo);
    assert_true(str_is(p.request.prompts[0].text, "q"));
    arena_release(&p.arena);
    parse(&p, "{'model':'m','prompt':'q','logprobs':0}");
    assert_true(p.request.params.logprobs && p.request.params.top_logprobs == 0);
    arena_release(&p.arena);
    parse(&p, "{'model':'m','prompt':'q','logprobs':20,'response_format':{'type':'json_object'}}");
    assert_true(p.request.params.top_logprobs == 20);
    assert_int_equal(p.request.params.format, FORMAT_JSON_OBJECT);
    arena_release(&p.arena);
    parse(&p, "{'model':'m','prompt':'q','logprobs':1,'echo':true}");
    assert_true(p.status == STATUS_OK && p.request.echo && p.request.params.logprobs);
    arena_release(&p.arena);
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *members, *code, *path;
    } rows[] = {
        {"'logprobs':21", VALUE, "logprobs"},
        {"'logprobs':true", TYPE, "logprobs"},
        {"'suffix':'x'", VALUE, "suffix"},
        {"'best_of':2", VALUE, "best_of"},
        {"'n':2,'best_of':1", VALUE, "best_of"},
        {"'max_tokens':-1", VALUE, "max_tokens"},
        {"'min_tokens':17", VALUE, "min_tokens"},
        {"'stream_options':{}", VALUE, "stream_options"},
        {"'prompt':['a','a','a','a','a','a','a','a','a'],'n':15", VALUE, "n"},
        {"'bad_words':['x'],'response_format':{'type':'json_object'}", VALUE, "bad_words"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct parsed p;
        char body[256];
        snprintf(body, sizeof body, "{'model':'m','prompt':'q',%s}", rows[i].members);
        parse(&p, body);
        assert_int_equal(p.status, STATUS_INVALID);
        assert_string_equal(p.why.code, rows[i].code);
        assert_string_equal(p.why.subject, rows[i].path);
        assert_non_null(strstr(p.why.message[LANG_EN], rows[i].path));
        assert_non_null(strstr(p.why.message[LANG_ZH], rows[i].path));
        arena_release(&p.arena);
    }
}

static void test_tokenize(void **state)
{
    (void)state;
    static const struct {
        const char *body, *code, *path;
    } rows[] = {
        {"{'prompt':''}", NULL, NULL},
        {"{'model':'m','prompt':'p','parse_special':false,'add_special_tokens':true}", NULL, NULL},
        {"{'messages':[{'role':'user','content':'q'}],'add_generation_prompt':false}", NULL, NULL},
        {"{}", "missing_field", "prompt"},
        {"{'prompt':'p','messages':[{'role':'user','content':'q'}]}", VALUE, "messages"},
        {"{'messages':[]}", VALUE, "messages"},
        {"{'messages':[{'role':'user','content':'q'}],'return_token_strs':1}", TYPE,
         "return_token_strs"},
        {"{'prompt':['p']}", TYPE, "prompt"},
        {"{'prompt':'p','model':''}", VALUE, "model"},
        {"[]", TYPE, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena arena;
        struct tokenize_request request;
        struct reason why;
        arena_init(&arena, 1 << 20);
        const struct json *root = json_of(rows[i].body, &arena);
        const enum status status = tokenize_request_parse(root, &arena, &request, &why);
        assert_int_equal(status, rows[i].code ? STATUS_INVALID : STATUS_OK);
        if (rows[i].code) {
            assert_string_equal(why.code, rows[i].code);
            assert_string_equal(why.subject, rows[i].path);
        }
        arena_release(&arena);
    }
}

/* "你" cut in two, a quote, NUL; what has no probability, as the first token of a prompt. */
static bool read_item(const void *arg, size_t token, uint32_t item, struct str *bytes,
                      double *logprob)
{
    static const struct {
        struct str bytes;
        double logprob;
    } rows[5][3] = {
        {{{"\xE4\xBD", 2}, -0.5}, {{"\xE4\xBD", 2}, -0.5}, {{"a", 1}, -1}},
        {{{"\xA0", 1}, -INFINITY}, {{"x", 1}, -2}},
        {{{"\"b", 2}, -3}},
        {{{"\0", 1}, -4}},
        {{{"c", 1}, NAN}},
    };
    static const uint32_t counts[] = {3, 2, 1, 1, 1};
    (void)arg;
    if (item >= counts[token])
        return false;
    *bytes = rows[token][item].bytes;
    *logprob = rows[token][item].logprob;
    return true;
}

static const struct answer_head head = {"cmpl-1", {"m", 1}, 17, "fp", false};

static void test_response(void **state)
{
    (void)state;
    static const struct answer_usage usage = {3, 2, 1, 0, 0};
    static const int32_t ids[] = {4, 5};
    const struct completion_text texts[] = {
        {.index = 0, .text = STR("t"), .end = {"stop", STR("s"), -1}},
        {.index = 1,
         .text = STR(""),
         .end = {"length", {0}, -1},
         .prompt_ids = {ids, 1},
         .ids = {ids, 2}},
    };
    struct buf out;
    buf_init(&out, 1 << 16);
    completion_response_write(&out, &head, texts, 2, &usage);
    assert_string_equal(
        out.data,
        "{\"id\":\"cmpl-1\",\"object\":\"text_completion\",\"created\":17,\"model\":\"m\","
        "\"system_fingerprint\":\"fp\",\"choices\":[{\"index\":0,\"text\":\"t\",\"logprobs\":null,"
        "\"finish_reason\":\"stop\",\"stop_reason\":\"s\"},{\"index\":1,\"text\":\"\","
        "\"logprobs\":null,\"finish_reason\":\"length\",\"stop_reason\":null,"
        "\"prompt_token_ids\":[4],\"token_ids\":[4,5]}],\"usage\":{\"prompt_tokens\":3,"
        "\"completion_tokens\":2,\"total_tokens\":5,\"prompt_tokens_details\":{\"cached_tokens\":1,"
        "\"image_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":0}}}");
    buf_release(&out);
}

static void test_chunk_with_logprobs(void **state)
{
    (void)state;
    const struct completion_text text = {
        .text = STR("t"), .logprobs = {5, read_item, "arg"}, .offset = 10, .end = {.stop_id = -1}};
    struct buf out;
    buf_init(&out, 1 << 16);
    completion_chunk(&out, &head, &text);
    assert_string_equal(
        out.data,
        "data: {\"id\":\"cmpl-1\",\"object\":\"text_completion\",\"created\":17,\"model\":\"m\","
        "\"system_fingerprint\":\"fp\",\"choices\":[{\"index\":0,\"text\":\"t\",\"logprobs\":{"
        "\"text_offset\":[10,11,11,13,14],\"token_logprobs\":[-0.5,-9999,-3,-4,null],\"tokens\":["
        "\"bytes:\\\\xe4\\\\xbd\",\"bytes:\\\\xa0\",\"\\\"b\",\"bytes:\\\\x00\",\"c\"],"
        "\"top_logprobs\":[{\"bytes:\\\\xe4\\\\xbd\":-0.5,\"a\":-1},{\"x\":-2,"
        "\"bytes:\\\\xa0\":-9999},{\"\\\"b\":-3},{\"bytes:\\\\x00\":-4},null]},"
        "\"finish_reason\":null}]}\n\n");
    assert_int_equal(completion_characters(&text.logprobs), 5);
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prompts),  cmocka_unit_test(test_values),
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_tokenize),
        cmocka_unit_test(test_response), cmocka_unit_test(test_chunk_with_logprobs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
