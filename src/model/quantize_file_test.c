#include "model/quantize_file.h"

#include "kernels/exact.h"
#include "model/gguf_write.h"
#include "model/golden_test.h"
#include "model/quantize.h"
#include "model/yarn.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define SOURCE "tests/golden/models/tiny-c"

/* The reference model, opened, and a folder for what is made of it. */
static struct fixture {
    char from[512], dir[64], text[128], vision[128];
    struct model source, result;
    struct pool *pool;
    struct kernels kernels;
} f;

static void must(enum status status, const struct reason *why)
{
    if (status)
        fail_msg("%s: %s", why->code, why->message[LANG_EN]);
}

static enum status write_text(enum dtype type, const struct model *model, const char *from,
                              struct reason *why)
{
    struct quantize_plan plan;
    struct quantize_job job = {.model = model, .from = from, .pool = f.pool};
    must(quantize_plan_text(model, type, &plan, why), why);
    const enum status status = quantize_file_write(&job, &plan, f.text, why);
    quantize_plan_release(&plan);
    return status;
}

static void write_vision(const struct model *model)
{
    struct reason why;
    struct quantize_plan plan;
    struct quantize_job job = {.model = model, .from = f.from, .pool = f.pool};
    must(quantize_plan_vision(model, &plan, &why), &why);
    must(quantize_file_write(&job, &plan, f.vision, &why), &why);
    assert_int_equal(job.done, plan.bytes);
    for (size_t i = 0; i < plan.count; i++)
        assert_true(plan.tensors[i].error < 1e-3);
    quantize_plan_release(&plan);
}

/* Writes both files and opens them again. */
static void convert(enum dtype type)
{
    struct reason why;
    model_close(&f.result);
    must(write_text(type, &f.source, f.from, &why), &why);
    write_vision(&f.source);
    must(model_open(f.text, NULL, &f.result, &why), &why);
}

static double error_between(const struct matrix *a, const struct matrix *b)
{
    double error = 0, squares = 0;
    float *x = malloc(a->cols * sizeof *x), *y = malloc(a->cols * sizeof *y);
    assert_true(x && y && a->rows == b->rows && a->cols == b->cols);
    for (uint32_t r = 0; r < a->rows; r++) {
        exact_row(&f.kernels, a, r, 0, a->cols, x);
        exact_row(&f.kernels, b, r, 0, b->cols, y);
        for (uint32_t i = 0; i < a->cols; i++) {
            error += ((double)x[i] - (double)y[i]) * ((double)x[i] - (double)y[i]);
            squares += (double)x[i] * (double)x[i];
        }
    }
    free(x);
    free(y);
    return sqrt(error / squares);
}

static void expect_matrix(const struct matrix *from, const struct matrix *is, enum dtype dtype,
                          double bound)
{
    assert_int_equal(is->dtype, dtype);
    const double error = error_between(from, is);
    if (error > bound)
        fail_msg("%s: %g", dtype_info(dtype)->name, error);
}

static double bound_of(enum dtype type)
{
    static const double bounds[DTYPE_COUNT] = {
        [DTYPE_F32] = 0,     [DTYPE_F16] = 1e-3,   [DTYPE_BF16] = 0,     [DTYPE_Q8_0] = 0.007,
        [DTYPE_Q4_0] = 0.09, [DTYPE_Q4_1] = 0.08,  [DTYPE_Q5_0] = 0.045, [DTYPE_Q5_1] = 0.04,
        [DTYPE_Q4_K] = 0.08, [DTYPE_Q5_K] = 0.041, [DTYPE_Q6_K] = 0.02,
    };
    return bounds[type];
}

