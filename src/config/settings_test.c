/* The program's own table: sources and their order, the checks, help, dump, reference. */
#include "base/test.h"
#include "base/utf8.h"
#include "config/describe.h"
#include "config/settings.h"
#include "config/value.h"
#include "os/file.h"

#include <math.h>
#include <unistd.h>

static char file_name[] = "/tmp/qvl-settings-XXXXXX";

static const char *write_file(const char *text)
{
    FILE *f = fopen(file_name, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    return file_name;
}

/* Loads from file text (NULL: none), one variable (NULL: none) and a line of flags. */
static enum status load(const char *yaml, const char *variable, const char *flags,
                        struct settings **out, struct reason *why)
{
    char line[512], *argv[32], *environment[] = {(char *)(uintptr_t)variable, NULL};
    int argc = 1;
    snprintf(line, sizeof line, "%s", flags);
    argv[0] = (char[]){"qvl"};
    for (char *word = strtok(line, " "); word; word = strtok(NULL, " "))
        argv[argc++] = word;
    argv[argc] = NULL;
    struct settings_flags given;
    enum status status = settings_flags_parse(&settings_table, &argc, argv, NULL, &given, why);
    const struct settings_sources sources = {yaml ? write_file(yaml) : NULL, &given, environment};
    if (!status)
        status = settings_load(&sources, out, why);
    settings_flags_release(&given);
    return status;
}

static struct settings *load_well(const char *yaml, const char *variable, const char *flags)
{
    struct settings *settings;
    struct reason why;
    if (load(yaml, variable, flags, &settings, &why))
        fail_msg("%s %s %s: %s", yaml ? yaml : "", variable ? variable : "", flags,
                 why.message[LANG_EN]);
    return settings;
}

static void every_row_is_whole(void **state)
{
    (void)state;
    struct settings *settings = load_well(NULL, NULL, "");
    for (size_t i = 0; i < settings_table.count; i++) {
        const struct setting *row = &settings_table.rows[i];
        const void *field = (const char *)settings + row->offset;
        struct buf text;
        buf_init(&text, 4096);
        for (int lang = 0; lang < LANG_COUNT; lang++)
            assert_true(strlen(row->help[lang]) > 10);
        assert_true(row->type < SETTING_INTEGER || row->type > SETTING_PERCENT ||
                    row->min < row->max);
        assert_ptr_equal(setting_find(&settings_table, str_from(row->path)), row);
        value_write(row, field, &text);
        assert_false(text.failed);
        assert_true(row->fallback == NULL || text.len > 0);
        buf_release(&text);
    }
    settings_release(settings);
}

static void no_two_rows_share_a_flag_or_a_section_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < settings_table.count; i++) {
        const struct setting *row = &settings_table.rows[i];
        char flag[SETTING_NAME_MAX];
        struct setting_flag found;
        setting_flag_name(row, flag);
        const bool has_flag = row->type != SETTING_RECORDS;
        assert_int_equal(settings_flag_find(&settings_table, str_from(flag), &found), has_flag);
        if (has_flag)
            assert_ptr_equal(found.row, row);
        if (row->alias) {
            assert_true(settings_flag_find(&settings_table, str_from(row->alias), &found));
            assert_ptr_equal(found.row, row);
        }
        assert_false(setting_is_section(&settings_table, str_from(row->path)));
    }
}

