/* GGUF checkpoints in several files, and their tokenizer. */
#include "base/buf.h"
#include "base/test.h"
#include "model/gguf_tokenizer.h"
#include "model/load.h"
#include "model/tokenizer_parts.h"
#include "os/file.h"

#include <unistd.h>

enum { FILE_MAX_BYTES = 8 << 20, PATH_BYTES = 512, HEADER_BYTES = 24, PARTS = 3, ALIGNMENT = 32 };

/* tests/golden/models/tiny-c/… */
static void golden_path_of(const char *name, char out[PATH_BYTES])
{
    snprintf(out, PATH_BYTES, "%s/tests/golden/models/tiny-c/%s", getenv("QVL_SOURCE_ROOT"), name);
}

static struct {
    struct buf file; /* tiny-c-Q4_K.gguf */
    struct arena arena;
    struct gguf gguf;
} whole;

static int open_whole(void **state)
{
    (void)state;
    char path[PATH_BYTES];
    golden_path_of("gguf/tiny-c-Q4_K.gguf", path);
    buf_init(&whole.file, FILE_MAX_BYTES);
    arena_init(&whole.arena, 64 << 20);
    return file_read(path, &whole.file, NULL) ||
           gguf_read("whole", (const uint8_t *)whole.file.data, whole.file.len, &whole.arena,
                     &whole.gguf, NULL);
}

static int close_whole(void **state)
{
    (void)state;
    arena_release(&whole.arena);
    buf_release(&whole.file);
    return 0;
}

static void put_number(struct buf *out, uint64_t n, size_t width)
{
    for (size_t i = 0; i < width; i++, n >>= 8)
        buf_putc(out, (char)n);
}

static void put_string(struct buf *out, const char *text)
{
    put_number(out, strlen(text), 8);
    buf_puts(out, text);
}

static void put_u16_value(struct buf *out, const char *key, uint16_t n)
{
    put_string(out, key);
    put_number(out, GGUF_U16, 4);
    put_number(out, n, 2);
}

static void put_padding(struct buf *out)
{
    while (out->len % ALIGNMENT)
        buf_putc(out, 0);
}

static uint64_t padded(uint64_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static void put_tensors(struct buf *out, size_t begin, size_t end)
{
    uint64_t offset = 0;
    for (size_t i = begin; i < end; i++) {
        const struct tensor *t = &whole.gguf.tensors[i];
        put_string(out, t->name);
        put_number(out, t->dims, 4);
        for (uint32_t d = t->dims; d-- > 0;)
            put_number(out, t->shape[d], 8);
        put_number(out, t->dtype == DTYPE_Q4_K ? 12 : 0, 4);
        put_number(out, offset, 8);
        offset += padded(t->bytes);
    }
    put_padding(out);
    for (size_t i = begin; i < end; i++) {
        buf_add(out, whole.gguf.tensors[i].data, whole.gguf.tensors[i].bytes);
        put_padding(out);
    }
}

/* Part `part` from 0, as llama-gguf-split makes it: the first has all values. */
static void make_part(size_t part, const char *dir, size_t named)
{
    struct buf out;
    char path[PATH_BYTES];
    const size_t count = whole.gguf.tensor_count;
    const size_t begin = count * part / PARTS, end = count * (part + 1) / PARTS;
    buf_init(&out, FILE_MAX_BYTES);
    buf_puts(&out, "GGUF");
    put_number(&out, 3, 4);
    put_number(&out, end - begin, 8);
    put_number(&out, 2 + (part == 0 ? whole.gguf.value_count : 0), 8);
    if (part == 0) {
        static const char first[] = "\x11\0\0\0\0\0\0\0token_embd.weight";
        const char *values = whole.file.data + HEADER_BYTES;
        const char *values_end = memmem(values, whole.file.len, first, sizeof first - 1);
        assert_non_null(values_end);
        buf_add(&out, values, (size_t)(values_end - values));
    }
    put_u16_value(&out, "split.no", (uint16_t)part);
    put_u16_value(&out, "split.count", PARTS);
    put_tensors(&out, begin, end);
    snprintf(path, sizeof path, "%s/x-%05zu-of-%05d.gguf", dir, named + 1, PARTS);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(out.data, 1, out.len, file), out.len);
    assert_int_equal(fclose(file), 0);
    buf_release(&out);
}

static void part_path(const char *dir, size_t part, char out[PATH_BYTES])
{
    snprintf(out, PATH_BYTES, "%s/x-%05zu-of-%05d.gguf", dir, part + 1, PARTS);
}

static void remove_parts(const char *dir)
{
    for (size_t i = 0; i < PARTS; i++) {
        char path[PATH_BYTES];
        part_path(dir, i, path);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(dir), 0);
}

static void assert_refused(const char *path, const char *code)
{
    char mmproj[PATH_BYTES];
    struct model model;
    struct reason why = {.code = "nothing"};
    golden_path_of("gguf/mmproj-F16.gguf", mmproj);
    assert_int_not_equal(model_open(path, mmproj, &model, &why), STATUS_OK);
    assert_string_equal(why.code, code);
}

