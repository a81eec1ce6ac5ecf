#include "model/tokenizer.h"

#include "base/utf8.h"
#include "model/golden_test.h"
#include "os/file.h"

static struct tokenizer *real;

static int load(void **state)
{
    (void)state;
    char path[512];
    struct reason why;
    golden_path(path, "tests/golden/tokenizer/tokenizer.json");
    if (tokenizer_load(path, &real, &why)) {
        fprintf(stderr, "%s\n", why.message[LANG_EN]);
        return -1;
    }
    return 0;
}

static int unload(void **state)
{
    (void)state;
    tokenizer_destroy(real);
    return 0;
}

static void check_encode(const struct json *row)
{
    const struct str text = json_get(row, "text")->text;
    struct token_list list = {0};
    assert_int_equal(tokenizer_encode(real, text, json_get(row, "specials")->truth, &list, NULL),
                     STATUS_OK);
    golden_check_ids(&list, json_get(row, "ids"), text);
    token_list_release(&list);
}

static void encodes_as_the_reference(void **state)
{
    (void)state;
    assert_int_equal(golden_each_line("tests/golden/tokenizer.jsonl", check_encode), 3759);
}

static void check_decode(const struct json *row)
{
    struct decode_stream stream;
    struct buf whole;
    buf_init(&whole, 1 << 20);
    decode_stream_init(&stream, json_get(row, "skip_special")->truth);
    const struct json *chunk = json_get(row, "chunks")->first;
    JSON_EACH(id, json_get(row, "ids")) {
        int64_t n;
        assert_true(json_int64(id, &n));
        const size_t before = whole.len;
        decode_stream_push(&stream, real, (int32_t)n, &whole);
        const struct str emitted = str_slice(buf_str(&whole), before, whole.len);
        if (!str_eq(emitted, chunk->text))
            fail_msg("after %lld: \"%.*s\", not \"%.*s\"", (long long)n, STR_ARG(emitted),
                     STR_ARG(chunk->text));
        chunk = chunk->next;
    }
    const size_t before = whole.len;
    decode_stream_finish(&stream, &whole);
    assert_true(str_eq(str_slice(buf_str(&whole), before, whole.len), json_get(row, "tail")->text));
    assert_true(str_eq(buf_str(&whole), json_get(row, "text")->text));
    buf_release(&whole);
}

static void streams_whole_characters(void **state)
{
    (void)state;
    assert_int_equal(golden_each_line("tests/golden/tokenizer_decode.jsonl", check_decode), 597);
}

/* Each would take minutes if any step were quadratic. */
static void hostile_text_is_linear(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "a",  " ",  "\xCC\x81", "\xCC\x81\xCC\xA3",         "\n ",
        "中", "ab", "'",        "\xE1\x84\x80\xE1\x85\xA1", "<|im_start|",
        "9"};
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        struct buf text;
        buf_init(&text, 2 << 20);
        while (text.len < 1 << 20)
            buf_puts(&text, pieces[i]);
        for (int special = 0; special < 2; special++) {
            struct token_list list = {0};
            assert_int_equal(tokenizer_encode(real, buf_str(&text), special, &list, NULL),
                             STATUS_OK);
            assert_true(list.count > 0);
            token_list_release(&list);
        }
        buf_release(&text);
    }
}

/* What the pieces of a stream together must be: one U+FFFD for each maximal ill-formed part. */
static void decode_whole(struct str bytes, struct buf *out)
{
    for (size_t i = 0; i < bytes.len;) {
        const struct utf8_step step = utf8_decode(bytes.ptr + i, bytes.len - i);
        if (step.code == UTF8_INVALID)
            buf_puts(out, "\xEF\xBF\xBD");
        else
            buf_add(out, bytes.ptr + i, step.len);
        i += step.len;
    }
}

/* Tokens that hold parts of characters are frequent among the random ids: those below 512. */
static void random_ids_never_give_half_a_character(void **state)
{
    (void)state;
    struct buf bytes, stream_text, whole;
    buf_init(&bytes, 1 << 20);
    buf_init(&stream_text, 4 << 20);
    buf_init(&whole, 4 << 20);
    uint32_t seed = 1;
    for (int round = 0; round < 2000; round++) {
        struct decode_stream stream;
        decode_stream_init(&stream, false);
        buf_clear(&bytes);
        buf_clear(&stream_text);
        buf_clear(&whole);
        for (int i = 0; i < 40; i++) {
            seed = seed * 1664525 + 1013904223;
            const uint32_t most = seed & 0x80 ? 512 : 160000;
            const int32_t id = (int32_t)((uint64_t)(seed >> 8) * most >> 24);
            buf_add_str(&bytes, tokenizer_bytes(real, id));
            decode_stream_push(&stream, real, id, &stream_text);
            assert_int_equal(utf8_valid_prefix(stream_text.data, stream_text.len), stream_text.len);
            assert_true(stream.held_len < 4);
        }
        decode_stream_finish(&stream, &stream_text);
        decode_whole(buf_str(&bytes), &whole);
        assert_true(str_eq(buf_str(&stream_text), buf_str(&whole)));
    }
    buf_release(&whole);
    buf_release(&stream_text);
    buf_release(&bytes);
}