static void check_text(enum dtype type)
{
    const bool mixed = type == DTYPE_Q4_K || type == DTYPE_Q5_K;
    const enum dtype better = mixed ? DTYPE_Q6_K : type;
    const struct weights *from = &f.source.weights, *is = &f.result.weights;
    expect_matrix(&from->embed, &is->embed, better, bound_of(better));
    for (uint32_t i = 0; i < f.source.config.text.layers; i++) {
        const struct text_layer *a = &from->layers[i], *b = &is->layers[i];
        const enum dtype rich = i == 2 ? better : type; /* the last of three */
        expect_matrix(&a->q, &b->q, type, bound_of(type));
        expect_matrix(&a->k, &b->k, type, bound_of(type));
        expect_matrix(&a->v, &b->v, rich, bound_of(rich));
        expect_matrix(&a->o, &b->o, type, bound_of(type));
        expect_matrix(&a->gate, &b->gate, type, bound_of(type));
        expect_matrix(&a->up, &b->up, type, bound_of(type));
        expect_matrix(&a->down, &b->down, rich, bound_of(rich));
        assert_memory_equal(a->input_norm.weight, b->input_norm.weight, 256 * sizeof(float));
        assert_memory_equal(a->k_norm.weight, b->k_norm.weight, 128 * sizeof(float));
    }
    assert_memory_equal(from->final_norm.weight, is->final_norm.weight, 256 * sizeof(float));
}

static void check_vision(void)
{
    const struct weights *from = &f.source.weights, *is = &f.result.weights;
    const struct vision_config *c = &f.source.config.vision;
    expect_matrix(&from->patch_embed, &is->patch_embed, DTYPE_F32, 0);
    assert_memory_equal(from->position_table, is->position_table,
                        sizeof(float) * c->position_side * c->position_side * c->hidden_size);
    for (uint32_t i = 0; i < c->depth; i++) {
        expect_matrix(&from->blocks[i].qkv, &is->blocks[i].qkv, DTYPE_F16, 1e-3);
        expect_matrix(&from->blocks[i].fc2, &is->blocks[i].fc2, DTYPE_F16, 1e-3);
        assert_memory_equal(from->blocks[i].fc1.bias, is->blocks[i].fc1.bias,
                            sizeof(float) * c->intermediate_size);
    }
    for (uint32_t k = 0; k < c->deepstack_count; k++)
        expect_matrix(&from->deepstack[k].fc2, &is->deepstack[k].fc2, DTYPE_F16, 1e-3);
    expect_matrix(&from->merger.fc1, &is->merger.fc1, DTYPE_F16, 1e-3);
}

static void every_type_can_be_loaded_again(void **state)
{
    (void)state;
    size_t types = 0;
    for (enum dtype type = 0; type < DTYPE_COUNT; type++) {
        if (!quantize_file_supports(type))
            continue;
        convert(type);
        check_text(type);
        check_vision();
        types++;
    }
    assert_int_equal(types, 11);
}

static void configuration_is_the_same(void **state)
{
    (void)state;
    convert(DTYPE_Q8_0);
    const struct model_config *a = &f.source.config, *b = &f.result.config;
    assert_memory_equal(&a->text, &b->text, sizeof a->text);
    assert_memory_equal(&a->vision, &b->vision, sizeof a->vision);
    assert_memory_equal(&a->image, &b->image, sizeof a->image);
    assert_int_equal(a->image_token, b->image_token);
    assert_int_equal(a->vision_end_token, b->vision_end_token);
    assert_int_equal(a->generation.top_k, b->generation.top_k);
    assert_true(a->generation.temperature == b->generation.temperature);
    assert_int_equal(f.source.template_kind, f.result.template_kind);
    assert_int_equal(f.source.template_known, f.result.template_known);
}

static void long_contexts_are_the_same(void **state)
{
    (void)state;
    struct text_config *from = &f.source.config.text;
    const struct text_config before = *from;
    yarn_stretch(from, 3);
    convert(DTYPE_Q8_0);
    assert_memory_equal(from, &f.result.config.text, sizeof *from);
    from->yarn.attention = 1.25f;
    from->yarn.beta_fast = 24;
    from->yarn.beta_slow = 2;
    convert(DTYPE_Q8_0);
    const struct yarn *yarn = &f.result.config.text.yarn;
    assert_float_equal(yarn->attention, 1.25, 1e-6);
    assert_true(yarn->beta_fast == 24 && yarn->beta_slow == 2);
    *from = before;
}

