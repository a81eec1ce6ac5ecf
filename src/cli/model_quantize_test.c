#include "base/test.h"
#include "cli/model.h"
#include "engine/decoder.h"
#include "engine/prompt.h"
#include "os/file.h"
#include "json/json.h"

#include <math.h>
#include <sys/resource.h>
#include <unistd.h>

static struct fixture {
    struct buf out;
    struct arena arena;
    char source[512], dir[64], text[128], vision[128];
} f;

/* Runs `qvl model quantize SOURCE TEXT …` or another action, with its standard output in f.out. */
static int run(enum lang lang, const char *const *words)
{
    char path[] = "/tmp/qvl-quantize-out-XXXXXX";
    const int file = mkstemp(path), kept = dup(STDOUT_FILENO);
    assert_true(file >= 0 && kept >= 0);
    fflush(stdout);
    dup2(file, STDOUT_FILENO);
    char *argv[12] = {0}, *owned[12] = {0};
    int argc = 0;
    for (; words[argc]; argc++)
        argv[argc] = owned[argc] = strdup(words[argc]);
    struct cli cli = {.lang = lang, .color = COLOR_NEVER, .verbosity = -1};
    const int code = command_model.run(&cli, argc, argv);
    fflush(stdout);
    dup2(kept, STDOUT_FILENO);
    for (int i = 0; i < argc; i++)
        free(owned[i]);
    close(kept);
    close(file);
    assert_int_equal(file_read(path, &f.out, NULL), STATUS_OK);
    remove(path);
    return code;
}

#define RUN(lang, ...) run(lang, (const char *const[]){"model", __VA_ARGS__, NULL})

static const struct json *parse(void)
{
    struct json *root;
    if (json_parse(f.out.data, f.out.len, (struct json_limits){0}, &f.arena, &root, NULL))
        fail_msg("not JSON: %s", f.out.data);
    return root;
}

static void every_type_generates_a_token(void **state)
{
    (void)state;
    static const char *const types[] = {"f32",  "f16",  "bf16", "q8_0", "q4_0", "q4_1",
                                        "q5_0", "q5_1", "q4_k", "q5_k", "Q6_K"};
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        assert_int_equal(
            RUN(LANG_EN, "quantize", f.source, f.text, "--type", types[i], "--threads", "2"),
            EXIT_OK);
        assert_int_equal(RUN(LANG_EN, "check", f.text), EXIT_OK);
        assert_non_null(strstr(f.out.data, "model loaded: tiny, 1.82 M parameters"));
    }
}

enum { VOCAB = 1600, TOKENS_MAX = 64 };

/* The logits after one text. */
static void logits_of_model(const struct model *model, float out[VOCAB])
{
    struct compute *compute;
    struct kv_cache *cache;
    struct decoder *decoder;
    struct prompt_input prompt;
    struct decoder_row rows[TOKENS_MAX];
    uint32_t list[TOKENS_MAX / KV_PAGE_TOKENS];
    struct kv_pages pages = {.list = list, .cap = ARRAY_LEN(list)};
    const struct compute_limits limits = {.max_rows = TOKENS_MAX, .max_cols = 4096};
    const struct decoder_limits batch = {.rows = TOKENS_MAX, .logits_rows = 1};
    assert_false(compute_create(2, limits, &compute, NULL));
    compute_set_exact(compute, model->exact);
    const struct text_config *config = &model->config.text;
    assert_false(kv_cache_create(config, KV_F32, ARRAY_LEN(list), &cache, NULL));
    assert_false(decoder_create(model, compute, cache, batch, &decoder, NULL));
    assert_false(prompt_build_text(model, STR("Hello, 你好 world"), false, &prompt, NULL));
    const int32_t n = (int32_t)prompt.tokens.count;
    assert_true(n > 0 && n <= TOKENS_MAX && kv_pages_grow(cache, &pages, (uint32_t)n));
    for (int32_t i = 0; i < n; i++)
        rows[i] = (struct decoder_row){.token = prompt.tokens.ids[i],
                                       .position = {i, i, i},
                                       .pages = &pages,
                                       .index = (uint32_t)i,
                                       .wants_logits = i + 1 == n};
    memcpy(out, decoder_forward(decoder, rows, (size_t)n), VOCAB * sizeof *out);
    kv_pages_release(cache, &pages);
    prompt_input_release(&prompt);
    decoder_destroy(decoder);
    kv_cache_destroy(cache);
    compute_destroy(compute);
}

