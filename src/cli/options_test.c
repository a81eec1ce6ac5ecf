#include "cli/options.h"

#include "base/str.h"
#include "base/test.h"

#include <unistd.h>

enum { WORDS_MAX = 16 };

/* What an imagined command can be told. */
struct values {
    const char *text;
    bool flag, loud;
    int64_t count;
    double ratio, wait;
    struct option_list files;
};

struct run {
    struct cli cli;
    struct values values;
    enum parse_result result;
    char storage[1024];
    char *argv[WORDS_MAX];
    int argc;
    char errors[1024]; /* what was printed to stderr */
};

static void parse(struct run *r, const struct usage *usage)
{
    char path[] = "/tmp/qvl-options-XXXXXX";
    const int file = mkstemp(path), kept = dup(STDERR_FILENO);
    assert_true(file >= 0 && kept >= 0);
    remove(path);
    dup2(file, STDERR_FILENO);
    r->result = options_parse(&r->cli, usage, &r->argc, r->argv);
    fflush(stderr);
    dup2(kept, STDERR_FILENO);
    const ssize_t n = pread(file, r->errors, sizeof r->errors - 1, 0);
    r->errors[n > 0 ? n : 0] = '\0';
    close(kept);
    close(file);
}

/* `line`: the words, separated by single spaces; "\"\"" is an empty word. */
static void split(struct run *r, const char *line)
{
    snprintf(r->storage, sizeof r->storage, "command %s", line);
    char *rest = r->storage, *word;
    while ((word = strsep(&rest, " ")) && r->argc + 1 < WORDS_MAX) {
        if (strcmp(word, "\"\"") == 0)
            word[0] = '\0';
        else if (!word[0])
            continue;
        r->argv[r->argc++] = word;
    }
}

static void run(struct run *r, enum lang lang, const char *line)
{
    *r = (struct run){.cli = {.lang = lang}, .values = {.count = -1, .ratio = -1, .wait = -1}};
    split(r, line);
    const struct option options[] = {
        {"text", 't', OPTION_TEXT, &r->values.text, "TEXT", {"a text", "文本"}},
        {"flag", 'f', OPTION_FLAG, &r->values.flag, NULL, {"a flag", "开关"}},
        {"loud", 'v', OPTION_FLAG, &r->values.loud, NULL, {"own -v", "自己的 -v"}},
        {"count", 'n', OPTION_INTEGER, &r->values.count, "N", {"a count", "数量"}},
        {"ratio", '\0', OPTION_NUMBER, &r->values.ratio, "X", {"a ratio", "比例"}},
        {"wait", '\0', OPTION_DURATION, &r->values.wait, "TIME", {"a time", "时间"}},
        {"image", 'i', OPTION_LIST, &r->values.files, "FILE", {"a picture", "图片"}},
        {0},
    };
    const struct usage usage = {.synopsis = "qvl imagined [OPTIONS] WORD",
                                .about = {"Imagined.", "虚构。"},
                                .options = options,
                                .min_arguments = 0,
                                .max_arguments = 2};
    parse(r, &usage);
}

static void ok(struct run *r, const char *line)
{
    run(r, LANG_EN, line);
    if (r->result != PARSE_OK)
        fail_msg("%s: %s", line, r->errors);
    assert_string_equal(r->errors, "");
}

/* Refused, with a sentence that holds `words`. */
static void wrong(const char *line, const char *words)
{
    struct run r;
    run(&r, LANG_EN, line);
    assert_int_equal(r.result, PARSE_WRONG);
    if (!strstr(r.errors, words))
        fail_msg("%s: %s", line, r.errors);
    assert_memory_equal(r.errors, "qvl: ", 5);
    assert_ptr_equal(strchr(r.errors, '\n'), r.errors + strlen(r.errors) - 1);
    option_list_release(&r.values.files);
    run(&r, LANG_ZH, line);
    assert_int_equal(r.result, PARSE_WRONG);
    assert_true(strstr(r.errors, "。") || strstr(r.errors, "？") || strstr(r.errors, "："));
    option_list_release(&r.values.files);
}

static void test_kinds(void **state)
{
    (void)state;
    struct run r;
    ok(&r, "--text a --flag --count 3 --ratio 0.5 --wait 500ms");
    assert_string_equal(r.values.text, "a");
    assert_true(r.values.flag);
    assert_int_equal(r.values.count, 3);
    assert_true(r.values.ratio == 0.5 && r.values.wait == 0.5);
    assert_int_equal(r.argc, 0);
    ok(&r, "--text=a=b --count=-3 --wait=2m");
    assert_string_equal(r.values.text, "a=b");
    assert_int_equal(r.values.count, -3);
    assert_true(r.values.wait == 120);
    ok(&r, "--text= --text \"\"");
    assert_string_equal(r.values.text, "");
    ok(&r, "");
    assert_null(r.values.text);
    assert_int_equal(r.values.count, -1);
}

static void test_letters(void **state)
{
    (void)state;
    struct run r;
    ok(&r, "-fv -t x -n3");
    assert_true(r.values.flag && r.values.loud);
    assert_string_equal(r.values.text, "x");
    assert_int_equal(r.values.count, 3);
    assert_int_equal(r.cli.verbosity, 0); /* -v is the command's here */
    ok(&r, "-fqtx");
    assert_true(r.values.flag);
    assert_int_equal(r.cli.verbosity, -1);
    assert_string_equal(r.values.text, "x");
}

static void test_flags_can_be_taken_back(void **state)
{
    (void)state;
    struct run r;
    ok(&r, "--flag --no-flag");
    assert_false(r.values.flag);
    ok(&r, "--no-flag --flag");
    assert_true(r.values.flag);
    wrong("--no-text", "--no-text");
    wrong("--no-", "--no-");
}

