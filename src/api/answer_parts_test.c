#include "api/answer_parts.h"

#include "base/test.h"

enum { TEXT_MAX = 1 << 16 };

/* "R[…]C[…]" and of each call "0 name(arguments)", with the order of calls alone kept. */
static void show(const struct answer_delta *delta, struct buf *out)
{
    if (delta->reasoning.len > 0)
        buf_printf(out, "R[%s]", delta->reasoning.data);
    if (delta->content.len > 0)
        buf_printf(out, "C[%s]", delta->content.data);
    for (size_t i = 0; i < delta->call_count; i++) {
        const struct answer_call *call = &delta->calls[i];
        assert_int_equal(call->index, i);
        assert_true(call->begins);
        buf_printf(out, "%zu %s(%s)", i, call->name.data,
                   call->arguments.len ? call->arguments.data : "");
    }
}

/* Adds what a chunk has to what all chunks had, as a client does. */
static void gather(struct answer_delta *all, const struct answer_delta *delta)
{
    buf_add_str(&all->reasoning, buf_str(&delta->reasoning));
    buf_add_str(&all->content, buf_str(&delta->content));
    for (size_t i = 0; i < delta->call_count; i++) {
        const struct answer_call *piece = &delta->calls[i];
        assert_int_equal(piece->begins, piece->index == all->call_count);
        assert_int_equal(piece->begins, piece->name.len > 0);
        struct answer_call *call = answer_delta_call(all, piece->index);
        call->begins = true;
        buf_add_str(&call->name, buf_str(&piece->name));
        buf_add_str(&call->arguments, buf_str(&piece->arguments));
    }
}

/* The parts of a text that comes in pieces: up to `first`, then `size` bytes each. */
static void split(struct answer_form form, struct str text, size_t first, size_t size, bool cut,
                  struct buf *out)
{
    struct answer_parts parts;
    struct answer_delta all, delta;
    answer_parts_init(&parts, form, TEXT_MAX);
    answer_delta_init(&all, TEXT_MAX);
    answer_delta_init(&delta, TEXT_MAX);
    for (size_t at = 0; at < text.len;) {
        const size_t end = at == 0 ? first : at + size;
        answer_parts_push(&parts, str_slice(text, at, end), &delta);
        gather(&all, &delta);
        answer_delta_clear(&delta);
        at = end;
    }
    answer_parts_finish(&parts, cut, &delta);
    gather(&all, &delta);
    assert_false(answer_delta_failed(&all) || answer_delta_failed(&delta));
    assert_int_equal(parts.calls, all.call_count);
    show(&all, out);
    answer_delta_release(&all);
    answer_delta_release(&delta);
    answer_parts_release(&parts);
}

/* However the text is cut. */
static void check(struct answer_form form, const char *text, bool cut, const char *expected)
{
    const size_t len = strlen(text);
    struct buf found;
    buf_init(&found, TEXT_MAX);
    for (size_t first = 1; first <= len + 1; first++) {
        for (size_t size = 1; size <= len; size += size < 4 ? 1 : len) {
            buf_clear(&found);
            split(form, (struct str){text, len}, first, size, cut, &found);
            if (strcmp(found.len ? found.data : "", expected) != 0)
                fail_msg("%s\ngave     %s\ninstead of %s (stream %d, first %zu)", text,
                         found.len ? found.data : "", expected, form.stream, first);
        }
    }
    buf_release(&found);
}

static const struct answer_form plain, tools = {.calls = true},
                                       tools_stream = {.calls = true, .stream = true};

#define OPEN  "<tool_call>\n"
#define CLOSE "\n</tool_call>"
#define CALL  OPEN "{\"name\": \"f\", \"arguments\": {\"a\": [1, \"}\"]}}" CLOSE
#define F     "f({\"a\": [1, \"}\"]})"

static void text_is_content(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "hello", "",           "\n\nhello\n\n",     "a <b> </think> <think> c",
        CALL,    "<tool_call", "<think>x</think>y",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        char expected[256];
        snprintf(expected, sizeof expected, texts[i][0] ? "C[%s]" : "%s", texts[i]);
        check(plain, texts[i], false, expected);
    }
}

