#include "cli/model.h"

#include "base/arena.h"
#include "base/test.h"
#include "os/file.h"
#include "json/json.h"

#include <unistd.h>

/* Runs `qvl model …` with its standard output in `out`; returns the exit code. */
static int run(enum lang lang, struct buf *out, int argc, const char *const *words)
{
    char path[] = "/tmp/qvl-model-XXXXXX";
    const int file = mkstemp(path), kept = dup(STDOUT_FILENO);
    assert_true(file >= 0 && kept >= 0);
    fflush(stdout);
    dup2(file, STDOUT_FILENO);
    char *argv[8] = {0};
    for (int i = 0; i < argc; i++)
        argv[i] = strdup(words[i]);
    char *const owned[8] = {argv[0], argv[1], argv[2], argv[3], argv[4], argv[5], argv[6], argv[7]};
    struct cli cli = {.lang = lang, .color = COLOR_NEVER};
    const int code = command_model.run(&cli, argc, argv);
    fflush(stdout);
    dup2(kept, STDOUT_FILENO);
    for (size_t i = 0; i < 8; i++)
        free(owned[i]);
    close(kept);
    close(file);
    assert_int_equal(file_read(path, out, NULL), STATUS_OK);
    remove(path);
    return code;
}

static void model_path(char out[512], const char *name)
{
    snprintf(out, 512, "%s/%s", getenv("QVL_SOURCE_ROOT"), name);
}

static const struct json *parse(struct buf *text, struct arena *arena)
{
    struct json *root;
    if (json_parse(text->data, text->len, (struct json_limits){0}, arena, &root, NULL))
        fail_msg("not JSON: %s", text->data);
    return root;
}

static int64_t integer(const struct json *object, const char *key)
{
    int64_t n = -1;
    if (!json_int64(json_get(object, key), &n))
        fail_msg("no number %s", key);
    return n;
}

struct fixture {
    struct buf out;
    struct arena arena;
    char path[512];
};

static int set_up(void **state)
{
    static struct fixture f;
    buf_init(&f.out, 1 << 20);
    arena_init(&f.arena, 1 << 20);
    model_path(f.path, "models/demo");
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    buf_release(&f->out);
    arena_release(&f->arena);
    return 0;
}

static void check_says_loaded(void **state)
{
    struct fixture *f = *state;
    const char *words[] = {"model", "check", f->path, "--json"};
    assert_int_equal(run(LANG_EN, &f->out, 3, words), EXIT_OK);
    assert_non_null(strstr(f->out.data, "model loaded: demo, 6.64 M parameters in 167 tensors"));
    assert_int_equal(run(LANG_ZH, &f->out, 3, words), EXIT_OK);
    assert_non_null(strstr(f->out.data, "模型加载成功"));
    assert_int_equal(run(LANG_EN, &f->out, 4, words), EXIT_OK);
    const struct json *root = parse(&f->out, &f->arena);
    assert_true(json_get(root, "ok")->truth);
    assert_true(str_is(json_get(root, "model")->text, "demo"));
    assert_int_equal(integer(root, "layers"), 6);
    assert_int_equal(integer(root, "parameters"), 6641184);
    assert_int_equal(integer(root, "tensors"), 167);
    assert_int_equal(integer(root, "bytes"), 13282368);
    double ms;
    assert_true(json_double(json_get(root, "load_ms"), &ms) && ms > 0);
    assert_true(json_double(json_get(root, "first_token_ms"), &ms) && ms > 0);
}

static void info_adds_up(void **state)
{
    struct fixture *f = *state;
    model_path(f->path, "tests/golden/models/tiny-a");
    const char *words[] = {"model", "--json", "info", f->path};
    assert_int_equal(run(LANG_EN, &f->out, 4, words), EXIT_OK);
    const struct json *root = parse(&f->out, &f->arena);
    const struct json *parts = json_get(root, "parameters");
    assert_int_equal(integer(parts, "embedding"), 1600 * 256);
    assert_int_equal(integer(parts, "head"), 1600 * 256);
    assert_int_equal(integer(parts, "total"), 6310320);
    assert_int_equal(integer(parts, "embedding") + integer(parts, "language") +
                         integer(parts, "head") + integer(parts, "vision") +
                         integer(parts, "mergers"),
                     6310320);
    /* Per layer: two projections of 256 × 256, two of 128 × 256, three of 512 × 256, four norms;
     * and the last norm. */
    assert_int_equal(integer(parts, "language"),
                     4 * (2 * 256 * 256 + 2 * 128 * 256 + 3 * 512 * 256 + 2 * 256 + 2 * 128) + 256);
    assert_int_equal(json_get(root, "files")->count, 3);
    assert_int_equal(integer(json_get(root, "dtypes"), "BF16"), integer(root, "bytes"));
    assert_true(str_is(json_get(root, "chat_template")->text, "instruct"));
    /* K and V of 4 layers, 1 head of 128, F32. */
    assert_int_equal(integer(root, "kv_bytes_per_token"), 2 * 4 * 128 * 2);
}