static void logits_of(const char *path, const struct model_options *options, float out[VOCAB])
{
    struct model *model;
    assert_false(model_load(path, options, &model, NULL));
    logits_of_model(model, out);
    model_destroy(model);
}

static double cosine(const float *a, const float *b)
{
    double ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < VOCAB; i++) {
        ab += (double)a[i] * (double)b[i];
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
    }
    return ab / sqrt(aa * bb);
}

static double apart_from(const float *wanted, const char *path, const char *mmproj)
{
    const struct model_options exact = {.mmproj = mmproj, .exact = true};
    float got[VOCAB];
    logits_of(path, &exact, got);
    return 1 - cosine(wanted, got);
}

/* Formats that keep the weights keep the logits. The others move them about as far as the files of
 * the reference, whose scales are those of ggml's plain quantisers. */
static void logits_stay_near(void **state)
{
    (void)state;
    static const char *const types[] = {"f32", "f16", "bf16", "Q8_0", "Q5_0", "Q6_K"};
    float wanted[VOCAB];
    char reference[640], mmproj[640];
    logits_of(f.source, &(struct model_options){.exact = true}, wanted);
    snprintf(mmproj, sizeof mmproj, "%s/gguf/mmproj-F16.gguf", f.source);
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        assert_int_equal(RUN(LANG_EN, "quantize", f.source, f.text, "--type", types[i]), EXIT_OK);
        const double apart = apart_from(wanted, f.text, NULL);
        snprintf(reference, sizeof reference, "%s/gguf/tiny-c-%s.gguf", f.source, types[i]);
        const double bound = types[i][0] == 'Q' ? apart_from(wanted, reference, mmproj) : 1e-9;
        if (!(apart <= 1.1 * bound))
            fail_msg("%s: 1 - cosine is %g", types[i], apart);
    }
}

/* A source quantised when it is loaded is the file that was quantised from it, bit for bit: with
 * rows as they are, and in tiles. */
static void loading_can_quantize(void **state)
{
    (void)state;
    static const char *const sources[] = {"tiny-c", "tiny-c/gguf/tiny-c-F16.gguf", "tiny-fp8",
                                          "tiny-c/gguf/tiny-c-Q8_0.gguf", "tiny-a"};
    static const enum dtype types[] = {DTYPE_Q8_0, DTYPE_Q4_0, DTYPE_Q4_K, DTYPE_Q6_K, DTYPE_F16};
    char mmproj[640];
    snprintf(mmproj, sizeof mmproj, "%s/gguf/mmproj-F16.gguf", f.source);
    for (size_t i = 0; i < ARRAY_LEN(sources) * ARRAY_LEN(types) * 2; i++) {
        char source[640];
        const char *name = sources[i / (ARRAY_LEN(types) * 2)];
        const enum dtype *type = &types[i / 2 % ARRAY_LEN(types)];
        const bool is_file = strstr(name, ".gguf"), exact = i % 2;
        if (strstr(name, "Q8_0") && *type == DTYPE_F16)
            continue; /* refused */
        snprintf(source, sizeof source, "%s/../%s", f.source, name);
        const struct model_options from = {
            .mmproj = is_file ? mmproj : NULL, .quantize = type, .exact = exact};
        assert_int_equal(RUN(LANG_EN, "quantize", source, f.text, "--type", dtype_info(*type)->name,
                             "--mmproj", from.mmproj ? mmproj : ""),
                         EXIT_OK);
        float wanted[VOCAB], got[VOCAB];
        logits_of(f.text, &(struct model_options){.exact = exact}, wanted);
        logits_of(source, &from, got);
        if (memcmp(wanted, got, sizeof got) != 0)
            fail_msg("%s to %s: other logits", name, dtype_info(*type)->name);
    }
}

/* A model that is still being packed answers as one that is packed, and may be destroyed. */
static void packing_goes_on_behind(void **state)
{
    (void)state;
    char source[640], mmproj[640];
    snprintf(source, sizeof source, "%s/gguf/tiny-c-Q4_K.gguf", f.source);
    snprintf(mmproj, sizeof mmproj, "%s/gguf/mmproj-F16.gguf", f.source);
    const struct model_options options = {.mmproj = mmproj};
    float first[VOCAB], settled[VOCAB];
    for (int i = 0; i < 10; i++) {
        struct model *model, *other;
        assert_false(model_load(source, &options, &model, NULL));
        logits_of_model(model, first);
        model_settle(model);
        logits_of_model(model, settled);
        assert_memory_equal(first, settled, sizeof first);
        model_destroy(model);
        assert_false(model_load(source, &options, &other, NULL));
        model_destroy(other);
    }
}