/* The same in streams and whole answers. */
static void calls_are_found(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
    } rows[] = {
        {CALL, "0 " F},
        {"\n" CALL "\n", "0 " F},
        {"Let me see.\n\n" CALL, "C[Let me see.]0 " F},
        {CALL "\n" CALL, "0 " F "1 " F},
        {CALL CALL, "0 " F "1 " F},
        {"a" CALL "\nb\n" CALL "\n", "C[ab]0 " F "1 " F},
        {"<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>", "0 f({})"},
        {OPEN "{\"arguments\": {\"a\": {}}, \"name\": \"f\"}" CLOSE, "0 f({\"a\": {}})"},
        {OPEN "{\"name\": \"f\"}" CLOSE, "0 f({})"},
        {OPEN "{\"name\": \"f\", \"arguments\": null}" CLOSE, "0 f({})"},
        {OPEN "{\"name\": \"f\", \"arguments\": \"{\\\"a\\\": 1}\"}" CLOSE, "0 f({\"a\": 1})"},
        {OPEN "{\"name\": \"f\", \"arguments\": \"\"}" CLOSE, "0 f({})"},
        {OPEN "{\"id\": 7, \"name\": \"f\\u00e9\\\"\", \"arguments\": {\"x\": -1.5e3}, \"y\": "
              "[{}]}" CLOSE,
         "0 f\xC3\xA9\"({\"x\": -1.5e3})"},
        {OPEN "{\"name\": \"f\", \"arguments\": {\"s\": \"</tool_call> <tool_call> \\\" { "
              "\\\\\"}}" CLOSE,
         "0 f({\"s\": \"</tool_call> <tool_call> \\\" { \\\\\"})"},
        {OPEN "{\"name\": \"\xE5\xA4\xA9\xE6\xB0\x94\", \"arguments\": {\"\xE5\x9F\x8E\": "
              "\"\xE4\xBA\xAC\"}}" CLOSE,
         "0 \xE5\xA4\xA9\xE6\xB0\x94({\"\xE5\x9F\x8E\": \"\xE4\xBA\xAC\"})"},
        /* The end of the answer, or the next call, stands for </tool_call>. */
        {OPEN "{\"name\": \"f\", \"arguments\": {}}", "0 f({})"},
        {OPEN "{\"name\": \"f\", \"arguments\": {}}\n</tool", "0 f({})"},
        {OPEN "{\"name\": \"f\", \"arguments\": {}}\n" CALL, "0 f({})1 " F},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        check(tools, rows[i].text, false, rows[i].expected);
        check(tools_stream, rows[i].text, false, rows[i].expected);
    }
}

/* What is no call stays what it was, to the last byte. */
static void what_is_no_call_is_content(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "<tool_call>",
        "a\n\n<tool_call",
        "a\n<tool_call>\n",
        "Write <tool_call> and </tool_call> around it.",
        OPEN "f(1)" CLOSE,
        OPEN "[]" CLOSE,
        OPEN "{}" CLOSE,
        OPEN "{\"name\": \"\"}" CLOSE,
        OPEN "{\"name\": 3, \"arguments\": []}" CLOSE,
        OPEN "{\"name\": \"\", \"arguments\": {\"s\": \"x\"}}" CLOSE,
        OPEN "{\"name\": \"f\", \"arguments\": []}" CLOSE,
        OPEN "{\"name\": \"f\", \"arguments\": 3}" CLOSE,
        OPEN "{\"name\": \"f\", \"arguments\": \"x\"}" CLOSE,
        OPEN "{\"name\": \"f\", \"name\": \"g\"}" CLOSE,
        OPEN "{\"name\": \"f\" \"arguments\": {}}" CLOSE,
        OPEN "{\"name\": \"f\", }" CLOSE,
        OPEN "{\"name\": \"f\"",
        OPEN "{\"name\": \"f\", \"argu",
        OPEN "{\"name\": \"f\"} what" CLOSE,
        OPEN "{\"name\": \"f\n\", \"arguments\": {}}" CLOSE,
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        char expected[256];
        snprintf(expected, sizeof expected, "C[%s]", texts[i]);
        check(tools, texts[i], false, expected);
        check(tools_stream, texts[i], false, expected);
    }
    /* One that is good may follow. */
    check(tools, OPEN "{\"name\"" CALL, false, "C[" OPEN "{\"name\"]0 " F);
    check(tools_stream, OPEN "{\"name\"" CALL, false, "C[" OPEN "{\"name\"]0 " F);
}

/* Arguments that turn out to be no JSON: a whole answer can still take the call back, a stream has
 * given it out, and gives out the rest too. */