static void test_lists(void **state)
{
    (void)state;
    struct run r;
    ok(&r, "-i a --image b --image=c -id");
    assert_int_equal(r.values.files.count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(r.values.files.items[i][0], "abcd"[i]);
    option_list_release(&r.values.files);
    assert_int_equal(r.values.files.count, 0);
    option_list_release(&r.values.files);
}

static void test_arguments(void **state)
{
    (void)state;
    struct run r;
    ok(&r, "one --flag two");
    assert_int_equal(r.argc, 2);
    assert_string_equal(r.argv[0], "one");
    assert_string_equal(r.argv[1], "two");
    ok(&r, "- -5"); /* standard input, and a number */
    assert_int_equal(r.argc, 2);
    ok(&r, "--flag -- --text -f");
    assert_int_equal(r.argc, 2);
    assert_string_equal(r.argv[0], "--text");
    assert_string_equal(r.argv[1], "-f");
    assert_null(r.values.text);
    ok(&r, "--text -- --text --flag"); /* a value may look like anything */
    assert_string_equal(r.values.text, "--flag");
    ok(&r, "\"\"");
    assert_int_equal(r.argc, 1);
    wrong("one two three", "too much");
}

static void test_too_few(void **state)
{
    (void)state;
    struct run r = {.cli = {.lang = LANG_EN}};
    split(&r, "");
    parse(&r, &(struct usage){.synopsis = "qvl x WORD", .min_arguments = 1, .max_arguments = -1});
    assert_int_equal(r.result, PARSE_WRONG);
    assert_non_null(strstr(r.errors, "qvl x WORD"));
}

static void test_mistakes(void **state)
{
    (void)state;
    wrong("--txet a", "--text?");
    wrong("--texts=a", "--text?");
    wrong("--verbos", "--verbose?");
    wrong("--langg en", "--lang?");
    wrong("--xyzzy", "--xyzzy");
    wrong("--Flag", "--flag?");
    wrong("-x", "-x");
    wrong("-fx", "-fx");
    wrong("--text", "needs a value");
    wrong("-f -t", "needs a value");
    wrong("--count three", "a whole number");
    wrong("--count=", "a whole number");
    wrong("--ratio x", "a number");
    wrong("--wait 3d", "duration");
    wrong("--flag=yes", "takes no value");
    wrong("--=x", "--=x");
}

static void test_globals(void **state)
{
    (void)state;
    struct run r;
    ok(&r, "--lang zh --color never --config f.yaml --verbose");
    assert_int_equal(r.cli.lang, LANG_ZH);
    assert_int_equal(r.cli.color, COLOR_NEVER);
    assert_string_equal(r.cli.config, "f.yaml");
    assert_int_equal(r.cli.verbosity, 1);
    static const char *const colors[] = {"auto", "always", "never"};
    for (size_t i = 0; i < ARRAY_LEN(colors); i++) {
        char line[32];
        snprintf(line, sizeof line, "--color=%s", colors[i]);
        ok(&r, line);
        assert_int_equal(r.cli.color, i);
    }
    wrong("--color blue", "blue");
    run(&r, LANG_EN, "--lang fr");
    assert_int_equal(r.result, PARSE_WRONG);
}

static void test_in_front_of_the_command(void **state)
{
    (void)state;
    struct run r = {.cli = {.lang = LANG_EN}};
    split(&r, "-q --lang=zh chat -f --lang en");
    const int before = r.argc;
    bool help, version;
    assert_int_equal(options_parse_global(&r.cli, &r.argc, r.argv, &help, &version), PARSE_OK);
    assert_int_equal(r.argc, before - 2);
    assert_string_equal(r.argv[1], "chat");
    assert_string_equal(r.argv[2], "-f");
    assert_null(r.argv[r.argc]);
    assert_int_equal(r.cli.lang, LANG_ZH);
    assert_int_equal(r.cli.verbosity, -1);
    assert_false(help || version);

    struct run v = {.cli = {.lang = LANG_EN}};
    split(&v, "--version --help");
    assert_int_equal(options_parse_global(&v.cli, &v.argc, v.argv, &help, &version), PARSE_OK);
    assert_true(help && version);
    assert_int_equal(v.argc, 1);
}

static void test_help(void **state)
{
    (void)state;
    char text[4096];
    const char *picture = NULL;
    const struct option options[] = {
        {"picture", 'p', OPTION_TEXT, &picture, "FILE", {"what to look at", "要看的图片"}}, {0}};
    const struct usage usage = {.synopsis = "qvl look",
                                .about = {"Looks.", "看。"},
                                .examples = "  qvl look -p x.png\n",
                                .options = options};
    static const char *const wanted[LANG_COUNT][4] = {
        [LANG_EN] = {"Usage: qvl look", "-p, --picture FILE", "what to look at", "Examples:"},
        [LANG_ZH] = {"用法： qvl look", "-p, --picture FILE", "要看的图片", "示例："}};
    for (enum lang lang = 0; lang < LANG_COUNT; lang++) {
        memset(text, 0, sizeof text);
        FILE *out = fmemopen(text, sizeof text - 1, "w");
        assert_non_null(out);
        options_print_help(&(struct cli){.lang = lang}, &usage, out);
        fclose(out);
        for (size_t i = 0; i < 4; i++)
            if (!strstr(text, wanted[lang][i]))
                fail_msg("no \"%s\" in\n%s", wanted[lang][i], text);
        assert_non_null(strstr(text, "--quiet"));
        assert_null(strstr(text, "--version"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_letters),
        cmocka_unit_test(test_flags_can_be_taken_back),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_too_few),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_globals),
        cmocka_unit_test(test_in_front_of_the_command),
        cmocka_unit_test(test_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