/* What is told while a checkpoint is loaded. */
struct telling {
    uint64_t last;
    size_t times;
};

static void on_progress(void *arg, uint64_t done, uint64_t total)
{
    struct telling *t = arg;
    assert_true(done >= t->last && done <= total);
    t->last = done;
    t->times++;
}

static void loading_tells_sizes(void **state)
{
    (void)state;
    static const enum dtype type = DTYPE_Q6_K;
    struct telling telling = {0};
    const struct model_options options = {
        .quantize = &type, .progress = on_progress, .arg = &telling};
    struct model *model, *kept;
    assert_int_equal(model_load(f.source, &options, &model, NULL), STATUS_OK);
    assert_int_equal(telling.last, checkpoint_bytes(model->checkpoint));
    assert_string_equal(model->quantized, "Q6_K");
    assert_int_equal(model_load(f.source, NULL, &kept, NULL), STATUS_OK);
    assert_null(kept->quantized);
    assert_int_equal(model_bytes(kept), checkpoint_bytes(kept->checkpoint));
    assert_true(model_bytes(model) < model_bytes(kept));
    const uint64_t fit_bytes = model_bytes(model);
    model_destroy(model);
    model_destroy(kept);
    const struct model_options fitting = {.fit_bytes = fit_bytes}; /* Q8_0 is larger */
    assert_int_equal(model_load(f.source, &fitting, &model, NULL), STATUS_OK);
    assert_non_null(model->quantized);
    assert_string_equal(model->quantized, "Q6_K");
    model_destroy(model);
    const struct model_options roomy = {.fit_bytes = UINT64_MAX};
    assert_int_equal(model_load(f.source, &roomy, &model, NULL), STATUS_OK);
    assert_null(model->quantized);
    model_destroy(model);
}

static void quantizing_to_more_bits_is_refused(void **state)
{
    (void)state;
    static const enum dtype type = DTYPE_Q8_0;
    char source[640], mmproj[640];
    struct model *model;
    struct reason why;
    snprintf(source, sizeof source, "%s/gguf/tiny-c-Q4_0.gguf", f.source);
    snprintf(mmproj, sizeof mmproj, "%s/gguf/mmproj-F16.gguf", f.source);
    const struct model_options options = {.mmproj = mmproj, .quantize = &type};
    assert_int_equal(model_load(source, &options, &model, &why), STATUS_INVALID);
    assert_string_equal(why.code, "invalid_value");
    assert_non_null(strstr(why.message[LANG_EN], "The weights are Q4_0 already"));
    assert_int_equal(RUN(LANG_EN, "check", source, "--mmproj", mmproj, "--quantize", "q8_0"),
                     EXIT_USAGE);
    assert_int_equal(RUN(LANG_EN, "check", source, "--mmproj", mmproj, "--quantize", "q9"),
                     EXIT_USAGE);
    assert_int_equal(RUN(LANG_EN, "check", f.source, "--quantize", "q8_0", "--exact", "--json"),
                     EXIT_OK);
    int64_t bytes;
    assert_true(json_int64(json_get(parse(), "bytes"), &bytes));
    assert_int_equal(RUN(LANG_EN, "check", f.source, "--json"), EXIT_OK);
    int64_t kept;
    assert_true(json_int64(json_get(parse(), "bytes"), &kept) && kept > bytes);
}

static void json_has_every_tensor(void **state)
{
    (void)state;
    assert_int_equal(RUN(LANG_EN, "quantize", f.source, f.text, "--type", "q4_k", "--json"),
                     EXIT_OK);
    const struct json *root = parse();
    assert_true(json_get(root, "ok")->truth);
    assert_true(str_is(json_get(root, "type")->text, "Q4_K"));
    const struct json *file = json_get(root, "files")->first;
    assert_true(str_is(json_get(file, "path")->text, f.text));
    assert_true(str_is(json_get(file->next, "path")->text, f.vision));
    assert_int_equal(json_get(file, "tensors")->count, 2 + 3 * 11);
    int64_t tensors, bytes;
    const struct json *q6 = json_get(json_get(file, "types"), "Q6_K");
    assert_true(json_int64(json_get(q6, "tensors"), &tensors) && tensors == 3);
    assert_true(json_int64(json_get(q6, "bytes"), &bytes) && bytes == (1600 + 128 + 256) * 210);
    double error;
    const struct json *q4 = json_get(json_get(file, "types"), "Q4_K");
    assert_true(json_double(json_get(q4, "error_mean"), &error) && error > 0.05 && error < 0.08);
    assert_true(json_get(q4, "worst")->text.len > 0);
}