static void defaults_are_the_contract(void **state)
{
    (void)state;
    struct settings *s = load_well(NULL, NULL, "");
    assert_int_equal(s->server.listen.count, 1);
    assert_string_equal(s->server.listen.items[0].host, "127.0.0.1");
    assert_int_equal(s->server.listen.items[0].port, 8000);
    assert_int_equal(s->server.max_body_bytes, 64 << 20);
    assert_int_equal(s->server.header_timeout_ms, 10000);
    assert_int_equal(s->server.body_min_rate, 1024);
    assert_int_equal(s->server.idle_timeout_ms, 75000);
    assert_int_equal(s->server.request_timeout_ms, 600000);
    assert_int_equal(s->server.drain_timeout_ms, 30000);
    assert_string_equal(s->model.path, "");
    assert_string_equal(s->model.name, "qwen3-vl-demo");
    assert_int_equal(s->model.aliases.count, 2);
    assert_string_equal(s->model.aliases.items[0], "qwen-vl-8b");
    assert_int_equal(s->model.quantize, QUANTIZE_SETTING_AUTO);
    assert_int_equal(s->model.threads, 0);
    assert_int_equal(s->model.context, 32768);
    assert_true(isnan(s->model.yarn_factor));
    assert_int_equal(s->model.max_sequences, 16);
    assert_int_equal(s->model.kv_cache_bytes, INT64_C(2) << 30);
    assert_int_equal(s->model.kv_type, KV_SETTING_F16);
    assert_int_equal(s->model.prefill_chunk, 512);
    assert_int_equal(s->model.image.min_pixels, -1);
    assert_int_equal(s->model.image.max_bytes, 20 << 20);
    assert_int_equal(s->model.image.decode_pixels, 100000000);
    assert_int_equal(s->model.image.cache_bytes, 256 << 20);
    assert_string_equal(s->model.image.file_root, "");
    assert_int_equal(s->model.video.max_frames, -1);
    assert_true(isnan(s->model.video.fps));
    assert_int_equal(s->model.video.max_bytes, 512 << 20);
    assert_true(isnan(s->model.defaults.temperature) && isnan(s->model.defaults.top_p));
    assert_int_equal(s->model.defaults.top_k, -1);
    assert_int_equal(s->access.require_key, TRISTATE_UNSET);
    assert_string_equal(s->log.access, "stderr");
    assert_int_equal(s->log.format, ACCESS_LOG_JSON);
    assert_int_equal(s->log.level, LOG_INFO);
    settings_release(s);
}