static void refuses_text_that_is_not_utf8(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *place;
    } rows[] = {
        {"\xFF", "byte 0."},
        {"ab\x80", "byte 2."},
        {"\xC0\xAF", "byte 0."},             /* overlong */
        {"ok \xED\xA0\x80", "byte 3."},      /* a surrogate */
        {"\xF4\x90\x80\x80", "byte 0."},     /* above U+10FFFF */
        {"\xE4\xB8\xAD\xE4\xB8", "byte 3."}, /* cut */
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (int special = 0; special < 2; special++) {
            struct token_list list = {0};
            struct reason why;
            if (tokenizer_encode(real, str_from(rows[i].text), special, &list, &why) !=
                STATUS_INVALID)
                fail_msg("row %zu was accepted", i);
            assert_string_equal(why.code, "invalid_value");
            assert_non_null(strstr(why.message[LANG_EN], rows[i].place));
            assert_int_equal(list.count, 0);
            token_list_release(&list);
        }
    }
}

static void encodes_nothing_as_nothing(void **state)
{
    (void)state;
    struct token_list list = {0};
    assert_int_equal(tokenizer_encode(real, (struct str){NULL, 0}, true, &list, NULL), STATUS_OK);
    assert_int_equal(tokenizer_encode(real, STR(""), false, &list, NULL), STATUS_OK);
    assert_int_equal(list.count, 0);
    token_list_release(&list);
}

static void knows_added_tokens(void **state)
{
    (void)state;
    assert_int_equal(tokenizer_added_id(real, "<|im_start|>"), 151644);
    assert_int_equal(tokenizer_added_id(real, "<|nothing|>"), -1);
    assert_true(tokenizer_is_special(real, 151644));
    assert_false(tokenizer_is_special(real, 151667)); /* <think> stays visible */
    assert_int_equal(tokenizer_size(real), 151669);
    assert_int_equal(tokenizer_bytes(real, 151900).len, 0);
    assert_int_equal(tokenizer_bytes(real, -1).len, 0);
}

/* One edit of a good file each; the message must name the member. */
static const struct {
    const char *from, *to, *subject;
} broken[] = {
    {"\"NFC\"", "\"NFD\"", "normalizer"},
    {"\"normalizer\"", "\"normalised\"", "normalizer"},
    {"\\\\p{N}| ?", "\\\\p{N}{1,3}| ?", "pre_tokenizer"},
    {"\"pretokenizers\"", "\"pretokenisers\"", "pre_tokenizer"},
    {"\"BPE\"", "\"Unigram\"", "model.type"},
    {"\"vocab\"", "\"vocabulary\"", "model.vocab"},
    {"\"merges\"", "\"merge\"", "model.merges"},
    {"\"added_tokens\"", "\"added\"", "added_tokens"},
    {"\"!\": 0", "\"!\": -1", "model.vocab"},
    {"\"!\": 0", "\"!\": 99999999999", "model.vocab"},
    {"\"!\": 0", "\"!\": \"0\"", "model.vocab"},
    {"\"!\": 0", "\"!\": 1", "model.vocab"},
    {"\"!\": 0", "\"! \": 0", "model.vocab"},
    {"\"!\": 0", "\"!!!!!!!!\": 0", "model.vocab"},
    {"\"content\": \"<|im_start|>\"", "\"content\": \"\"", "added_tokens"},
    {"\"content\": \"<|im_start|>\"", "\"content\": \"<|im_end|>\"", "added_tokens"},
    {"\"id\": 1537", "\"id\": 1538", "added_tokens"},
    {"\"id\": 1537", "\"id\": 5", "added_tokens"},
    {"\"lstrip\": false", "\"lstrip\": true", "added_tokens"},
    {"\"rstrip\": false", "\"rstrip\": true", "added_tokens"},
    {"\"single_word\": false", "\"single_word\": true", "added_tokens"},
    {"\"normalized\": false", "\"normalized\": true", "added_tokens"},
    {"\"id\": 1537", "\"id\": 16777216", "added_tokens"},
    {"\"id\": 1537", "\"id\": -1", "added_tokens"},
    {"\"id\": 1537", "\"id\": \"1537\"", "added_tokens"},
    {"\"id\": 1537", "\"number\": 1537", "added_tokens"},
    {"\"content\": \"<|im_start|>\"", "\"content\": 5", "added_tokens"},
    {"\"!\": 0", "\"\": 0", "model.vocab"},
    {"\"!\": 0", "\"!\": 0.5", "model.vocab"},
    {"\"!\": 0", "\"!\": 0, \"\xE4\xB8\xAD\": 1599", "model.vocab"},
    {"{", "[", ""},
    {"{", "", ""},
};