static void the_table_is_in_both_languages(void **state)
{
    (void)state;
    assert_int_equal(RUN(LANG_EN, "quantize", f.source, f.text, "--type", "q5_0"), EXIT_OK);
    assert_non_null(strstr(f.out.data, "  Q5_0          22"));
    assert_non_null(strstr(f.out.data, "total: "));
    assert_int_equal(RUN(LANG_ZH, "quantize", f.source, f.text, "--type", "q5_0"), EXIT_OK);
    assert_non_null(strstr(f.out.data, "合计："));
}

static void the_vision_part_can_be_named(void **state)
{
    (void)state;
    char other[128];
    snprintf(other, sizeof other, "%s/eyes.gguf", f.dir);
    remove(f.vision);
    assert_int_equal(
        RUN(LANG_EN, "quantize", f.source, f.text, "--type", "q8_0", "--mmproj-out", other),
        EXIT_OK);
    assert_false(file_exists(f.vision));
    assert_int_equal(RUN(LANG_EN, "check", f.text, "--mmproj", other), EXIT_OK);
    remove(other);
}

static void faults_have_their_codes(void **state)
{
    (void)state;
    struct rlimit before;
    remove(f.text);
    getrlimit(RLIMIT_FSIZE, &before);
    const struct rlimit small = {250000, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
    const int code = RUN(LANG_ZH, "quantize", f.source, f.text, "--type", "q8_0", "--json");
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(code, EXIT_FAULT);
    const struct json *root = parse();
    assert_true(str_is(json_get(root, "code")->text, "unwritable"));
    assert_true(str_ends(json_get(root, "message")->text, "。"));
    assert_false(file_exists(f.text));
    assert_int_equal(RUN(LANG_EN, "quantize", "/nowhere", f.text, "--type", "q8_0"), EXIT_USAGE);
}

static void wrong_usage_exits_2(void **state)
{
    (void)state;
    assert_int_equal(RUN(LANG_EN, "quantize", f.source, f.text), EXIT_USAGE);
    assert_int_equal(RUN(LANG_EN, "quantize", f.source, f.text, "--type", "q3_k"), EXIT_USAGE);
    assert_int_equal(RUN(LANG_EN, "quantize", f.source, f.text, "--type", "iq4_nl"), EXIT_USAGE);
    assert_int_equal(RUN(LANG_EN, "quantize", f.source, "--type", "q8_0"), EXIT_USAGE);
    assert_int_equal(RUN(LANG_EN, "quantize", f.source, f.dir, "--type", "q8_0"), EXIT_USAGE);
    assert_int_equal(RUN(LANG_EN, "check", f.source, f.text), EXIT_USAGE);
}

static int set_up(void **state)
{
    (void)state;
    buf_init(&f.out, 1 << 20);
    arena_init(&f.arena, 16 << 20);
    snprintf(f.source, sizeof f.source, "%s/tests/golden/models/tiny-c", getenv("QVL_SOURCE_ROOT"));
    strcpy(f.dir, "/tmp/qvl-quantize-XXXXXX");
    if (!mkdtemp(f.dir))
        return -1;
    snprintf(f.text, sizeof f.text, "%s/tiny.gguf", f.dir);
    snprintf(f.vision, sizeof f.vision, "%s/mmproj-tiny.gguf", f.dir);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buf_release(&f.out);
    arena_release(&f.arena);
    remove(f.text);
    remove(f.vision);
    return rmdir(f.dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_generates_a_token),
        cmocka_unit_test(logits_stay_near),
        cmocka_unit_test(loading_can_quantize),
        cmocka_unit_test(packing_goes_on_behind),
        cmocka_unit_test(loading_tells_sizes),
        cmocka_unit_test(quantizing_to_more_bits_is_refused),
        cmocka_unit_test(json_has_every_tensor),
        cmocka_unit_test(the_table_is_in_both_languages),
        cmocka_unit_test(the_vision_part_can_be_named),
        cmocka_unit_test(faults_have_their_codes),
        cmocka_unit_test(wrong_usage_exits_2),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