static void broken_arguments(void **state)
{
    (void)state;
    static const struct {
        const char *text, *streamed;
    } rows[] = {
        {OPEN "{\"name\": \"f\", \"arguments\": {\"a\": 1]}}" CLOSE "x", "C[x]0 f({\"a\": 1]}}\n)"},
        {OPEN "{\"name\": \"f\", \"arguments\": {\"a\": \"\n\"}}" CLOSE, "0 f({\"a\": \"\n\"}}\n)"},
        {OPEN "{\"name\": \"f\", \"arguments\": {<} </tool", "0 f({<} </tool)"},
        {OPEN "{\"name\": \"f\", \"arguments\": {\"a\": }}" CLOSE, "0 f({\"a\": })"},
        {OPEN "{\"name\": \"f\", \"arguments\": {}} x" CLOSE, "C[ x" CLOSE "]0 f({})"},
        {OPEN "{\"name\": \"f\", \"arguments\": {}; x" CLOSE, "C[; x" CLOSE "]0 f({})"},
        {OPEN "{\"name\": \"f\", \"arguments\": {\"a\": 1", "0 f({\"a\": 1)"},
        {OPEN "{\"arguments\": {\"a\": 1.}, \"name\": \"f\"}" CLOSE, "0 f({\"a\": 1.})"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char expected[256];
        snprintf(expected, sizeof expected, "C[%s]", rows[i].text);
        check(tools, rows[i].text, false, expected);
        check(tools_stream, rows[i].text, false, rows[i].streamed);
    }
}

/* A call that max_tokens cut is a call as far as it came. */
static void cut_calls(void **state)
{
    (void)state;
    check(tools, "a\n" OPEN "{\"name\": \"f\", \"arguments\": {\"a\": \"b", true,
          "C[a]0 f({\"a\": \"b)");
    check(tools_stream, "a\n" OPEN "{\"name\": \"f\", \"arguments\": {\"a\": \"b", true,
          "C[a]0 f({\"a\": \"b)");
    check(tools, OPEN "{\"name\": \"f\", \"argu", true, "C[" OPEN "{\"name\": \"f\", \"argu]");
    check(tools, CALL "\n<tool", true, "C[<tool]0 " F);
}

static void one_call_is_enough(void **state)
{
    (void)state;
    for (int stream = 0; stream < 2; stream++) {
        const struct answer_form form = {.calls = true, .one_call = true, .stream = stream};
        check(form, "a" CALL "\nb" CALL, false, "C[a]0 " F);
        check(form, OPEN "{}" CLOSE CALL CALL, false, "C[" OPEN "{}" CLOSE "]0 " F);
    }
}

/* Beside a given form of the answer, whose strings may spell anything. */
static void calls_that_come_first(void **state)
{
    (void)state;
    for (int stream = 0; stream < 2; stream++) {
        const struct answer_form form = {.calls = true, .calls_come_first = true, .stream = stream};
        check(form, "{\"x\": \"" CALL "\"}", false, "C[{\"x\": \"" CALL "\"}]");
        check(form, CALL "\n" CALL, false, "0 " F "1 " F);
    }
}

static void reasoning_is_split_off(void **state)
{
    (void)state;
    static const struct {
        bool begun;
        const char *text, *expected;
    } rows[] = {
        {true, "I think.\n</think>\n\nHello.\n", "R[I think.]C[Hello.\n]"},
        {true, "\n\nI\n\nthink</think>Hello", "R[I\n\nthink]C[Hello]"},
        {true, "\n</think>\n\nHello", "C[Hello]"},
        {true, "</think>", ""},
        {true, "I think\n", "R[I think]"},
        {true, "I think </thin", "R[I think </thin]"},
        {true, "", ""},
        {true, "a<think>b</think>c</think>d", "R[a<think>b]C[c</think>d]"},
        {true, "a </ think> <</think>\nb", "R[a </ think> <]C[b]"},
        {false, "<think>\nI think\n</think>\n\nHello", "R[I think]C[Hello]"},
        {false, "\n<think>I", "R[I]"},
        {false, "Hello <think>", "C[Hello <think>]"},
        {false, "\nHello", "C[\nHello]"},
        {false, "<thin", "C[<thin]"},
        {false, "\n", "C[\n]"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct answer_form form = {.reasons = true, .reasoning_begun = rows[i].begun};
        check(form, rows[i].text, false, rows[i].expected);
    }
}

static void calls_after_reasoning(void **state)
{
    (void)state;
    struct answer_form form = {.reasons = true, .reasoning_begun = true, .calls = true};
    for (int stream = 0; stream < 2; stream++) {
        form.stream = stream;
        form.calls_end_reasoning = true;
        check(form, "Hm.\n</think>\n\nWell.\n" CALL, false, "R[Hm.]C[Well.]0 " F);
        check(form, "Hm.\n</think>\n\n" CALL "\n", false, "R[Hm.]0 " F);
        check(form, "Hm.\n" CALL "\n" CALL, false, "R[Hm.]0 " F "1 " F);
        check(form, "A <tool_call>", false, "R[A ]C[<tool_call>]");
        check(form, "Hm.\n\n<tool_ca", false, "R[Hm.\n\n<tool_ca]");
        form.calls_end_reasoning = false;
        check(form, "Hm. " CALL "\n</think>\n\n" CALL, false, "R[Hm. " CALL "]0 " F);
    }
}

/* Pieces of the arguments come as they are generated; of a marker nothing comes. */
static void streams_as_it_goes(void **state)
{
    (void)state;
    static const struct {
        const char *piece, *content, *name, *arguments;
    } rows[] = {
        {"One.\n\n", "One.", "", ""},    {"<tool", "", "", ""},
        {"_call>\n{\"na", "", "", ""},   {"me\": \"f\", \"argum", "", "", ""},
        {"ents\": ", "", "", ""},        {"{\"a", "", "f", "{\"a"},
        {"\": 1", "", "", "\": 1"},      {"}", "", "", "}"},
        {"}\n</tool_call>", "", "", ""},
    };
    struct answer_parts parts;
    struct answer_delta delta;
    answer_parts_init(&parts, tools_stream, TEXT_MAX);
    answer_delta_init(&delta, TEXT_MAX);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        answer_parts_push(&parts, str_from(rows[i].piece), &delta);
        assert_true(str_is(buf_str(&delta.content), rows[i].content));
        assert_int_equal(delta.call_count, rows[i].arguments[0] != '\0');
        if (delta.call_count) {
            assert_true(str_is(buf_str(&delta.calls[0].name), rows[i].name));
            assert_true(str_is(buf_str(&delta.calls[0].arguments), rows[i].arguments));
        }
        assert_int_equal(answer_delta_is_empty(&delta),
                         !rows[i].content[0] && !rows[i].arguments[0]);
        answer_delta_clear(&delta);
    }
    answer_parts_finish(&parts, false, &delta);
    assert_true(answer_delta_is_empty(&delta));
    answer_delta_release(&delta);
    answer_parts_release(&parts);
}

static void too_much_text_is_said(void **state)
{
    (void)state;
    struct answer_parts parts;
    struct answer_delta delta;
    answer_parts_init(&parts, tools, 64);
    answer_delta_init(&delta, TEXT_MAX);
    answer_parts_push(&parts, STR(OPEN "{\"name\": \"f\", \"arguments\": {\"a\": \""), &delta);
    assert_false(answer_delta_failed(&delta));
    answer_parts_push(&parts, STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), &delta);
    assert_true(answer_delta_failed(&delta));
    answer_delta_release(&delta);
    answer_parts_release(&parts);
}

