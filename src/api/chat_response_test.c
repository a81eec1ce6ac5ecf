#include "api/chat_response.h"

#include "base/test.h"
#include "json/json.h"

#include <math.h>

/* A text must be one JSON value whose shape is `shape`: member names in order, and of values the
 * spelling (numbers, true, null) or the quoted text. What it compares is the whole value, written
 * anew without blanks. */
static void shape_of(const struct json *v, struct buf *out)
{
    const char *separator = "";
    switch (v->type) {
    case JSON_NULL: buf_puts(out, "null"); break;
    case JSON_BOOL: buf_puts(out, v->truth ? "true" : "false"); break;
    case JSON_NUMBER: buf_add_str(out, v->text); break;
    case JSON_STRING: buf_printf(out, "'%.*s'", STR_ARG(v->text)); break;
    case JSON_ARRAY:
    case JSON_OBJECT:
        buf_putc(out, v->type == JSON_ARRAY ? '[' : '{');
        JSON_EACH(child, v) {
            buf_puts(out, separator);
            if (v->type == JSON_OBJECT)
                buf_printf(out, "%.*s:", STR_ARG(child->key));
            shape_of(child, out);
            separator = ",";
        }
        buf_putc(out, v->type == JSON_ARRAY ? ']' : '}');
        break;
    }
}

static void check_shape(struct str text, const char *shape)
{
    struct arena arena;
    struct json *root;
    struct reason why;
    struct buf found;
    char *copy = strndup(text.ptr, text.len);
    arena_init(&arena, 1 << 20);
    buf_init(&found, 1 << 20);
    if (json_parse(copy, text.len, (struct json_limits){0}, &arena, &root, &why))
        fail_msg("%s: %.*s", why.message[LANG_EN], STR_ARG(text));
    shape_of(root, &found);
    assert_string_equal(found.data, shape);
    buf_release(&found);
    arena_release(&arena);
    free(copy);
}

/* One event: "data: ", one line of JSON, a blank line. */
static void check_event(struct buf *out, const char *shape)
{
    const struct str event = buf_str(out);
    assert_false(out->failed);
    assert_true(str_starts(event, "data: ") && str_ends(event, "\n\n"));
    const struct str line = str_slice(event, 6, event.len - 2);
    assert_null(memchr(line.ptr, '\n', line.len));
    check_shape(line, shape);
    buf_clear(out);
}

static const struct answer_head head = {
    "chatcmpl-1", {"qwen-vl-8b", 10}, 1700000000, "fp_1", false};
static const struct answer_head head_usage = {
    "chatcmpl-1", {"qwen-vl-8b", 10}, 1700000000, "fp_1", true};
static const struct answer_usage usage = {100, 20, 64, 80, 7};
static const struct answer_ids no_ids = {NULL, 0};
static const struct answer_logprobs no_logprobs = {.arg = NULL};

/* A delta of texts; to be released. */
static struct answer_delta delta_of(const char *reasoning, struct str content)
{
    struct answer_delta delta;
    answer_delta_init(&delta, 1 << 16);
    buf_puts(&delta.reasoning, reasoning);
    buf_add_str(&delta.content, content);
    return delta;
}

/* A piece of a call; without a name not the first one. */
static void add_call(struct answer_delta *delta, uint32_t index, const char *name,
                     const char *arguments)
{
    struct answer_call *call = answer_delta_call(delta, index);
    call->begins = name[0];
    snprintf(call->id, sizeof call->id, "call_%u", index);
    buf_puts(&call->name, name);
    buf_puts(&call->arguments, arguments);
}

static void write_content(struct buf *out, uint32_t index, struct str text, struct answer_ids ids)
{
    struct answer_delta delta = delta_of("", text);
    chat_chunk_delta(out, &head, index, &delta, ids, no_logprobs);
    answer_delta_release(&delta);
}

#define ANSWER                                                                                     \
    "{id:'chatcmpl-1',object:'chat.completion',created:1700000000,model:'qwen-vl-8b',"             \
    "system_fingerprint:'fp_1',"
#define CHUNK                                                                                      \
    "{id:'chatcmpl-1',object:'chat.completion.chunk',created:1700000000,model:'qwen-vl-8b',"       \
    "system_fingerprint:'fp_1',"