static void write_edited(const struct buf *good, const char *from, const char *to, FILE *file)
{
    const char *at = strstr(good->data, from);
    if (!at)
        fail_msg("the good file does not hold %s", from);
    fwrite(good->data, 1, (size_t)(at - good->data), file);
    fputs(to, file);
    fputs(at + strlen(from), file);
    fflush(file);
}

/* Fails unless the edited file is refused for the member that the subject names. */
static void check_refused(const struct buf *good, const char *from, const char *to,
                          const char *subject)
{
    char temporary[] = "/tmp/qvl-tokenizer-XXXXXX";
    FILE *file = fdopen(mkstemp(temporary), "wb");
    assert_non_null(file);
    write_edited(good, from, to, file);
    struct tokenizer *t = NULL;
    struct reason why;
    const enum status status = tokenizer_load(temporary, &t, &why);
    fclose(file);
    remove(temporary);
    if (status != STATUS_INVALID)
        fail_msg("%s -> %s was accepted", from, to);
    assert_string_equal(why.code, "bad_tokenizer");
    if (!strstr(why.subject, subject))
        fail_msg("%s -> %s: subject %s", from, to, why.subject);
}

static void names_what_is_broken(void **state)
{
    (void)state;
    char path[512];
    struct buf good;
    golden_path(path, "models/demo/tokenizer.json");
    buf_init(&good, 1 << 20);
    assert_int_equal(file_read(path, &good, NULL), STATUS_OK);
    for (size_t i = 0; i < ARRAY_LEN(broken); i++)
        check_refused(&good, broken[i].from, broken[i].to, broken[i].subject);
    buf_release(&good);
}

/* Merges in both spellings, put in front of the good ones. */
static void merges_must_be_pairs(void **state)
{
    (void)state;
    static const char *const rows[] = {"\"ab\"",          "[\"a\"]",  "[\"a\", \"b\", \"c\"]",
                                       "[\"a\", 5]",      "7",        "null",
                                       "[\"a\", \"zq\"]", "\"a zq\"", "[\"q\", \"z\"]",
                                       "[\"\", \"a\"]",   "\"a \"",   "[\"\xE4\xB8\xAD\", \"a\"]"};
    char path[512];
    struct buf good;
    golden_path(path, "models/demo/tokenizer.json");
    buf_init(&good, 1 << 20);
    assert_int_equal(file_read(path, &good, NULL), STATUS_OK);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char edited[128];
        snprintf(edited, sizeof edited, "\"merges\": [%s,", rows[i]);
        check_refused(&good, "\"merges\": [", edited, "model.merges[0]");
    }
    buf_release(&good);
}

/* Every token of the file is spelled as the file spells it. */
static void spells_as_the_vocabulary(void **state)
{
    (void)state;
    char path[512];
    struct buf text, spelled;
    struct arena arena;
    struct json *root;
    golden_path(path, "tests/golden/tokenizer/tokenizer.json");
    buf_init(&text, 64 << 20);
    buf_init(&spelled, 1 << 16);
    arena_init(&arena, 1 << 30);
    assert_false(file_read(path, &text, NULL));
    assert_false(json_parse(text.data, text.len, (struct json_limits){0}, &arena, &root, NULL));
    size_t count = 0;
    JSON_EACH(token, json_get(json_get(root, "model"), "vocab")) {
        int64_t id;
        assert_true(json_int64(token, &id));
        buf_clear(&spelled);
        tokenizer_spell(real, (int32_t)id, &spelled);
        assert_true(str_eq(buf_str(&spelled), token->key));
        count++;
    }
    assert_true(count > 1000);
    buf_clear(&spelled);
    tokenizer_spell(real, tokenizer_added_id(real, "<|im_start|>"), &spelled);
    assert_string_equal(spelled.data, "<|im_start|>");
    buf_clear(&spelled);
    tokenizer_spell(real, INT32_MAX, &spelled);
    assert_int_equal(spelled.len, 0);
    buf_release(&text);
    buf_release(&spelled);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodes_as_the_reference),
        cmocka_unit_test(streams_whole_characters),
        cmocka_unit_test(hostile_text_is_linear),
        cmocka_unit_test(knows_added_tokens),
        cmocka_unit_test(names_what_is_broken),
        cmocka_unit_test(merges_must_be_pairs),
        cmocka_unit_test(random_ids_never_give_half_a_character),
        cmocka_unit_test(refuses_text_that_is_not_utf8),
        cmocka_unit_test(encodes_nothing_as_nothing),
        cmocka_unit_test(spells_as_the_vocabulary),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