static void info_is_a_table(void **state)
{
    struct fixture *f = *state;
    const char *words[] = {"model", "info", f->path};
    assert_int_equal(run(LANG_EN, &f->out, 3, words), EXIT_OK);
    assert_non_null(strstr(f->out.data, "\nheads, kv heads       6, 2\n"));
    assert_non_null(strstr(f->out.data, "\ndeepstack blocks      1, 3, 4\n"));
    assert_int_equal(run(LANG_ZH, &f->out, 3, words), EXIT_OK);
    assert_non_null(strstr(f->out.data, "\n词表大小              1600\n"));
}

static void gguf_has_types_by_count_and_bytes(void **state)
{
    struct fixture *f = *state;
    char mmproj[512];
    model_path(f->path, "tests/golden/models/tiny-c/gguf/tiny-c-Q4_K.gguf");
    model_path(mmproj, "tests/golden/models/tiny-c/gguf/mmproj-F16.gguf");
    const char *words[] = {"model", "info", f->path, "--mmproj", mmproj, "--json"};
    assert_int_equal(run(LANG_EN, &f->out, 5, words), EXIT_OK);
    assert_non_null(strstr(f->out.data, "model                 tiny-c-Q4_K\n"));
    assert_non_null(strstr(f->out.data, "\n  Q4_K                22 tensors, 894 kB\n"));
    assert_int_equal(run(LANG_EN, &f->out, 6, words), EXIT_OK);
    const struct json *root = parse(&f->out, &f->arena);
    /* The embedding; in each of 3 layers k and v of 128 rows, five matrices of 256; 144 bytes a row
     * of 256 columns. */
    assert_int_equal(integer(json_get(root, "dtypes"), "Q4_K"),
                     (1600 + 3 * (2 * 128 + 5 * 256)) * 144);
    assert_int_equal(integer(json_get(root, "dtype_tensors"), "Q4_K"), 1 + 3 * 7);
    assert_int_equal(integer(json_get(root, "parameters"), "total"), 1824000);
    assert_int_equal(json_get(root, "files")->count, 2);
    assert_int_equal(run(LANG_EN, &f->out, 3, words), EXIT_FAULT); /* two vision parts */
    assert_non_null(strstr(f->out.data, "missing_mmproj: "));
    words[1] = "check";
    assert_int_equal(run(LANG_EN, &f->out, 5, words), EXIT_OK);
    assert_non_null(strstr(f->out.data, "model loaded: tiny-c-Q4_K, 1.82 M parameters"));
}

static void a_fault_has_its_code(void **state)
{
    struct fixture *f = *state;
    model_path(f->path, "tests/golden/models/images"); /* holds no checkpoint */
    static const char *const actions[] = {"check", "info"};
    for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
        const char *words[] = {"model", actions[i], f->path, "--json"};
        assert_int_equal(run(LANG_EN, &f->out, 3, words), EXIT_FAULT);
        assert_true(str_starts(buf_str(&f->out), "missing_file: "));
        assert_int_equal(run(LANG_ZH, &f->out, 4, words), EXIT_FAULT);
        const struct json *root = parse(&f->out, &f->arena);
        assert_false(json_get(root, "ok")->truth);
        assert_true(str_is(json_get(root, "code")->text, "missing_file"));
        assert_true(str_ends(json_get(root, "subject")->text, "images/config.json"));
        assert_true(str_ends(json_get(root, "message")->text, "。"));
    }
}

static void wrong_usage_exits_2(void **state)
{
    struct fixture *f = *state;
    const char *nowhere[] = {"model", "check", "/nowhere", "--json"};
    const char *chek[] = {"model", "chek", f->path};
    assert_int_equal(run(LANG_EN, &f->out, 4, nowhere), EXIT_USAGE);
    assert_true(str_is(json_get(parse(&f->out, &f->arena), "code")->text, "missing_file"));
    assert_int_equal(run(LANG_EN, &f->out, 3, nowhere), EXIT_USAGE);
    assert_int_equal(f->out.len, 0);
    assert_int_equal(run(LANG_EN, &f->out, 3, chek), EXIT_USAGE);
    assert_int_equal(run(LANG_EN, &f->out, 1, chek), EXIT_USAGE);
}

static void numbers_have_three_digits(void **state)
{
    (void)state;
    static const struct {
        uint64_t n;
        const char *text;
    } rows[] = {
        {0, "0 B"},          {999, "999 B"},        {1000, "1.00 kB"},          {9994, "9.99 kB"},
        {9995, "10.0 kB"},   {99949, "99.9 kB"},    {99950, "100 kB"},          {999499, "999 kB"},
        {999500, "1.00 MB"}, {12345678, "12.3 MB"}, {UINT64_MAX, "18446744 TB"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[32];
        model_format_bytes(rows[i].n, text);
        assert_string_equal(text, rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(check_says_loaded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(info_adds_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(info_is_a_table, set_up, tear_down),
        cmocka_unit_test_setup_teardown(gguf_has_types_by_count_and_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_fault_has_its_code, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wrong_usage_exits_2, set_up, tear_down),
        cmocka_unit_test(numbers_have_three_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
