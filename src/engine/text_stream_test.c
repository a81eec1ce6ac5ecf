#include "engine/text_stream.h"

#include "base/test.h"
#include "base/utf8.h"
#include "os/file.h"

enum { TEXT_MAX = 1024 };

static struct tokenizer *tokenizer;

/* What a stream gave out. */
struct output {
    char text[TEXT_MAX];
    size_t len;
    bool stopped;
};

static void take(struct output *output, struct str text)
{
    assert_true(utf8_valid_prefix(text.ptr, text.len) == text.len);
    assert_true(output->len + text.len < TEXT_MAX);
    if (text.len > 0)
        memcpy(output->text + output->len, text.ptr, text.len);
    output->len += text.len;
    output->text[output->len] = '\0';
}

/* The bytes of `text` as one token each, so that every split point is met. */
static void push_bytes(struct text_stream *stream, const char *text, struct output *output)
{
    for (; *text && !stream->stopped; text++) {
        int32_t id = -1;
        for (int32_t i = 0; i < tokenizer_size(tokenizer) && id < 0; i++) {
            const struct str bytes = tokenizer_bytes(tokenizer, i);
            if (bytes.len == 1 && bytes.ptr[0] == *text)
                id = i;
        }
        assert_true(id >= 0);
        take(output, text_stream_push(stream, tokenizer, id, true));
    }
}

/* `text` in the tokenizer's own pieces. */
static void push_tokens(struct text_stream *stream, const char *text, struct output *output)
{
    struct token_list ids = {0};
    assert_false(tokenizer_encode(tokenizer, str_from(text), true, &ids, NULL));
    for (size_t i = 0; i < ids.count && !stream->stopped; i++)
        take(output, text_stream_push(stream, tokenizer, ids.ids[i], true));
    token_list_release(&ids);
}

typedef void push_fn(struct text_stream *stream, const char *text, struct output *output);

static void run(push_fn *push, const char *text, const char *const *stops, struct output *output)
{
    struct str list[STOP_STRINGS_MAX] = {0};
    size_t count = 0;
    for (; stops && stops[count]; count++)
        list[count] = str_from(stops[count]);
    struct text_stream stream;
    *output = (struct output){0};
    assert_false(text_stream_init(&stream, list, count, true, NULL));
    push(&stream, text, output);
    take(output, text_stream_finish(&stream));
    output->stopped = stream.stopped;
    text_stream_release(&stream);
}

/* The match goes with the text, and nothing behind it; what is complete first wins. */
static void a_match_may_be_included(void **state)
{
    (void)state;
    static const struct {
        const char *text, *stops[3], *expected;
        int32_t by;
    } rows[] = {
        {"one two three", {"", "two"}, "one two", 1},
        {"one two three", {"three", "ne"}, "one", 1},
        {"abcX", {"abcX", "ab"}, "ab", 1},
        {"abcX", {"abc", "ab"}, "ab", 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str list[3];
        size_t count = 0;
        for (; count < 3 && rows[i].stops[count]; count++)
            list[count] = str_from(rows[i].stops[count]);
        struct text_stream stream;
        struct output output = {0};
        assert_false(text_stream_init(&stream, list, count, true, NULL));
        stream.include_stop = true;
        push_bytes(&stream, rows[i].text, &output);
        take(&output, text_stream_finish(&stream));
        assert_true(stream.stopped);
        assert_int_equal(stream.stopped_by, rows[i].by);
        assert_string_equal(output.text, rows[i].expected);
        text_stream_release(&stream);
    }
}

static void stop_strings_end_the_text(void **state)
{
    (void)state;
    static const struct {
        const char *text, *stops[4], *expected;
        bool stopped;
    } rows[] = {
        {"one two three", {"two"}, "one ", true},
        {"one two three", {"three"}, "one two ", true},
        {"one two three", {"one"}, "", true},
        {"one two three", {"four"}, "one two three", false},
        {"one two thre", {"three"}, "one two thre", false},
        {"one two three", {""}, "one two three", false},
        {"one two three", {"two", "e t"}, "on", true},
        {"aab", {"ab"}, "a", true},
        {"aaaaab", {"aab"}, "aaa", true},
        {"abacabad", {"abad", "cab"}, "aba", true},
        {"say \n\nUser: hi", {"\n\nUser:", "\nUser:"}, "say ", true},
        {"红色的圆形。", {"圆形"}, "红色的", true},
        {"红色的圆圈。", {"圆形"}, "红色的圆圈。", false},
        {"smile 🙂 end", {"🙂"}, "smile ", true},
        {"abc", {"abcX", "b"}, "a", true}, /* the longer one never came */
        {"abcY", {"abcX", "b"}, "a", true},
        {"abcX", {"abcX", "b"}, "", true},
    };
    push_fn *const ways[] = {push_bytes, push_tokens};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (size_t way = 0; way < ARRAY_LEN(ways); way++) {
            struct output output;
            run(ways[way], rows[i].text, rows[i].stops, &output);
            assert_string_equal(output.text, rows[i].expected);
            assert_int_equal(output.stopped, rows[i].stopped);
        }
    }
}

