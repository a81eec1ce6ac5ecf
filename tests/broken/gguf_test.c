/* Broken GGUF files: each gives its code and a sentence that names the file and the thing. */
#include "base/buf.h"
#include "base/test.h"
#include "model/gguf.h"
#include "model/load.h"
#include "os/file.h"

#include <unistd.h>

#define TEXT    "model.gguf"
#define VISION  "mmproj.gguf"
#define GOLDEN  "tests/golden/models/tiny-c/gguf/"
#define EMBED   "token_embd.weight"
#define NORM    "output_norm.weight"
#define QUERY   "blk.1.attn_q.weight"
#define PATCHES "v.patch_embd.weight"

enum { FILE_MAX_BYTES = 8 << 20, PATH_BYTES = 512 };

enum edit {
    NONE,
    PATCH,  /* `width` bytes at `at` behind the end of the name `anchor` become `value` */
    RENAME, /* the name `anchor` becomes `to`, as long */
    CUT,    /* `value` bytes remain */
    APPEND, /* `value` zero bytes more */
    WRITE,  /* the file becomes `to` */
    REMOVE,
    COPY, /* the other file under this name */
};

struct fault {
    const char *code;  /* NULL: it loads */
    const char *names; /* what both messages must name beside the folder; may be NULL */
    const char *file;
    enum edit edit;
    const char *anchor; /* a key or a tensor, with its length before it; NULL: the file's start */
    size_t at, width;
    uint64_t value;
    const char *to;
};

/* Where things are behind a name. Values: type u32, then the value; arrays: element type u32, count
 * u64, elements. Tensors: dimensions u32, each u64, type u32, offset u64. */
enum {
    TYPE = 0,
    VALUE = 4,
    ARRAY_TYPE = 4,
    ARRAY_COUNT = 8,
    ELEMENTS = 16,
    SIDE_0 = 4,
    SIDE_1 = 12
};
enum { FORMAT_1D = 12, OFFSET_1D = 16, FORMAT_2D = 20, OFFSET_2D = 24 };

#define U32(code, names, file, key, value)                                                         \
    {                                                                                              \
        code, names, file, PATCH, key, VALUE, 4, value, NULL                                       \
    }
#define AT(code, names, file, anchor, at, width, value)                                            \
    {                                                                                              \
        code, names, file, PATCH, anchor, at, width, value, NULL                                   \
    }
#define NAME(code, names, file, from, to)                                                          \
    {                                                                                              \
        code, names, file, RENAME, from, 0, 0, 0, to                                               \
    }