static void flag_beats_variable_beats_file(void **state)
{
    (void)state;
    static const char yaml[] = "model:\n  context: 100\n";
    static const struct {
        const char *yaml, *variable, *flags;
        int64_t context;
        const char *place;
    } cases[] = {
        {NULL, NULL, "", 32768, ""},
        {yaml, NULL, "", 100, "2"},
        {yaml, "QVL_MODEL_CONTEXT=200", "", 200, "QVL_MODEL_CONTEXT"},
        {yaml, "QVL_MODEL_CONTEXT=", "", 100, "2"},
        {yaml, "QVL_MODEL_CONTEXT=200", "--context 300", 300, "--context"},
        {yaml, "QVL_MODEL_CONTEXT=200", "--context 300 --model.context 400", 400,
         "--model.context"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct settings *s = load_well(cases[i].yaml, cases[i].variable, cases[i].flags);
        char place[256];
        assert_int_equal(s->model.context, cases[i].context);
        origin_place(snapshot_origin(s->snapshot, "model.context"), place);
        assert_true(str_ends(str_from(place), cases[i].place));
        settings_release(s);
    }
}

static void lists_and_listeners_by_flag(void **state)
{
    (void)state;
    static const struct {
        const char *flags, *listen;
    } cases[] = {
        {"--port 9000", "127.0.0.1:9000"},
        {"--host ::1", "[::1]:8000"},
        {"--host [::1] --port 1", "[::1]:1"},
        {"--port 1 --host localhost", "localhost:1"},
        {"--host 127.0.0.1 --server.listen unix:/a", "127.0.0.1:8000"},
        {"--listen unix:/a --listen unix:/b,127.0.0.1:1", "unix:/a unix:/b 127.0.0.1:1"},
        {"--port 0 --server.listen 127.0.0.2:1,[::1]:2", "127.0.0.2:0 [::1]:2"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct settings *s = load_well("server: {listen: [127.0.0.1:8000]}", NULL, cases[i].flags);
        struct buf text;
        buf_init(&text, 4096);
        for (size_t k = 0; k < s->server.listen.count; k++)
            buf_printf(&text, "%s%s", k ? " " : "", s->server.listen.items[k].text);
        if (!str_is(buf_str(&text), cases[i].listen))
            fail_msg("%s: %.*s", cases[i].flags, STR_ARG(buf_str(&text)));
        buf_release(&text);
        settings_release(s);
    }
}

static void a_model_is_named_by_its_folder(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"--model /srv/Qwen3-VL-2B/", "Qwen3-VL-2B"},
        {"--model a/b", "b"},
        {"--model b --name c", "c"},
        {"--model .", "qwen3-vl-demo"},
        {"--model /", "qwen3-vl-demo"},
        {"--model /models/Qwen3VL-8B-Q4_K_M.gguf", "Qwen3VL-8B-Q4_K_M"},
        {"--name x", "x"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct settings *s = load_well(NULL, NULL, cases[i][0]);
        assert_string_equal(s->model.name, cases[i][1]);
        settings_release(s);
    }
}

static const struct {
    const char *yaml, *variable, *flags, *subject, *message;
} refused[] = {
    {NULL, NULL, "--host 0.0.0.0", "--host", "Others can reach 0.0.0.0:8000"},
    {NULL, NULL, "--host ::", "--host", "Others can reach [::]:8000"},
    {NULL, NULL, "--host example.org", "--host", "Others can reach example.org"},
    {NULL, NULL, "--listen 127.0.0.1:1,10.0.0.1:1", "--listen", "Others can reach 10.0.0.1:1"},
    {NULL, "QVL_SERVER_LISTEN=0.0.0.0:1", "", "QVL_SERVER_LISTEN", "in so many words"},
    {"server:\n  listen: [0.0.0.0:1]\n", NULL, "", ":2", "in so many words"},
    {NULL, NULL, "--access.require-key", "--access.require-key", "keeps no API keys"},
    {"access:\n  require_key: true\n", NULL, "", ":2", "keeps no API keys"},
    {"server: {listen: []}", NULL, "", ":1", "names no address"},
    {"server: {listen: []}", NULL, "--port 1", "--port", "needs an address"},
    {NULL, NULL, "--listen unix:/a --port 1", "--port", "has no port"},
    {NULL, NULL, "--port http", "--port", "is not a port"},
    {NULL, NULL, "--port 65536", "--port", "is not a port"},
    {NULL, NULL, "--host 127.0.0.1:80", "--host", "is not a host"},
    {NULL, NULL, "--host [127.0.0.1]", "--host", "is not a host"},
    {NULL, NULL, "--model.context 5", "--model.context", "from 16 to 1048576"},
    {NULL, NULL, "--log.level loud", "--log.level", "debug, info, warning or error"},
    {NULL, "QVL_SERVER_MAX_BODY=big", "", "QVL_SERVER_MAX_BODY", "a size such as"},
    {NULL, "QVL_MODEL_ALIASES=a,,b", "", "QVL_MODEL_ALIASES", "empty item"},
    {NULL, "QVL_MODEL_ALIASES=a,", "", "QVL_MODEL_ALIASES", "empty item"},
    {NULL, "QVL_MODEL_NAME=\xFF", "", "QVL_MODEL_NAME", "UTF-8"},
    {"model: {image: {min_pixels: 9, max_pixels: 8}}", NULL, "", ":1", "is more than"},
    {"model: {image: {file_root: /nowhere}}", NULL, "", ":1", "is not a directory"},
    {NULL, NULL, "--model.video.max-frames 1", "--model.video.max-frames", "from 2 to 4096"},
    {"model:\n  image:\n    allow_addresses: [10.0.0.1/8]\n", NULL, "", ":3:23",
     "bits behind the prefix"},
    {NULL, NULL, "--model.image.allow-addresses 10.0.0.0/8,localhost",
     "--model.image.allow-addresses", "model.image.allow_addresses: \"localhost\" is neither"},
    {NULL, "QVL_ACCESS_TRUSTED_PROXIES=10.0.0.0/99", "", "QVL_ACCESS_TRUSTED_PROXIES", "neither"},
    {"server: {max_bdy: 1}", NULL, "", ":1:10", "server.max_bdy"},
};

static void checks_settings_together(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct settings *settings;
        struct reason why;
        const enum status status =
            load(refused[i].yaml, refused[i].variable, refused[i].flags, &settings, &why);
        if (!status)
            fail_msg("accepted: %s", refused[i].message);
        if (!str_ends(str_from(why.subject), refused[i].subject) ||
            !strstr(why.message[LANG_EN], refused[i].message))
            fail_msg("%s: %s: %s", refused[i].message, why.subject, why.message[LANG_EN]);
        assert_true(why.message[LANG_ZH][0] != '\0');
    }
}

static void serving_anybody_must_be_said(void **state)
{
    (void)state;
    static const char *const accepted[] = {
        "--host 0.0.0.0 --no-access.require-key",
        "--host :: --access.require-key false",
        "--host 127.9.9.9",
        "--host ::ffff:127.0.0.1",
        "--listen unix:/run/qvl.sock",
        "--no-access.require-key",
    };
    for (size_t i = 0; i < ARRAY_LEN(accepted); i++)
        settings_release(load_well(NULL, NULL, accepted[i]));
}