#define USAGE                                                                                      \
    "usage:{prompt_tokens:100,completion_tokens:20,total_tokens:120,prompt_tokens_details:{"       \
    "cached_tokens:64,image_tokens:80},completion_tokens_details:{reasoning_tokens:7}}"

static void writes_one_answer(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1 << 16);
    struct answer_delta delta = delta_of("", STR("Two \"cats\"\n你"));
    const struct chat_answer answer = {.parts = &delta, .end = {"stop", .stop_id = -1}};
    chat_response_write(&out, &head, &answer, 1, no_ids, &usage);
    check_shape(buf_str(&out), ANSWER
                "choices:[{index:0,message:{role:'assistant',content:'Two \"cats\"\n你',"
                "refusal:null},logprobs:null,finish_reason:'stop',stop_reason:null}]," USAGE "}");
    answer_delta_release(&delta);
    buf_release(&out);
}

static void writes_several_with_their_tokens(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1 << 16);
    static const int32_t prompt[] = {151644, 872}, first[] = {1, 2, 3};
    struct answer_delta deltas[] = {delta_of("", STR("a")), delta_of("", STR(""))};
    const struct chat_answer answers[] = {
        {.parts = &deltas[0], .end = {"stop", .stop_id = -1}, .ids = {first, 3}},
        {.parts = &deltas[1], .end = {"length", .stop_id = -1}, .ids = {first, 0}},
    };
    chat_response_write(&out, &head, answers, 2, (struct answer_ids){prompt, 2}, &usage);
    check_shape(buf_str(&out),
                ANSWER "choices:[{index:0,message:{role:'assistant',content:'a',refusal:null},"
                       "logprobs:null,finish_reason:'stop',stop_reason:null,token_ids:[1,2,3]},"
                       "{index:1,message:{role:'assistant',content:'',refusal:null},"
                       "logprobs:null,finish_reason:'length',stop_reason:null,token_ids:[]}]," USAGE
                       ",prompt_token_ids:[151644,872]}");
    answer_delta_release(&deltas[0]);
    answer_delta_release(&deltas[1]);
    buf_release(&out);
}

#define CALLS                                                                                      \
    "[{id:'call_0',type:'function',function:{name:'f',arguments:'{\"a\":1}'}},"                    \
    "{id:'call_1',type:'function',function:{name:'g',arguments:''}}]"

/* Calls and reasoning; content is null where they stand instead. */
static void writes_calls_and_reasoning(void **state)
{
    (void)state;
    static const struct {
        const char *reasoning, *content;
        bool reasons, calls;
        const char *message;
    } rows[] = {
        {"", "", true, true, "content:null,refusal:null,reasoning_content:null,tool_calls:" CALLS},
        {"r", "c", true, true, "content:'c',refusal:null,reasoning_content:'r',tool_calls:" CALLS},
        {"r", "", true, false, "content:null,refusal:null,reasoning_content:'r'"},
        {"", "", true, false, "content:'',refusal:null,reasoning_content:null"},
        {"", "c", false, false, "content:'c',refusal:null"},
        {"", "", false, false, "content:'',refusal:null"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out;
        char shape[1024];
        buf_init(&out, 1 << 16);
        struct answer_delta delta = delta_of(rows[i].reasoning, str_from(rows[i].content));
        if (rows[i].calls) {
            add_call(&delta, 0, "f", "{\"a\":1}");
            add_call(&delta, 1, "g", "");
        }
        const struct chat_answer answer = {
            .parts = &delta, .reasons = rows[i].reasons, .end = {"tool_calls", .stop_id = -1}};
        chat_response_write(&out, &head, &answer, 1, no_ids, &usage);
        snprintf(shape, sizeof shape,
                 ANSWER "choices:[{index:0,message:{role:'assistant',%s},logprobs:null,"
                        "finish_reason:'tool_calls',stop_reason:null}]," USAGE "}",
                 rows[i].message);
        check_shape(buf_str(&out), shape);
        answer_delta_release(&delta);
        buf_release(&out);
    }
}

static void streams_calls_and_reasoning(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1 << 16);
    struct answer_delta delta = delta_of("r", STR(""));
    chat_chunk_delta(&out, &head, 0, &delta, no_ids, no_logprobs);
    check_event(&out, CHUNK "choices:[{index:0,delta:{reasoning_content:'r'},logprobs:null,"
                            "finish_reason:null}]}");
    answer_delta_clear(&delta);
    add_call(&delta, 0, "f", "");
    chat_chunk_delta(&out, &head, 0, &delta, no_ids, no_logprobs);
    check_event(&out, CHUNK "choices:[{index:0,delta:{tool_calls:[{index:0,id:'call_0',type:"
                            "'function',function:{name:'f',arguments:''}}]},logprobs:null,"
                            "finish_reason:null}]}");
    answer_delta_clear(&delta);
    buf_puts(&delta.content, "c");
    add_call(&delta, 0, "", "{}");
    add_call(&delta, 1, "g", "{");
    chat_chunk_delta(&out, &head, 0, &delta, no_ids, no_logprobs);
    check_event(&out, CHUNK "choices:[{index:0,delta:{content:'c',tool_calls:[{index:0,function:"
                            "{arguments:'{}'}},{index:1,id:'call_1',type:'function',function:"
                            "{name:'g',arguments:'{'}}]},logprobs:null,finish_reason:null}]}");
    answer_delta_release(&delta);
    buf_release(&out);
}