static const struct fault faults[] = {
    {NULL, NULL, TEXT, NONE, NULL, 0, 0, 0, NULL},
    {NULL, NULL, TEXT, APPEND, NULL, 0, 0, 31, NULL}, /* padding behind the last tensor */
    AT(NULL, NULL, TEXT, NULL, 4, 4, 2),              /* version 2 is the same */
    NAME(NULL, NULL, TEXT, "general.name", "general.nome"),
    NAME(NULL, NULL, TEXT, "qwen3vl.n_deepstack_layers", "qwen3vl.n_deepstack_leyers"),

    /* Files that are not what they should be. */
    {"missing_file", TEXT, TEXT, REMOVE, NULL, 0, 0, 0, NULL},
    {"missing_mmproj", "mmproj*.gguf", VISION, REMOVE, NULL, 0, 0, 0, NULL},
    {"truncated", TEXT, TEXT, WRITE, NULL, 0, 0, 0, ""},
    {"truncated", TEXT, TEXT, WRITE, NULL, 0, 0, 0, "GGUF"},
    {"not_a_checkpoint", TEXT, TEXT, WRITE, NULL, 0, 0, 0, "GGML and more"},
    {"not_a_checkpoint", TEXT, TEXT, WRITE, NULL, 0, 0, 0, "<!DOCTYPE html><html></html>"},
    {"not_a_checkpoint", "Git LFS", TEXT, WRITE, NULL, 0, 0, 0,
     "version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 1013984\n"},
    {"not_a_checkpoint", VISION, VISION, WRITE, NULL, 0, 0, 0, "<html></html>"},
    {"unknown_architecture", "clip", TEXT, COPY, NULL, 0, 0, 0, NULL},
    {"mismatched_mmproj", "clip", VISION, COPY, NULL, 0, 0, 0, NULL},

    /* The header. */
    AT("bad_header", TEXT, TEXT, NULL, 4, 4, 1),
    AT("bad_header", TEXT, TEXT, NULL, 4, 4, 4),
    AT("bad_header", TEXT, TEXT, NULL, 4, 4, 0x03000000), /* big-endian */
    AT("truncated", TEXT, TEXT, NULL, 8, 8, UINT64_MAX),
    AT("truncated", TEXT, TEXT, NULL, 16, 8, UINT64_MAX),
    AT("truncated", TEXT, TEXT, NULL, 16, 8, 60000),
    AT("truncated", NULL, TEXT, NULL, 16, 8, 27), /* tensors read as values */
    AT("wrong_size", TEXT, TEXT, NULL, 8, 8, 34), /* the last tensor belongs to nobody */
    {"truncated", TEXT, TEXT, CUT, NULL, 0, 0, 7, NULL},
    {"truncated", TEXT, TEXT, CUT, NULL, 0, 0, 23, NULL},
    {"truncated", TEXT, TEXT, CUT, NULL, 0, 0, 24, NULL},
    {"truncated", TEXT, TEXT, CUT, NULL, 0, 0, 1000, NULL},
    {"truncated", TEXT, TEXT, CUT, NULL, 0, 0, 60000, NULL},
    {"truncated", TEXT, TEXT, CUT, NULL, 0, 0, 109000, NULL},
    {"truncated", "blk.", TEXT, CUT, NULL, 0, 0, 500000, NULL},
    {"truncated", NORM, TEXT, CUT, NULL, 0, 0, 1013983, NULL},
    {"wrong_size", TEXT, TEXT, APPEND, NULL, 0, 0, 32, NULL},

    /* Values. */
    AT("truncated", TEXT, TEXT, NULL, 24, 8, UINT64_MAX), /* the first key's length */
    AT("bad_header", TEXT, TEXT, NULL, 24, 8, 0),
    AT("bad_header", TEXT, TEXT, NULL, 34, 1, 0), /* a zero byte in it */
    AT("bad_header", "general.name", TEXT, "general.name", TYPE, 4, 13),
    AT("bad_header", "general.name", TEXT, "general.name", TYPE, 4, UINT32_MAX),
    AT("truncated", TEXT, TEXT, "general.name", VALUE, 8, (uint64_t)1 << 40),
    AT("bad_header", "tokenizer.ggml.merges", TEXT, "tokenizer.ggml.merges", ARRAY_TYPE, 4, 9),
    AT("truncated", TEXT, TEXT, "tokenizer.ggml.merges", ARRAY_COUNT, 8, (uint64_t)1 << 60),
    AT("truncated", TEXT, TEXT, "tokenizer.ggml.token_type", ARRAY_COUNT, 8, UINT64_MAX / 2),
    AT("bad_header", "add_bos_token", TEXT, "tokenizer.ggml.add_bos_token", VALUE, 1, 2),
    NAME("bad_header", "tokenizer.ggml.bos_token_id", TEXT, "tokenizer.ggml.eos_token_id",
         "tokenizer.ggml.bos_token_id"), /* twice */

    /* One tensor's description. */
    NAME("bad_header", QUERY, TEXT, "blk.1.attn_v.weight", QUERY),
    AT("bad_header", TEXT, TEXT, EMBED, (size_t)-5, 1, 0), /* a zero byte in its name */
    AT("wrong_shape", EMBED, TEXT, EMBED, 0, 4, 0),
    AT("wrong_shape", EMBED, TEXT, EMBED, 0, 4, 6),
    AT("wrong_shape", EMBED, TEXT, EMBED, SIDE_0, 8, 255), /* no whole blocks */
    AT("wrong_size", EMBED, TEXT, EMBED, SIDE_1, 8, UINT64_MAX),
    AT("wrong_size", EMBED, TEXT, EMBED, SIDE_0, 8, (uint64_t)1 << 62),
    AT("truncated", EMBED, TEXT, EMBED, SIDE_1, 8, 160000),
    AT("overlapping", NULL, TEXT, EMBED, SIDE_1, 8, 1601),
    AT("bad_header", "blk.0.attn_q.weight", TEXT, EMBED, SIDE_1, 8, 1599),
    AT("wrong_dtype", "Q2_K", TEXT, EMBED, FORMAT_2D, 4, 10),
    AT("wrong_dtype", "MXFP4", TEXT, EMBED, FORMAT_2D, 4, 39),
    AT("wrong_dtype", "1000", TEXT, EMBED, FORMAT_2D, 4, 1000),
    AT("wrong_dtype", "5", TEXT, EMBED, FORMAT_2D, 4, 5),
    AT("truncated", EMBED, TEXT, EMBED, FORMAT_2D, 4, 0),
    AT("bad_header", EMBED, TEXT, EMBED, OFFSET_2D, 8, 8),
    AT("truncated", EMBED, TEXT, EMBED, OFFSET_2D, 8, (uint64_t)1 << 60),
    AT("truncated", EMBED, TEXT, EMBED, OFFSET_2D, 8, UINT64_MAX - 31),
    AT("overlapping", NULL, TEXT, NORM, OFFSET_1D, 8, 0),
    AT("wrong_size", TEXT, TEXT, NORM, FORMAT_1D, 4, 1), /* F16: half the bytes of its place */

    /* Tensors that are not there, or should not be. */
    NAME("extra_tensor", "blk.1.attn_x.weight", TEXT, QUERY, "blk.1.attn_x.weight"),
    NAME("missing_tensor", "blk.2.attn_q.weight", TEXT, "blk.2.attn_q.weight",
         "blk.9.attn_q.weight"),
    NAME("extra_tensor", "token_embd.height", TEXT, EMBED, "token_embd.height"),
    NAME("missing_tensor", QUERY, TEXT, QUERY, "rope_freqs.1.weight"),
    NAME("missing_tensor", PATCHES ".1", VISION, PATCHES ".1", PATCHES ".2"),
    NAME("extra_tensor", "v.deepstack.1.norm.weight", VISION, "v.deepstack.2.norm.weight",
         "v.deepstack.1.norm.weight"),
    NAME("extra_tensor", "mm.1.weight", VISION, "mm.0.weight", "mm.1.weight"),
    U32("missing_tensor", "blk.3.", TEXT, "qwen3vl.block_count", 4),
    U32("extra_tensor", "blk.2.", TEXT, "qwen3vl.block_count", 2),
    U32("wrong_shape", "blk.0.ffn_", TEXT, "qwen3vl.feed_forward_length", 512),
    U32("wrong_shape", NULL, TEXT, "qwen3vl.attention.head_count", 4),
    U32("wrong_shape", PATCHES, VISION, "clip.vision.embedding_length", 64),

    /* The configuration. */
    NAME("unknown_architecture", "(none)", TEXT, "general.architecture", "general.architektur!"),
    AT("unknown_architecture", "qwen3vL", TEXT, "general.architecture", VALUE + 8 + 6, 1, 'L'),
    NAME("bad_config", "qwen3vl.block_count", TEXT, "qwen3vl.block_count", "qwen3vl.block_koint"),
    U32("bad_config", "qwen3vl.block_count", TEXT, "qwen3vl.block_count", 0),
    U32("bad_config", "qwen3vl.block_count", TEXT, "qwen3vl.block_count", 1 << 20),
    AT("bad_config", "qwen3vl.block_count", TEXT, "qwen3vl.block_count", TYPE, 4, 6),
    U32("bad_config", "qwen3vl.embedding_length", TEXT, "qwen3vl.embedding_length", 1 << 30),
    U32("bad_config", "attention.head_count", TEXT, "qwen3vl.attention.head_count_kv", 3),
    U32("bad_config", "attention.value_length", TEXT, "qwen3vl.attention.key_length", 126),
    U32("bad_config", "attention.value_length", TEXT, "qwen3vl.attention.value_length", 64),
    U32("bad_config", "rms_epsilon", TEXT, "qwen3vl.attention.layer_norm_rms_epsilon", 0x7FC00000),
    U32("bad_config", "freq_base", TEXT, "qwen3vl.rope.freq_base", 0xFF800000),
    NAME("bad_config", "freq_base", TEXT, "qwen3vl.rope.freq_base", "qwen3vl.rope.freq_bass"),
    AT("bad_config", "dimension_sections", TEXT, "qwen3vl.rope.dimension_sections", ELEMENTS, 4,
       25),
    AT("bad_config", "dimension_sections", TEXT, "qwen3vl.rope.dimension_sections", ELEMENTS, 4,
       UINT32_MAX),
    AT("bad_config", "dimension_sections", TEXT, "qwen3vl.rope.dimension_sections", ELEMENTS + 12,
       4, 1),
    NAME("bad_config", "tokenizer.ggml.tokens", TEXT, "tokenizer.ggml.tokens",
         "tokenizer.ggml.takens"),
    U32("bad_config", "eos_token_id", TEXT, "tokenizer.ggml.eos_token_id", 1600),
    U32("bad_config", "patch_size", VISION, "clip.vision.patch_size", 14),
    U32("bad_config", "image_size", VISION, "clip.vision.image_size", 250),
    U32("wrong_shape", "v.position_embd.weight", VISION, "clip.vision.image_size", 768),
    U32("bad_config", "head_count", VISION, "clip.vision.attention.head_count", 3),
    U32("bad_config", "layer_norm_epsilon", VISION, "clip.vision.attention.layer_norm_epsilon",
        0x3727C5AC), /* 1e-5 */
    AT("bad_config", "image_mean", VISION, "clip.vision.image_mean", ELEMENTS, 4, 0x3EF5C28F),
    AT("bad_config", "use_gelu", VISION, "clip.use_gelu", VALUE, 1, 0),
    U32("bad_config", "is_deepstack_layers", VISION, "clip.vision.block_count", 4),
    AT("bad_config", "is_deepstack_layers", VISION, "clip.vision.is_deepstack_layers", ARRAY_TYPE,
       4, 0),

    /* The pair. */
    AT("mismatched_mmproj", "clip.projector_type", VISION, "clip.projector_type", VALUE + 8, 1,
       'Q'),
    NAME("mismatched_mmproj", "clip.projector_type", VISION, "clip.projector_type",
         "clip.projector_typo"),
    U32("mismatched_mmproj", "512", VISION, "clip.vision.projection_dim", 512),
    AT("mismatched_mmproj", "DeepStack", VISION, "clip.vision.is_deepstack_layers", ELEMENTS, 1, 0),
    U32("mismatched_mmproj", "DeepStack", TEXT, "qwen3vl.n_deepstack_layers", 3),

    /* The tokenizer. */
    AT("bad_tokenizer", "tokenizer.ggml.model", TEXT, "tokenizer.ggml.model", VALUE + 8, 1, 'x'),
    AT("bad_tokenizer", "tokenizer.ggml.pre", TEXT, "tokenizer.ggml.pre", VALUE + 8, 1, 'x'),
    NAME("bad_tokenizer", "tokenizer.ggml.merges", TEXT, "tokenizer.ggml.merges",
         "tokenizer.ggml.marges"),
    NAME("bad_tokenizer", "token_type", TEXT, "tokenizer.ggml.token_type",
         "tokenizer.ggml.token_typo"),
    AT("bad_tokenizer", "token_type", TEXT, "tokenizer.ggml.token_type", ELEMENTS, 4, 6),
    AT("bad_tokenizer", "tokens", TEXT, "tokenizer.ggml.token_type", ELEMENTS, 4, 5), /* "!" */
    AT("bad_tokenizer", "tokens", TEXT, "tokenizer.ggml.tokens", ELEMENTS + 8, 1, '"'),
    AT("bad_tokenizer", "tokens", TEXT, "tokenizer.ggml.tokens", ELEMENTS + 8, 1, 0xFF),
    AT("bad_tokenizer", "tokenizer.ggml.merges[0]", TEXT, "tokenizer.ggml.merges", ELEMENTS + 8, 1,
       0xFF),
    NAME("bad_tokenizer", "<|im_start|>", TEXT, "<|im_start|>", "<|im_stort|>"),
    NAME("bad_tokenizer", "<|image_pad|>", TEXT, "<|image_pad|>", "<|imago_pad|>"),
};