/* Whatever was given out at any time is a beginning of the final text. */
static void nothing_is_given_out_too_early(void **state)
{
    (void)state;
    struct text_stream stream;
    struct output output = {0};
    const struct str stop = STR("END");
    assert_false(text_stream_init(&stream, &stop, 1, true, NULL));
    push_bytes(&stream, "text E", &output);
    assert_string_equal(output.text, "text ");
    push_bytes(&stream, "N", &output);
    assert_string_equal(output.text, "text ");
    push_bytes(&stream, "E", &output);
    assert_string_equal(output.text, "text EN");
    push_bytes(&stream, "ND", &output);
    assert_string_equal(output.text, "text EN");
    assert_true(stream.stopped);
    assert_int_equal(text_stream_finish(&stream).len, 0);
    text_stream_release(&stream);
}

static void characters_come_whole(void **state)
{
    (void)state;
    struct output output;
    run(push_bytes, "é 红 🙂", NULL, &output); /* `take` checks each piece */
    assert_string_equal(output.text, "é 红 🙂");
    struct text_stream stream;
    output = (struct output){0};
    assert_false(text_stream_init(&stream, NULL, 0, true, NULL));
    push_bytes(&stream, "a\xE7\xBA", &output); /* cut inside 红 */
    assert_string_equal(output.text, "a");
    take(&output, text_stream_finish(&stream));
    assert_true(str_starts(str_from(output.text), "a\xEF\xBF\xBD"));
    text_stream_release(&stream);
}

static void special_tokens_are_left_out_if_asked(void **state)
{
    (void)state;
    const int32_t end = tokenizer_added_id(tokenizer, "<|im_end|>");
    for (int skip = 0; skip < 2; skip++) {
        struct text_stream stream;
        assert_false(text_stream_init(&stream, NULL, 0, skip, NULL));
        const struct str text = text_stream_push(&stream, tokenizer, end, true);
        assert_true(str_is(text, skip ? "" : "<|im_end|>"));
        text_stream_release(&stream);
    }
}

/* Before min_tokens the stop strings do not count. */
static void stops_wait_until_they_may(void **state)
{
    (void)state;
    struct text_stream stream;
    const struct str stop = STR("a");
    struct token_list ids = {0};
    assert_false(tokenizer_encode(tokenizer, STR("a"), false, &ids, NULL));
    assert_int_equal(ids.count, 1);
    assert_false(text_stream_init(&stream, &stop, 1, true, NULL));
    assert_true(str_is(text_stream_push(&stream, tokenizer, ids.ids[0], false), "a"));
    assert_false(stream.stopped);
    assert_true(str_is(text_stream_push(&stream, tokenizer, ids.ids[0], true), ""));
    assert_true(stream.stopped);
    text_stream_release(&stream);
    token_list_release(&ids);
}

/* The first `least` bytes of "text" may not stop it: what ends within them is text, what ends
 * behind them stops it, also where it began before. */
static void stops_end_behind_the_least(void **state)
{
    (void)state;
    static const struct {
        const char *text, *stops[3];
        size_t least;
        const char *expected;
        bool stopped;
    } rows[] = {
        {"one two one", {"one"}, 3, "one two ", true},
        {"one two one", {"one"}, 2, "", true},
        {"one two", {"one"}, 3, "one two", false},
        {"one two", {"e t"}, 3, "on", true},
        {"abcY", {"abcX", "bc"}, 3, "abcY", false},
        {"abcX", {"abcX", "bc"}, 3, "", true},
        {"aaaa", {"aa"}, 3, "aa", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str stops[2];
        size_t count = 0;
        for (; rows[i].stops[count]; count++)
            stops[count] = str_from(rows[i].stops[count]);
        struct text_stream stream;
        struct output output = {0};
        assert_false(text_stream_init(&stream, stops, count, true, NULL));
        for (size_t at = 0; rows[i].text[at] && !stream.stopped; at++) {
            struct token_list ids = {0};
            const struct str byte = {rows[i].text + at, 1};
            assert_false(tokenizer_encode(tokenizer, byte, false, &ids, NULL));
            take(&output, text_stream_push(&stream, tokenizer, ids.ids[0], at >= rows[i].least));
            token_list_release(&ids);
        }
        take(&output, text_stream_finish(&stream));
        assert_string_equal(output.text, rows[i].expected);
        assert_int_equal(stream.stopped, rows[i].stopped);
        text_stream_release(&stream);
    }
}

static void too_many_stops_are_refused(void **state)
{
    (void)state;
    struct str stops[STOP_STRINGS_MAX + 1];
    for (size_t i = 0; i < ARRAY_LEN(stops); i++)
        stops[i] = STR("x");
    struct text_stream stream;
    struct reason why;
    assert_int_equal(text_stream_init(&stream, stops, ARRAY_LEN(stops), true, &why),
                     STATUS_INVALID);
    assert_string_equal(why.code, "invalid_value");
}

static int load(void **state)
{
    (void)state;
    char path[512];
    const char *root = getenv("QVL_SOURCE_ROOT");
    return path_join(path, sizeof path, root ? root : ".", "models/demo/tokenizer.json") &&
                   tokenizer_load(path, &tokenizer, NULL) == STATUS_OK
               ? 0
               : -1;
}

static int unload(void **state)
{
    (void)state;
    tokenizer_destroy(tokenizer);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stop_strings_end_the_text),
        cmocka_unit_test(a_match_may_be_included),
        cmocka_unit_test(nothing_is_given_out_too_early),
        cmocka_unit_test(characters_come_whole),
        cmocka_unit_test(special_tokens_are_left_out_if_asked),
        cmocka_unit_test(stops_wait_until_they_may),
        cmocka_unit_test(stops_end_behind_the_least),
        cmocka_unit_test(too_many_stops_are_refused),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