static bool read_item(const void *arg, size_t token, uint32_t item, struct str *bytes,
                      double *logprob)
{
    static const struct {
        struct str bytes;
        double logprob;
    } rows[2][3] = {
        {{{"a", 1}, -0.25}, {{"a", 1}, -0.25}, {{"\xE4\xBD", 2}, -2}},
        {{{"<|im_end|>", 10}, -INFINITY}, {{"\n", 1}, NAN}},
    };
    const uint32_t counts[] = {3, 2};
    assert_string_equal(arg, "arg");
    if (item >= counts[token])
        return false;
    *bytes = rows[token][item].bytes;
    *logprob = rows[token][item].logprob;
    return true;
}

static void writes_logprobs(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1 << 16);
    struct answer_delta delta = delta_of("", STR("a"));
    const struct answer_logprobs logprobs = {2, read_item, "arg"};
    const struct chat_answer answer = {
        .parts = &delta, .end = {"stop", .stop_id = -1}, .logprobs = logprobs};
#define LOGPROBS                                                                                   \
    "logprobs:{content:[{token:'a',logprob:-0.25,bytes:[97],top_logprobs:[{token:'a',logprob:"     \
    "-0.25,bytes:[97]},{token:'\xEF\xBF\xBD',logprob:-2,bytes:[228,189]}]},"                       \
    "{token:'<|im_end|>',logprob:-9999,bytes:[60,124,105,109,95,101,110,100,124,62],"              \
    "top_logprobs:[{token:'\n',logprob:-9999,bytes:[10]}]}],refusal:null}"
    chat_response_write(&out, &head, &answer, 1, no_ids, &usage);
    check_shape(buf_str(&out), ANSWER
                "choices:[{index:0,message:{role:'assistant',content:'a',refusal:null}," LOGPROBS
                ",finish_reason:'stop',stop_reason:null}]," USAGE "}");
    buf_clear(&out);
    answer_delta_clear(&delta); /* text that is held back does not hold back its tokens */
    chat_chunk_delta(&out, &head, 0, &delta, no_ids, logprobs);
    check_event(&out,
                CHUNK "choices:[{index:0,delta:{content:''}," LOGPROBS ",finish_reason:null}]}");
    answer_delta_release(&delta);
    buf_release(&out);
}

static void streams_in_chunks(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1 << 16);
    chat_chunk_role(&out, &head, 0, no_ids);
    check_event(&out, CHUNK "choices:[{index:0,delta:{role:'assistant',content:'',refusal:null},"
                            "logprobs:null,finish_reason:null}]}");
    write_content(&out, 3, STR("你\n\nb"), no_ids);
    check_event(&out, CHUNK "choices:[{index:3,delta:{content:'你\n\nb'},"
                            "logprobs:null,finish_reason:null}]}");
    chat_chunk_finish(&out, &head, 0, &(struct answer_end){"length", {0}, -1});
    check_event(
        &out, CHUNK
        "choices:[{index:0,delta:{},logprobs:null,finish_reason:'length',stop_reason:null}]}");
    chat_chunk_finish(&out, &head, 1, &(struct answer_end){"stop", STR("\n\n"), -1});
    check_event(&out, CHUNK "choices:[{index:1,delta:{},logprobs:null,finish_reason:'stop',"
                            "stop_reason:'\n\n'}]}");
    chat_chunk_finish(&out, &head, 1, &(struct answer_end){"stop", {0}, 0});
    check_event(&out, CHUNK "choices:[{index:1,delta:{},logprobs:null,finish_reason:'stop',"
                            "stop_reason:0}]}");
    buf_release(&out);
}