static void golden(const char *file, struct buf *out)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/" GOLDEN "%s", getenv("QVL_SOURCE_ROOT"),
             strcmp(file, TEXT) == 0 ? "tiny-c-Q4_K.gguf" : "mmproj-F16.gguf");
    if (file_read(path, out, NULL) != STATUS_OK)
        fail_msg("no %s", path);
}

static void put_number(char *to, uint64_t n, size_t width)
{
    for (size_t i = 0; i < width; i++)
        to[i] = (char)(n >> (8 * i));
}

/* Where a name with its length before it begins. */
static char *find_name(const struct buf *file, const char *name)
{
    char needle[8 + 64];
    const size_t len = strlen(name);
    assert_true(len <= 64);
    put_number(needle, len, 8);
    memcpy(needle + 8, name, len);
    char *at = memmem(file->data, file->len, needle, 8 + len);
    if (!at)
        fail_msg("there is no %s", name);
    return at + 8;
}

static void edit(const struct fault *fault, struct buf *file)
{
    static const char zeros[64];
    switch (fault->edit) {
    case PATCH: {
        char *to =
            fault->anchor ? find_name(file, fault->anchor) + strlen(fault->anchor) : file->data;
        put_number(to + fault->at, fault->value, fault->width);
        break;
    }
    case RENAME: {
        char *at = find_name(file, fault->anchor);
        assert_int_equal(strlen(fault->to), strlen(fault->anchor));
        memcpy(at, fault->to, strlen(fault->to));
        break;
    }
    case CUT: file->len = fault->value; break;
    case APPEND: buf_add(file, zeros, fault->value); break;
    case WRITE:
        file->len = 0;
        buf_puts(file, fault->to);
        break;
    case COPY:
        file->len = 0;
        golden(strcmp(fault->file, TEXT) == 0 ? VISION : TEXT, file);
        break;
    case NONE:
    case REMOVE: break;
    }
}