/* Overwrites what follows a key, after its type and length, in the file of the text model. */
static void patch_value(const char *key, const char *value)
{
    struct reason why;
    struct buf bytes;
    buf_init(&bytes, 64 << 20);
    must(file_read(f.text, &bytes, &why), &why);
    char *at = memmem(bytes.data, bytes.len, key, strlen(key));
    assert_non_null(at);
    memcpy(at + strlen(key) + 4 + 8, value, strlen(value));
    FILE *file = fopen(f.text, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes.data, 1, bytes.len, file), bytes.len);
    fclose(file);
    buf_release(&bytes);
}

static void other_long_contexts_are_refused(void **state)
{
    (void)state;
    struct text_config *from = &f.source.config.text;
    const struct text_config before = *from;
    struct reason why;
    yarn_stretch(from, 3);
    convert(DTYPE_Q8_0);
    *from = before;
    patch_value("qwen3vl.rope.scaling.type", "ring");
    model_close(&f.result);
    assert_int_equal(model_open(f.text, NULL, &f.result, &why), STATUS_INVALID);
    assert_string_equal(why.code, "bad_config");
    assert_non_null(strstr(why.message[LANG_EN], "qwen3vl.rope.scaling.type is neither"));
}

static void encode_by_both(const struct json *row)
{
    struct reason why;
    struct token_list a = {0}, b = {0};
    const struct str text = json_get(row, "text")->text;
    for (int special = 0; special < 2; special++) {
        a.count = b.count = 0;
        must(tokenizer_encode(f.source.tokenizer, text, special, &a, &why), &why);
        must(tokenizer_encode(f.result.tokenizer, text, special, &b, &why), &why);
        assert_int_equal(a.count, b.count);
        if (a.count)
            assert_memory_equal(a.ids, b.ids, a.count * sizeof *a.ids);
    }
    token_list_release(&a);
    token_list_release(&b);
}

static void tokenizer_is_the_same(void **state)
{
    (void)state;
    convert(DTYPE_Q4_0);
    const struct tokenizer *a = f.source.tokenizer, *b = f.result.tokenizer;
    assert_int_equal(tokenizer_size(a), tokenizer_size(b));
    for (int32_t id = 0; id < tokenizer_size(a); id++) {
        assert_true(str_eq(tokenizer_bytes(a, id), tokenizer_bytes(b, id)));
        assert_int_equal(tokenizer_is_added(a, id), tokenizer_is_added(b, id));
        assert_int_equal(tokenizer_is_special(a, id), tokenizer_is_special(b, id));
    }
    assert_true(golden_each_line("tests/golden/tokenizer.jsonl", encode_by_both) > 100);
}

/* What is made of a GGUF file equals what is made of its source. */
static void gguf_can_be_the_source(void **state)
{
    (void)state;
    struct reason why;
    struct model first;
    convert(DTYPE_F16);
    first = f.result;
    f.result = (struct model){0};
    char kept[160];
    snprintf(kept, sizeof kept, "%s.kept", f.text);
    assert_int_equal(rename(f.text, kept), 0);
    must(write_text(DTYPE_F16, &first, kept, &why), &why);
    struct buf a, b;
    buf_init(&a, 64 << 20);
    buf_init(&b, 64 << 20);
    must(file_read(kept, &a, &why), &why);
    must(file_read(f.text, &b, &why), &why);
    assert_int_equal(a.len, b.len);
    const size_t weights = first.weights.parameters; /* two bytes each, at the end of the file */
    assert_memory_equal(a.data + a.len - weights, b.data + b.len - weights, weights);
    buf_release(&a);
    buf_release(&b);
    remove(kept);
    model_close(&first);
}