static void deep_arguments(void **state)
{
    (void)state;
    char text[400] = OPEN "{\"name\": \"f\", \"arguments\": {\"a\": ", expected[400];
    const size_t begin = strlen(text);
    for (int levels = 58; levels <= 62; levels += 4) {
        char *at = text + begin;
        for (int i = 0; i < levels; i++)
            *at++ = '[';
        for (int i = 0; i < levels; i++)
            *at++ = ']';
        strcpy(at, "}}" CLOSE);
        if (levels == 58)
            snprintf(expected, sizeof expected, "0 f({\"a\": %.*s})", 2 * levels, text + begin);
        else
            snprintf(expected, sizeof expected, "C[%s]", text);
        check(tools, text, false, expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_content),
        cmocka_unit_test(calls_are_found),
        cmocka_unit_test(what_is_no_call_is_content),
        cmocka_unit_test(broken_arguments),
        cmocka_unit_test(cut_calls),
        cmocka_unit_test(one_call_is_enough),
        cmocka_unit_test(calls_that_come_first),
        cmocka_unit_test(reasoning_is_split_off),
        cmocka_unit_test(calls_after_reasoning),
        cmocka_unit_test(streams_as_it_goes),
        cmocka_unit_test(too_much_text_is_said),
        cmocka_unit_test(deep_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