/* With include_usage every chunk has "usage": null, and one more has the figures and no choice. */
static void streams_usage_when_asked(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1 << 16);
    chat_chunk_role(&out, &head_usage, 0, no_ids);
    check_event(&out, CHUNK "choices:[{index:0,delta:{role:'assistant',content:'',refusal:null},"
                            "logprobs:null,finish_reason:null}],usage:null}");
    struct answer_delta delta = delta_of("", STR("x"));
    chat_chunk_delta(&out, &head_usage, 0, &delta, no_ids, no_logprobs);
    answer_delta_release(&delta);
    check_event(&out, CHUNK "choices:[{index:0,delta:{content:'x'},"
                            "logprobs:null,finish_reason:null}],usage:null}");
    chat_chunk_finish(&out, &head_usage, 0, &(struct answer_end){"stop", {0}, -1});
    check_event(&out, CHUNK
                "choices:[{index:0,delta:{},logprobs:null,finish_reason:'stop',stop_reason:null}],"
                "usage:null}");
    chat_chunk_usage(&out, &head_usage, &usage);
    check_event(&out, CHUNK "choices:[]," USAGE "}");
    buf_release(&out);
}

static void streams_tokens_when_asked(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1 << 16);
    static const int32_t ids[] = {0, 151645, 7};
    chat_chunk_role(&out, &head, 0, (struct answer_ids){ids, 3});
    check_event(&out, CHUNK "choices:[{index:0,delta:{role:'assistant',content:'',refusal:null},"
                            "logprobs:null,finish_reason:null}],prompt_token_ids:[0,151645,7]}");
    write_content(&out, 0, STR(""), (struct answer_ids){ids, 2});
    check_event(&out, CHUNK "choices:[{index:0,delta:{content:''},"
                            "logprobs:null,finish_reason:null,token_ids:[0,151645]}]}");
    buf_release(&out);
}

static void survives_ill_formed_text(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1 << 16);
    write_content(&out, 0, STR("a\xE4\xBD\r\n"), no_ids);
    check_event(&out, CHUNK "choices:[{index:0,delta:{content:'a\xEF\xBF\xBD\r\n'},"
                            "logprobs:null,finish_reason:null}]}");
    buf_release(&out);
    buf_init(&out, 60); /* too little: said, not cut silently */
    write_content(&out, 0, STR("a"), no_ids);
    assert_true(out.failed);
    buf_release(&out);
}

static void lists_models(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1 << 16);
    const struct model_card cards[] = {
        {"qwen3-vl-demo", 1700000000, "qvl", NULL, 32768},
        {"qwen-vl-8b", 1700000000, "qvl", "qwen3-vl-demo", 32768},
    };
#define CARD(id, root)                                                                             \
    "{id:'" id "',object:'model',created:1700000000,owned_by:'qvl',root:'" root                    \
    "',max_model_len:32768}"
    model_card_write(&out, &cards[1]);
    check_shape(buf_str(&out), CARD("qwen-vl-8b", "qwen3-vl-demo"));
    buf_clear(&out);
    model_list_write(&out, cards, 2);
    check_shape(buf_str(&out),
                "{object:'list',data:[" CARD("qwen3-vl-demo", "qwen3-vl-demo") "," CARD(
                    "qwen-vl-8b", "qwen3-vl-demo") "]}");
    buf_clear(&out);
    model_list_write(&out, NULL, 0);
    check_shape(buf_str(&out), "{object:'list',data:[]}");
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_one_answer),
        cmocka_unit_test(writes_several_with_their_tokens),
        cmocka_unit_test(writes_calls_and_reasoning),
        cmocka_unit_test(streams_calls_and_reasoning),
        cmocka_unit_test(writes_logprobs),
        cmocka_unit_test(streams_in_chunks),
        cmocka_unit_test(streams_usage_when_asked),
        cmocka_unit_test(streams_tokens_when_asked),
        cmocka_unit_test(survives_ill_formed_text),
        cmocka_unit_test(lists_models),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