static void expect_no_file(const char *path)
{
    char partial[160];
    snprintf(partial, sizeof partial, "%s.partial", path);
    assert_false(file_exists(path));
    assert_false(file_exists(partial));
}

/* A limit on the size of files ends a write as a full disk does. */
static void a_full_disk_leaves_nothing(void **state)
{
    (void)state;
    struct rlimit before;
    struct reason why;
    remove(f.text);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    static const rlim_t sizes[] = {0, 10, 20000, 300000};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        const struct rlimit small = {sizes[i], before.rlim_max};
        setrlimit(RLIMIT_FSIZE, &small);
        const enum status status = write_text(DTYPE_Q8_0, &f.source, f.from, &why);
        setrlimit(RLIMIT_FSIZE, &before);
        assert_int_equal(status, STATUS_IO);
        assert_string_equal(why.code, "unwritable");
        assert_string_equal(why.subject, f.text);
        expect_no_file(f.text);
    }
    signal(SIGXFSZ, SIG_DFL);
}

static void a_missing_folder_is_said(void **state)
{
    (void)state;
    struct reason why;
    struct gguf_writer writer;
    assert_int_equal(gguf_writer_open("/nowhere/x.gguf", &writer, &why), STATUS_IO);
    assert_string_equal(why.code, "unwritable");
    gguf_writer_close(&writer);
}

static void stop_here(void *arg, uint64_t done, uint64_t total)
{
    (void)arg;
    (void)total;
    if (done > 200000)
        raise(SIGKILL);
}

static void a_killed_writer_leaves_no_file(void **state)
{
    (void)state;
    remove(f.text);
    const pid_t child = fork();
    if (child == 0) {
        struct reason why;
        struct quantize_plan plan;
        struct quantize_job job = {.model = &f.source, .from = f.from, .progress = stop_here};
        if (!pool_create(1, &job.pool, &why) &&
            !quantize_plan_text(&f.source, DTYPE_Q8_0, &plan, &why))
            (void)!quantize_file_write(&job, &plan, f.text, &why);
        _exit(0);
    }
    int end;
    assert_int_equal(waitpid(child, &end, 0), child);
    assert_true(WIFSIGNALED(end) && WTERMSIG(end) == SIGKILL);
    assert_false(file_exists(f.text));
    struct reason why; /* the next run takes the place of what was left */
    must(write_text(DTYPE_Q8_0, &f.source, f.from, &why), &why);
    char partial[160];
    snprintf(partial, sizeof partial, "%s.partial", f.text);
    assert_false(file_exists(partial));
}

static int set_up(void **state)
{
    (void)state;
    struct reason why;
    golden_path(f.from, SOURCE);
    strcpy(f.dir, "/tmp/qvl-quantize-XXXXXX");
    if (!mkdtemp(f.dir) || pool_create(2, &f.pool, &why))
        return -1;
    snprintf(f.text, sizeof f.text, "%s/tiny.gguf", f.dir);
    snprintf(f.vision, sizeof f.vision, "%s/mmproj-tiny.gguf", f.dir);
    kernels_select(&f.kernels);
    return model_open(f.from, NULL, &f.source, &why) ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    model_close(&f.source);
    model_close(&f.result);
    pool_destroy(f.pool);
    remove(f.text);
    remove(f.vision);
    return rmdir(f.dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_can_be_loaded_again),
        cmocka_unit_test(configuration_is_the_same),
        cmocka_unit_test(long_contexts_are_the_same),
        cmocka_unit_test(other_long_contexts_are_refused),
        cmocka_unit_test(tokenizer_is_the_same),
        cmocka_unit_test(gguf_can_be_the_source),
        cmocka_unit_test(a_full_disk_leaves_nothing),
        cmocka_unit_test(a_missing_folder_is_said),
        cmocka_unit_test(a_killed_writer_leaves_no_file),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
