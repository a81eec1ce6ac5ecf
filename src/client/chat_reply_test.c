#include "client/chat_reply.h"

#include "base/test.h"

#define CHUNK(delta) "{\"choices\":[{\"index\":0,\"delta\":" delta ",\"finish_reason\":null}]}"

static void puts_a_stream_together(void **state)
{
    (void)state;
    static const char *const events[] = {
        CHUNK("{\"role\":\"assistant\",\"content\":\"\"}"),
        CHUNK("{\"reasoning_content\":\"hm\"}"),
        CHUNK("{\"content\":\"\\u4f60\"}"),
        CHUNK("{\"content\":null}"),
        CHUNK("{\"content\":\"\xe5\xa5\xbd\"}"),
        "{\"choices\":[{\"index\":1,\"delta\":{\"content\":\"other\"}}]}",
        "{\"error\":null,\"choices\":[{\"delta\":{},\"finish_reason\":\"length\"}]}",
        "{\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}",
    };
    struct chat_reply reply;
    chat_reply_init(&reply);
    for (size_t i = 0; i < ARRAY_LEN(events); i++) {
        assert_false(i < 6 && chat_reply_complete(&reply));
        assert_int_equal(chat_reply_event(&reply, str_from(events[i])), REPLY_PART);
    }
    assert_string_equal(reply.text.data, "\xe4\xbd\xa0\xe5\xa5\xbd");
    assert_string_equal(reply.reasoning.data, "hm");
    assert_string_equal(reply.finish_reason, "length");
    assert_int_equal(reply.prompt_tokens, 3);
    assert_int_equal(reply.completion_tokens, 2);
    assert_true(chat_reply_complete(&reply));
    assert_false(reply.done);
    assert_int_equal(chat_reply_event(&reply, STR(" [DONE]")), REPLY_DONE);
    assert_true(reply.done);
    chat_reply_clear(&reply);
    assert_int_equal(reply.text.len, 0);
    assert_int_equal(chat_reply_event(&reply, STR("[DONE]")), REPLY_DONE);
    assert_false(chat_reply_complete(&reply)); /* the end of nothing */
    chat_reply_release(&reply);
}

/* Pieces by their index; one without is a new call if it is named. */
static void puts_calls_together(void **state)
{
    (void)state;
    static const char *const events[] = {
        CHUNK("{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\","
              "\"arguments\":\"\"}}]}"),
        CHUNK("{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"a\"}}]}"),
        CHUNK("{\"tool_calls\":[{\"index\":1,\"function\":{\"name\":\"g\",\"arguments\":\"{}\"}},"
              "{\"index\":0,\"function\":{\"arguments\":\"\\\":1}\"}}]}"),
        CHUNK("{\"tool_calls\":[{\"function\":{\"name\":\"h\"}}]}"),
        CHUNK("{\"tool_calls\":[{\"function\":{\"arguments\":\"[\"}}]}"),
        CHUNK("{\"tool_calls\":[{\"index\":-1,\"function\":3}]}"),
        CHUNK("{\"tool_calls\":null}"),
        CHUNK("{\"tool_calls\":\"x\"}"),
    };
    static const char *const calls[][2] = {{"f", "{\"a\":1}"}, {"g", "{}"}, {"h", "["}, {"", ""}};
    struct chat_reply reply;
    chat_reply_init(&reply);
    for (size_t i = 0; i < ARRAY_LEN(events); i++)
        assert_int_equal(chat_reply_event(&reply, str_from(events[i])), REPLY_PART);
    assert_int_equal(reply.call_count, ARRAY_LEN(calls));
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        assert_true(str_is(buf_str(&reply.calls[i].name), calls[i][0]));
        assert_true(str_is(buf_str(&reply.calls[i].arguments), calls[i][1]));
    }
    for (int i = 0; i < 2 * CHAT_REPLY_CALLS_MAX; i++)
        chat_reply_event(&reply, STR(CHUNK("{\"tool_calls\":[{\"function\":{\"name\":\"f\"}}]}")));
    assert_int_equal(reply.call_count, CHAT_REPLY_CALLS_MAX);
    chat_reply_clear(&reply);
    assert_int_equal(reply.call_count, 0);
    chat_reply_release(&reply);
}

/* The two names of reasoning say the same. */
static void takes_reasoning_once(void **state)
{
    (void)state;
    struct chat_reply reply;
    chat_reply_init(&reply);
    chat_reply_event(&reply, STR(CHUNK("{\"reasoning_content\":\"a\",\"reasoning\":\"a\"}")));
    chat_reply_event(&reply, STR(CHUNK("{\"reasoning_content\":null,\"reasoning\":\"b\"}")));
    chat_reply_event(&reply, STR(CHUNK("{\"reasoning\":\"c\"}")));
    assert_string_equal(reply.reasoning.data, "abc");
    chat_reply_release(&reply);
}

static void knows_errors_and_nonsense(void **state)
{
    (void)state;
    struct chat_reply reply;
    chat_reply_init(&reply);
    assert_int_equal(chat_reply_event(&reply, STR("{\"error\":{\"message\":\"m\"}}")), REPLY_ERROR);
    assert_string_equal(reply.error.data, "{\"error\":{\"message\":\"m\"}}");
    static const char *const nonsense[] = {"", "hello", "{}", "[]", "{\"choices\":3}", "{\"a\":"};
    for (size_t i = 0; i < ARRAY_LEN(nonsense); i++)
        assert_int_equal(chat_reply_event(&reply, str_from(nonsense[i])), REPLY_NONSENSE);
    assert_false(chat_reply_complete(&reply));
    chat_reply_release(&reply);
}

static void reads_documents(void **state)
{
    (void)state;
    static const struct {
        const char *body, *text; /* NULL: no answer */
    } documents[] = {
        {"{\"choices\":[{\"message\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}", "hi"},
        {"{\"choices\":[{\"message\":{\"content\":[{\"type\":\"text\",\"text\":\"a\"},"
         "{\"text\":\"b\"}]}}]}",
         "ab"},
        {"{\"choices\":[{\"message\":{\"content\":null,\"tool_calls\":[{}]}}]}", ""},
        {"{\"choices\":[{\"index\":1,\"message\":{\"content\":\"x\"}},"
         "{\"index\":0,\"message\":{\"content\":\"y\"}}]}",
         "y"},
        {"{\"choices\":[]}", NULL},
        {"{\"choices\":[{}]}", NULL},
        {"{}", NULL},
        {"", NULL},
        {"<html>", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(documents); i++) {
        struct chat_reply reply;
        chat_reply_init(&reply);
        const bool good = chat_reply_document(&reply, str_from(documents[i].body));
        assert_int_equal(good, documents[i].text != NULL);
        if (good)
            assert_true(str_is(buf_str(&reply.text), documents[i].text));
        assert_int_equal(chat_reply_complete(&reply), good);
        chat_reply_release(&reply);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(puts_a_stream_together), cmocka_unit_test(puts_calls_together),
        cmocka_unit_test(takes_reasoning_once),   cmocka_unit_test(knows_errors_and_nonsense),
        cmocka_unit_test(reads_documents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