static void parts_make_the_whole(void **state)
{
    (void)state;
    char dir[] = "/tmp/qvl-split-XXXXXX", path[PATH_BYTES], mmproj[PATH_BYTES];
    assert_non_null(mkdtemp(dir));
    for (size_t i = 0; i < PARTS; i++)
        make_part(i, dir, i);
    part_path(dir, 0, path);
    golden_path_of("gguf/mmproj-F16.gguf", mmproj);
    struct model model;
    struct reason why;
    if (model_open(path, mmproj, &model, &why) != STATUS_OK)
        fail_msg("%s", why.message[LANG_EN]);
    assert_int_equal(checkpoint_file_count(model.checkpoint), PARTS + 1);
    for (size_t i = 0; i < whole.gguf.tensor_count; i++) {
        const struct tensor *t = &whole.gguf.tensors[i], *same = NULL;
        for (size_t k = 0; k < checkpoint_count(model.checkpoint) && !same; k++)
            if (strcmp(checkpoint_at(model.checkpoint, k)->spelled, t->name) == 0)
                same = checkpoint_at(model.checkpoint, k);
        assert_non_null(same);
        assert_int_equal(same->bytes, t->bytes);
        assert_memory_equal(same->data, t->data, t->bytes);
    }
    model_close(&model);

    part_path(dir, 1, path); /* not the first */
    assert_refused(path, "bad_index");
    make_part(2, dir, 1); /* twice the third */
    part_path(dir, 0, path);
    assert_refused(path, "bad_index");
    part_path(dir, 1, path);
    assert_int_equal(unlink(path), 0);
    part_path(dir, 0, path);
    assert_refused(path, "missing_file");
    remove_parts(dir);
}

static void a_directory_has_no_vision_part(void **state)
{
    (void)state;
    char dir[PATH_BYTES];
    golden_path_of("", dir);
    assert_refused(dir, "mismatched_mmproj");
}

static void the_tokenizer_is_that_of_the_directory(void **state)
{
    (void)state;
    char path[PATH_BYTES];
    struct tokenizer *wanted, *got;
    golden_path_of("tokenizer.json", path);
    assert_int_equal(tokenizer_load(path, &wanted, NULL), STATUS_OK);
    assert_int_equal(gguf_tokenizer_load(&whole.gguf, &got, NULL), STATUS_OK);
    assert_int_equal(tokenizer_size(got), tokenizer_size(wanted));
    for (int32_t id = 0; id < 1600; id++) { /* unused ones too */
        assert_true(str_eq(tokenizer_bytes(got, id), tokenizer_bytes(wanted, id)));
        assert_int_equal(tokenizer_is_special(got, id), tokenizer_is_special(wanted, id));
    }
    assert_int_equal(got->added_count, wanted->added_count);
    struct token_list a = {0}, b = {0};
    const struct str text = STR("The assistant <|im_start|> is <think>standing 一二三 [PAD1570]");
    assert_int_equal(tokenizer_encode(got, text, true, &a, NULL), STATUS_OK);
    assert_int_equal(tokenizer_encode(wanted, text, true, &b, NULL), STATUS_OK);
    assert_int_equal(a.count, b.count);
    assert_memory_equal(a.ids, b.ids, a.count * sizeof *a.ids);
    token_list_release(&a);
    token_list_release(&b);
    tokenizer_destroy(wanted);
    tokenizer_destroy(got);
}

/* llama.cpp makes control tokens of some that a model may well say. */
static void visible_tokens_stay_visible(void **state)
{
    (void)state;
    static const char *const names[] = {"<|fim_prefix|>", "<|repo_name|>", "<think>"};
    const struct gguf_value *types = gguf_find(&whole.gguf, "tokenizer.ggml.token_type");
    struct tokenizer *before, *after;
    assert_int_equal(gguf_tokenizer_load(&whole.gguf, &before, NULL), STATUS_OK);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const int32_t id = tokenizer_added_id(before, names[i]);
        assert_true(id >= 0);
        ((uint8_t *)(uintptr_t)types->bytes)[4 * id] = 3;
    }
    assert_int_equal(gguf_tokenizer_load(&whole.gguf, &after, NULL), STATUS_OK);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_false(tokenizer_is_special(after, tokenizer_added_id(after, names[i])));
    assert_true(tokenizer_is_special(after, tokenizer_added_id(after, "<|im_end|>")));
    tokenizer_destroy(before);
    tokenizer_destroy(after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_make_the_whole),
        cmocka_unit_test(a_directory_has_no_vision_part),
        cmocka_unit_test(the_tokenizer_is_that_of_the_directory),
        cmocka_unit_test(visible_tokens_stay_visible),
    };
    return cmocka_run_group_tests(tests, open_whole, close_whole);
}
