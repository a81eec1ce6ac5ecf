#include "engine/bad_words.h"

#include "base/test.h"
#include "os/file.h"

#include <math.h>

static struct tokenizer *tokenizer;

enum { VOCABULARY = 200000 };

/* Whether the last token of `word` is forbidden behind the others of `text`. */
static bool is_forbidden(const struct bad_words *words, const char *text)
{
    struct token_list ids = {0};
    assert_false(tokenizer_encode(tokenizer, str_from(text), false, &ids, NULL));
    float *logits = calloc(VOCABULARY, sizeof *logits);
    assert_non_null(logits);
    bad_words_forbid(words, ids.ids, ids.count - 1, logits, VOCABULARY);
    const int32_t last = ids.ids[ids.count - 1];
    const bool forbidden = isinf(logits[last]);
    for (int32_t i = 0; i < VOCABULARY; i++)
        assert_true(logits[i] == 0 || (isinf(logits[i]) && words->lengths.count > 0));
    token_list_release(&ids);
    free(logits);
    return forbidden;
}

static void the_last_token_is_forbidden(void **state)
{
    (void)state;
    static const struct {
        const char *word, *text;
        bool forbidden;
    } rows[] = {
        {"cat", "cat", true},
        {"cat", "the cat", true},
        {"cat", "dog", false},
        {" cat", "cat", true},
        {"New York", "New York", true},
        {"New York", "I love New York", true},
        {"New York", "York", false},
        {"\xe4\xbd\xa0\xe5\xa5\xbd", "\xe4\xbd\xa0\xe5\xa5\xbd", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct str word = str_from(rows[i].word);
        struct bad_words words;
        assert_false(bad_words_make(tokenizer, &word, 1, &words, NULL));
        if (is_forbidden(&words, rows[i].text) != rows[i].forbidden)
            fail_msg("%s in %s", rows[i].word, rows[i].text);
        bad_words_release(&words);
    }
}

static void spaces_alone_are_no_word(void **state)
{
    (void)state;
    const struct str word = STR("  ");
    struct bad_words words;
    assert_false(bad_words_make(tokenizer, &word, 1, &words, NULL));
    assert_int_equal(words.lengths.count, 0);
    assert_false(is_forbidden(&words, "  "));
    bad_words_release(&words);
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
        cmocka_unit_test(the_last_token_is_forbidden),
        cmocka_unit_test(spaces_alone_are_no_word),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