static void warns_about_unknown_variables(void **state)
{
    (void)state;
    static const struct {
        const char *variable, *warning;
    } cases[] = {
        {"QVL_MODEL_CONTEX=1", "QVL_MODEL_CONTEX is no setting and is not used. Did you mean "
                               "QVL_MODEL_CONTEXT?"},
        {"QVL_XYZZY=1", "QVL_XYZZY is no setting and is not used."},
        {"QVL_LANG=zh", NULL},
        {"QVL_CPU=c", NULL},
        {"QVL_MODEL_CONTEXT=", NULL},
        {"PATH=/bin", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct settings *s = load_well(NULL, cases[i].variable, "");
        assert_int_equal(s->snapshot->warnings.count, cases[i].warning != NULL);
        if (cases[i].warning)
            assert_non_null(strstr(s->snapshot->warnings.items[0].text[LANG_EN], cases[i].warning));
        settings_release(s);
    }
}

static void files_that_cannot_be_read(void **state)
{
    (void)state;
    struct settings *settings;
    struct reason why;
    const struct settings_sources missing = {.file = "/nowhere/qvl.yaml"};
    assert_int_equal(settings_load(&missing, &settings, &why), STATUS_IO);
    assert_string_equal(why.code, "missing_file");
    const struct settings_sources folder = {.file = "/tmp"};
    assert_int_equal(settings_load(&folder, &settings, &why), STATUS_IO);
    assert_string_equal(why.code, "unreadable");
    char *large = malloc((1 << 20) + 2);
    memset(large, '#', (1 << 20) + 1);
    large[(1 << 20) + 1] = '\0';
    assert_int_equal(load(large, NULL, "", &settings, &why), STATUS_LIMIT);
    assert_string_equal(why.code, "too_large");
    free(large);
}

/* What is dumped loads back as the same. */
static void the_dump_loads_back(void **state)
{
    (void)state;
    struct settings *s =
        load_well("model: {name: \"a \\\"b\\\" ${HOME}\", defaults: {temperature: 0.7, top_k: 20}}",
                  "HOME=$x", "--port 81 --model.aliases=--x --log.format combined");
    struct buf first, second;
    buf_init(&first, 1 << 16);
    buf_init(&second, 1 << 16);
    snapshot_write(s->snapshot, LANG_EN, &first);
    assert_non_null(
        strstr(first.data, "\n  max_body: 64MiB                           # default\n"));
    assert_non_null(strstr(first.data, "server:\n  listen: [127.0.0.1:81]"));
    assert_non_null(strstr(first.data, "# --port\n"));
    assert_non_null(strstr(first.data, ":1\n"));
    assert_non_null(strstr(first.data, "\n  defaults:\n    temperature: 0.7 "));
    struct settings *again = load_well(first.data, NULL, "");
    snapshot_write(again->snapshot, LANG_ZH, &second);
    for (size_t i = 0; i < settings_table.count; i++) {
        const struct setting *row = &settings_table.rows[i];
        struct buf a, b;
        buf_init(&a, 4096);
        buf_init(&b, 4096);
        value_write(row, (const char *)s + row->offset, &a);
        value_write(row, (const char *)again + row->offset, &b);
        if (!str_eq(buf_str(&a), buf_str(&b)))
            fail_msg("%s: %.*s, %.*s", row->path, STR_ARG(buf_str(&a)), STR_ARG(buf_str(&b)));
        buf_release(&a);
        buf_release(&b);
    }
    settings_release(s);
    settings_release(again);
    buf_release(&first);
    buf_release(&second);
}

static void secrets_come_from_files(void **state)
{
    (void)state;
    static const struct setting row = {.path = "token", .type = SETTING_SECRET};
    static const struct {
        const char *content, *secret;
    } cases[] = {{"abc", "abc"}, {"abc\n", "abc"}, {"a b\r\n", "a b"}, {"a\n\n", "a\n"},
                 {"", NULL},     {"\n", NULL},     {"\xFF", NULL}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena arena;
        arena_init(&arena, 1 << 16);
        const struct value_context context = {&arena, "/tmp/"};
        char reference[64];
        const char *field = NULL;
        snprintf(reference, sizeof reference, "file:%s", write_file(cases[i].content) + 5);
        const enum status status =
            value_parse(&row, "token", str_from(reference), &context, &field, NULL);
        assert_int_equal(status, cases[i].secret ? STATUS_OK : STATUS_INVALID);
        if (cases[i].secret)
            assert_string_equal(field, cases[i].secret);
        arena_release(&arena);
    }
}

static void help_names_every_flag(void **state)
{
    (void)state;
    for (int lang = 0; lang < LANG_COUNT; lang++) {
        char *text;
        size_t len;
        FILE *out = open_memstream(&text, &len);
        settings_help_print(&settings_table, out, (enum lang)lang);
        fclose(out);
        for (size_t i = 0; i < settings_table.count; i++) {
            char flag[SETTING_NAME_MAX];
            setting_flag_name(&settings_table.rows[i], flag);
            if (settings_table.rows[i].type != SETTING_RECORDS)
                assert_non_null(strstr(text, flag));
        }
        for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
            if (utf8_columns(line, strlen(line)) > 80)
                fail_msg("too wide: %s", line);
        free(text);
    }
}

/* A file that the program writes from the table. */
struct written {
    const char *name;
    enum lang lang;
    void (*write)(const struct setting_table *table, struct buf *out, enum lang lang);
};

static void check_written(const struct written *file, const char *root)
{
    char path[4096];
    struct buf now, there;
    buf_init(&now, 1 << 20);
    buf_init(&there, 1 << 20);
    assert_true(path_join(path, sizeof path, root, file->name));
    file->write(&settings_table, &now, file->lang);
    if (getenv("QVL_UPDATE_DOCS")) {
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        assert_int_equal(fwrite(now.data, 1, now.len, f), now.len);
        fclose(f);
    }
    assert_int_equal(file_read(path, &there, NULL), STATUS_OK);
    if (!str_eq(buf_str(&now), buf_str(&there)))
        fail_msg("%s is not what the table says; QVL_UPDATE_DOCS=1 writes it anew", path);
    buf_release(&now);
    buf_release(&there);
}

static void the_reference_is_up_to_date(void **state)
{
    (void)state;
    static const struct written files[] = {
        {"docs/settings.md", LANG_EN, settings_reference_write},
        {"docs/settings.zh.md", LANG_ZH, settings_reference_write},
        {"etc/qvl.yaml", LANG_EN, settings_example_write},
        {"etc/qvl.zh.yaml", LANG_ZH, settings_example_write},
        {"docs/man/qvl.yaml.5", LANG_EN, settings_manual_write},
        {"docs/man/qvl.yaml.zh.5", LANG_ZH, settings_manual_write},
    };
    const char *root = getenv("QVL_SOURCE_ROOT");
    assert_non_null(root);
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        check_written(&files[i], root);
}

/* Every line of the example that sets a default, uncommented, loads and changes nothing. */
static void the_example_holds_the_defaults(void **state)
{
    (void)state;
    struct buf example, text;
    buf_init(&example, 1 << 20);
    buf_init(&text, 1 << 20);
    settings_example_write(&settings_table, &example, LANG_EN);
    struct settings *empty = load_well(example.data, NULL, "");
    for (size_t i = 0; i < example.len; i++) {
        if (strncmp(example.data + i, "#: ", 3) == 0)
            i += 2;
        else
            buf_putc(&text, example.data[i]);
    }
    struct settings *full = load_well(text.data, NULL, "");
    assert_int_equal(snapshot_next_change(empty->snapshot, full->snapshot, 0),
                     settings_table.count);
    assert_int_equal(snapshot_origin(full->snapshot, "server.max_body")->kind, ORIGIN_FILE);
    settings_release(empty);
    settings_release(full);
    buf_release(&example);
    buf_release(&text);
}

static int make_file(void **state)
{
    (void)state;
    const int fd = mkstemp(file_name);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(file_name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_whole),
        cmocka_unit_test(no_two_rows_share_a_flag_or_a_section_apart),
        cmocka_unit_test(defaults_are_the_contract),
        cmocka_unit_test(flag_beats_variable_beats_file),
        cmocka_unit_test(lists_and_listeners_by_flag),
        cmocka_unit_test(a_model_is_named_by_its_folder),
        cmocka_unit_test(checks_settings_together),
        cmocka_unit_test(serving_anybody_must_be_said),
        cmocka_unit_test(the_example_holds_the_defaults),
        cmocka_unit_test(warns_about_unknown_variables),
        cmocka_unit_test(files_that_cannot_be_read),
        cmocka_unit_test(the_dump_loads_back),
        cmocka_unit_test(secrets_come_from_files),
        cmocka_unit_test(help_names_every_flag),
        cmocka_unit_test(the_reference_is_up_to_date),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