static void make_file(const struct fault *fault, const char *dir, const char *name)
{
    struct buf file;
    char path[PATH_BYTES];
    buf_init(&file, FILE_MAX_BYTES);
    golden(name, &file);
    const bool is_edited = strcmp(fault->file, name) == 0;
    if (is_edited)
        edit(fault, &file);
    snprintf(path, sizeof path, "%s/%s", dir, name);
    if (!is_edited || fault->edit != REMOVE) {
        FILE *out = fopen(path, "wb");
        assert_non_null(out);
        assert_int_equal(fwrite(file.data, 1, file.len, out), file.len);
        assert_int_equal(fclose(out), 0);
    }
    buf_release(&file);
}

static void remove_folder(const char *dir)
{
    static const char *const names[] = {TEXT, VISION};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char path[PATH_BYTES];
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(dir), 0);
}

static void check_sentence(size_t i, const struct fault *fault, const char *dir,
                           const struct reason *why)
{
    static const char *const ends[] = {".", "。"};
    for (int lang = 0; lang < LANG_COUNT; lang++) {
        const char *message = why->message[lang];
        if (!strstr(message, dir))
            fail_msg("fault %zu: \"%s\" does not name %s", i, message, dir);
        if (fault->names && !strstr(message, fault->names))
            fail_msg("fault %zu: \"%s\" does not name %s", i, message, fault->names);
        if (!str_ends(str_from(message), ends[lang]) || strchr(message, '\n') ||
            strstr(message, ".。") || strstr(message, ".."))
            fail_msg("fault %zu: \"%s\" is not one sentence", i, message);
    }
    if (!strstr(why->subject, dir))
        fail_msg("fault %zu: the subject is \"%s\"", i, why->subject);
}

static void check_fault(size_t i, const struct fault *fault)
{
    char dir[] = "/tmp/qvl-gguf-XXXXXX", path[PATH_BYTES];
    assert_non_null(mkdtemp(dir));
    make_file(fault, dir, TEXT);
    make_file(fault, dir, VISION);
    snprintf(path, sizeof path, "%s/" TEXT, dir);
    struct model model;
    struct reason why = {.code = ""};
    const enum status status = model_open(path, NULL, &model, &why);
    if (getenv("QVL_SHOW"))
        printf("%-22s %s\n    %s\n", why.code, why.message[LANG_EN], why.message[LANG_ZH]);
    if (!fault->code && status)
        fail_msg("fault %zu: %s", i, why.message[LANG_EN]);
    if (fault->code && (!status || strcmp(why.code, fault->code) != 0))
        fail_msg("fault %zu (%s): \"%s\" %s, not %s", i, fault->anchor ? fault->anchor : "",
                 why.code, why.message[LANG_EN], fault->code);
    if (fault->code)
        check_sentence(i, fault, dir, &why);
    else
        model_close(&model);
    remove_folder(dir);
}

static void each_fault_has_its_code(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(faults); i++)
        check_fault(i, &faults[i]);
}

/* Whatever the length of what is there, it is refused as cut short. */
static void every_shorter_file_is_refused(void **state)
{
    (void)state;
    struct buf file;
    buf_init(&file, FILE_MAX_BYTES);
    golden(TEXT, &file);
    for (size_t len = 0; len < file.len; len += len < 2000 ? 1 : 997) {
        struct arena arena;
        struct gguf gguf;
        struct reason why = {.code = ""};
        uint8_t *bytes = malloc(len + 1); /* of its own, so that reads behind it are seen */
        memcpy(bytes, file.data, len);
        arena_init(&arena, 64 << 20);
        assert_int_equal(gguf_read("file", bytes, len, &arena, &gguf, &why), STATUS_INVALID);
        assert_string_equal(why.code, "truncated");
        arena_release(&arena);
        free(bytes);
    }
    buf_release(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_fault_has_its_code),
        cmocka_unit_test(every_shorter_file_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
