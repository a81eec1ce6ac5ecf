#include "model/gguf.h"

#include "base/utf8.h"
#include "model/impostor.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    KEY_MAX_BYTES = 65535,
    NAME_MAX_BYTES = 255,
    DEFAULT_ALIGNMENT = 32,
    ALIGNMENT_MAX = 1 << 20,
    SHOWN_BYTES = 128,
    /* The least that one value and one tensor take in the file. */
    VALUE_LEAST_BYTES = 8 + 1 + 4 + 1,
    TENSOR_LEAST_BYTES = 8 + 1 + 4 + 8 + 4 + 8,
};

/* ggml's numbers for the formats of weights; those without a name here are not in files. */
static const struct {
    const char *name;
    enum dtype dtype; /* DTYPE_COUNT: cannot be read */
} formats[] = {
    [0] = {"F32", DTYPE_F32},        [1] = {"F16", DTYPE_F16},
    [2] = {"Q4_0", DTYPE_Q4_0},      [3] = {"Q4_1", DTYPE_Q4_1},
    [6] = {"Q5_0", DTYPE_Q5_0},      [7] = {"Q5_1", DTYPE_Q5_1},
    [8] = {"Q8_0", DTYPE_Q8_0},      [9] = {"Q8_1", DTYPE_COUNT},
    [10] = {"Q2_K", DTYPE_COUNT},    [11] = {"Q3_K", DTYPE_COUNT},
    [12] = {"Q4_K", DTYPE_Q4_K},     [13] = {"Q5_K", DTYPE_Q5_K},
    [14] = {"Q6_K", DTYPE_Q6_K},     [15] = {"Q8_K", DTYPE_COUNT},
    [16] = {"IQ2_XXS", DTYPE_COUNT}, [17] = {"IQ2_XS", DTYPE_COUNT},
    [18] = {"IQ3_XXS", DTYPE_COUNT}, [19] = {"IQ1_S", DTYPE_COUNT},
    [20] = {"IQ4_NL", DTYPE_IQ4_NL}, [21] = {"IQ3_S", DTYPE_COUNT},
    [22] = {"IQ2_S", DTYPE_COUNT},   [23] = {"IQ4_XS", DTYPE_IQ4_XS},
    [24] = {"I8", DTYPE_COUNT},      [25] = {"I16", DTYPE_COUNT},
    [26] = {"I32", DTYPE_COUNT},     [27] = {"I64", DTYPE_COUNT},
    [28] = {"F64", DTYPE_COUNT},     [29] = {"IQ1_M", DTYPE_COUNT},
    [30] = {"BF16", DTYPE_BF16},     [34] = {"TQ1_0", DTYPE_COUNT},
    [35] = {"TQ2_0", DTYPE_COUNT},   [39] = {"MXFP4", DTYPE_COUNT},
};

/* Reading from front to back; the first failure sticks, later reads give zeros. */
struct reader {
    const char *name;
    const uint8_t *bytes;
    size_t size, at;
    struct arena *arena;
    struct reason *why;
    enum status status;
};

static void bad_file(struct reader *r, const char *code, const char *en, const char *zh)
{
    if (r->status)
        return;
    reason_set(r->why, code, "The file %s %s%.0s.", "文件 %s %.0s%s。", r->name, en, zh);
    reason_subject(r->why, "%s", r->name);
    r->status = STATUS_INVALID;
}

/* What of a name can be printed: whole characters, not too many. */
static int shown(struct str name)
{
    const size_t valid = utf8_valid_prefix(name.ptr, name.len);
    return (int)(valid < SHOWN_BYTES ? valid : utf8_floor(name.ptr, SHOWN_BYTES));
}

static void bad_value(struct reader *r, struct str key, const char *en, const char *zh)
{
    if (r->status)
        return;
    reason_set(r->why, "bad_header", "The value %.*s in the file %s %s%.0s.",
               "值 %.*s（文件 %s）%.0s%s。", shown(key), key.ptr, r->name, en, zh);
    reason_subject(r->why, "%s: %.*s", r->name, shown(key), key.ptr);
    r->status = STATUS_INVALID;
}

static void bad_tensor(struct reader *r, const char *name, const char *code, const char *en,
                       const char *zh)
{
    if (r->status)
        return;
    const int n = shown(str_from(name));
    reason_set(r->why, code, "The tensor %.*s in the file %s %s%.0s.",
               "张量 %.*s（文件 %s）%.0s%s。", n, name, r->name, en, zh);
    reason_subject(r->why, "%s: %.*s", r->name, n, name);
    r->status = STATUS_INVALID;
}

/* The next n bytes; NULL after a failure. */
static const uint8_t *take(struct reader *r, uint64_t n)
{
    if (n > r->size - r->at)
        bad_file(r, "truncated", "is cut short inside its header", "在头部中间被截断");
    if (r->status)
        return NULL;
    const uint8_t *bytes = r->bytes + r->at;
    r->at += (size_t)n;
    return bytes;
}

static uint64_t take_number(struct reader *r, size_t width)
{
    const uint8_t *bytes = take(r, width);
    uint64_t n = 0;
    for (size_t i = 0; bytes && i < width; i++)
        n |= (uint64_t)bytes[i] << (8 * i);
    return n;
}

static struct str take_string(struct reader *r)
{
    const uint64_t len = take_number(r, 8);
    const uint8_t *bytes = take(r, len);
    return bytes ? (struct str){(const char *)bytes, (size_t)len} : (struct str){NULL, 0};
}

/* Keys and names of tensors: not empty, no zero byte, not longer than anybody writes. */
static bool is_name(struct str text, size_t most)
{
    return text.len > 0 && text.len <= most && !memchr(text.ptr, '\0', text.len);
}

static void take_elements(struct reader *r, struct gguf_value *v)
{
    v->bytes = r->bytes + r->at;
    if (v->type == GGUF_STRING) {
        for (uint64_t i = 0; i < v->count && !r->status; i++)
            (void)take_string(r);
        return;
    }
    uint64_t bytes;
    if (__builtin_mul_overflow(v->count, (uint64_t)gguf_width(v->type), &bytes))
        bytes = UINT64_MAX;
    const uint8_t *elements = take(r, bytes);
    for (uint64_t i = 0; elements && v->type == GGUF_BOOL && i < v->count; i++)
        if (elements[i] > 1)
            bad_value(r, v->key, "is neither true nor false", "既不是 true 也不是 false");
}

static void take_value(struct reader *r, struct gguf_value *v)
{
    v->key = take_string(r);
    if (!r->status && !is_name(v->key, KEY_MAX_BYTES))
        bad_file(r, "bad_header", "has a value without a proper name", "中有一个值没有合法的名字");
    uint64_t type = take_number(r, 4);
    v->is_array = type == GGUF_ARRAY;
    v->count = 1;
    if (v->is_array) {
        type = take_number(r, 4);
        v->count = take_number(r, 8);
    }
    if (type >= GGUF_TYPE_COUNT || type == GGUF_ARRAY)
        bad_value(r, v->key, "has a type that does not exist", "的类型不存在");
    v->type = (enum gguf_type)type;
    if (!r->status)
        take_elements(r, v);
}

static int by_key(const void *a, const void *b)
{
    const struct str x = ((const struct gguf_value *)a)->key;
    const struct str y = ((const struct gguf_value *)b)->key;
    const int order = memcmp(x.ptr, y.ptr, x.len < y.len ? x.len : y.len);
    return order ? order : x.len < y.len ? -1 : x.len > y.len;
}

static void take_values(struct reader *r, uint64_t count, struct gguf *out)
{
    if (count > (r->size - r->at) / VALUE_LEAST_BYTES)
        bad_file(r, "truncated", "has room for fewer values than it announces",
                 "放不下它所声明的那么多值");
    if (r->status)
        return;
    out->values = arena_array(r->arena, (size_t)count + 1, sizeof *out->values);
    if (!out->values) {
        r->status = reason_no_memory(r->why, (size_t)count * sizeof *out->values);
        return;
    }
    for (; out->value_count < count && !r->status; out->value_count++)
        take_value(r, &out->values[out->value_count]);
    if (r->status)
        return;
    qsort(out->values, out->value_count, sizeof *out->values, by_key);
    for (size_t i = 1; i < out->value_count; i++)
        if (str_eq(out->values[i - 1].key, out->values[i].key))
            bad_value(r, out->values[i].key, "is given twice", "出现了两次");
}

static uint64_t read_alignment(struct reader *r, const struct gguf *gguf)
{
    const struct gguf_value *v = gguf_find(gguf, "general.alignment");
    int64_t n = DEFAULT_ALIGNMENT;
    if (v && (!gguf_integer(v, &n) || n < 1 || n > ALIGNMENT_MAX || (n & (n - 1))))
        bad_value(r, v->key, "is not a power of two up to 1048576", "不是不超过 1048576 的 2 的幂");
    return (uint64_t)n;
}

/* `type`: ggml's number. */
static void set_dtype(struct reader *r, struct tensor *t, uint64_t type)
{
    const char *known = type < ARRAY_LEN(formats) ? formats[type].name : NULL;
    if (known && formats[type].dtype != DTYPE_COUNT) {
        t->dtype = formats[type].dtype;
        return;
    }
    static const char readable[] =
        "F32 F16 BF16 Q8_0 Q4_0 Q4_1 Q5_0 Q5_1 Q4_K Q5_K Q6_K IQ4_NL IQ4_XS";
    char number[24], en[160], zh[160];
    snprintf(number, sizeof number, "%llu", (unsigned long long)type);
    snprintf(en, sizeof en, "has the type %s; can be read: %s", known ? known : number, readable);
    snprintf(zh, sizeof zh, "的类型是 %s；可读取的类型：%s", known ? known : number, readable);
    bad_tensor(r, t->name, "wrong_dtype", en, zh);
}

/* Sides come fastest first; a row is whole blocks. */
static void take_shape(struct reader *r, struct tensor *t)
{
    const uint64_t dims = take_number(r, 4);
    if (!r->status && (dims < 1 || dims > TENSOR_DIMS_MAX))
        bad_tensor(r, t->name, "wrong_shape", "does not have 1 to 5 dimensions",
                   "的维数不在 1 到 5 之间");
    if (r->status)
        return;
    t->dims = (uint32_t)dims;
    for (uint32_t i = t->dims; i-- > 0;)
        t->shape[i] = take_number(r, 8);
    set_dtype(r, t, take_number(r, 4));
    if (r->status)
        return;
    const struct dtype_info *info = dtype_info(t->dtype);
    const uint64_t row = t->shape[t->dims - 1];
    t->bytes = row / info->values;
    bool fits = !__builtin_mul_overflow(t->bytes, (uint64_t)info->bytes, &t->bytes);
    for (uint32_t i = 0; i + 1 < t->dims; i++)
        fits = fits && !__builtin_mul_overflow(t->bytes, t->shape[i], &t->bytes);
    if (row % info->values)
        bad_tensor(r, t->name, "wrong_shape", "has rows that are not whole blocks",
                   "的行长不是整数个量化块");
    if (!fits || t->bytes > (uint64_t)INT64_MAX)
        bad_tensor(r, t->name, "wrong_size", "has a shape too large for any file", "的形状过大");
}

/* The description of one tensor; its place in the data is left in *offset. */
static void take_tensor(struct reader *r, struct tensor *t, uint64_t *offset)
{
    const struct str name = take_string(r);
    if (!r->status && !is_name(name, NAME_MAX_BYTES))
        bad_file(r, "bad_header", "has a tensor without a proper name",
                 "中有一个张量没有合法的名字");
    if (r->status)
        return;
    t->file = r->name;
    t->name = t->spelled = arena_strdup(r->arena, name);
    if (!t->name) {
        r->status = reason_no_memory(r->why, name.len);
        return;
    }
    take_shape(r, t);
    *offset = take_number(r, 8);
}

static void place_tensors(struct reader *r, struct gguf *out, const uint64_t *offsets,
                          uint64_t alignment)
{
    const uint64_t begin = (r->at + alignment - 1) / alignment * alignment;
    if (begin > r->size && out->tensor_count)
        bad_file(r, "truncated", "ends with its header", "只有头部");
    for (size_t i = 0; i < out->tensor_count && !r->status; i++) {
        struct tensor *t = &out->tensors[i];
        if (offsets[i] % alignment)
            bad_tensor(r, t->name, "bad_header", "does not begin on the file's alignment",
                       "的起点没有按文件的要求对齐");
        if (offsets[i] > r->size - begin || t->bytes > r->size - begin - offsets[i])
            bad_tensor(r, t->name, "truncated", "ends beyond the end of the file",
                       "超出了文件末尾");
        if (!r->status)
            t->data = r->bytes + begin + offsets[i];
    }
    r->at = begin < r->size ? (size_t)begin : r->size;
}

static int by_place(const void *a, const void *b)
{
    const struct tensor *x = a, *y = b;
    if (x->data != y->data)
        return (uintptr_t)x->data < (uintptr_t)y->data ? -1 : 1;
    return x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}

static int by_name(const void *a, const void *b)
{
    const struct tensor *x = a, *y = b;
    return strcmp(x->name, y->name);
}

/* Behind each tensor the next begins, or the file ends, within its padding. */
static void check_places(struct reader *r, struct gguf *out, uint64_t alignment)
{
    qsort(out->tensors, out->tensor_count, sizeof *out->tensors, by_place);
    const uint8_t *at = r->bytes + r->at;
    for (size_t i = 0; i < out->tensor_count; i++) {
        const struct tensor *t = &out->tensors[i];
        const uint8_t *data = t->data;
        if (data < at)
            bad_tensor(r, t->name, "overlapping", "overlaps another tensor", "与另一个张量重叠");
        else if ((uint64_t)(data - at) >= alignment)
            bad_tensor(r, t->name, "bad_header", "leaves a gap in front of it", "之前有一段空隙");
        at = data + t->bytes;
    }
    if (!r->status && (uint64_t)(r->bytes + r->size - at) >= alignment)
        bad_file(r, "wrong_size", "has bytes behind its last tensor",
                 "在最后一个张量之后还有多余字节");
}

static void check_names(struct reader *r, struct gguf *out)
{
    qsort(out->tensors, out->tensor_count, sizeof *out->tensors, by_name);
    for (size_t i = 1; i < out->tensor_count; i++)
        if (strcmp(out->tensors[i - 1].name, out->tensors[i].name) == 0)
            bad_tensor(r, out->tensors[i].name, "bad_header", "is listed twice", "被列出了两次");
}

static void take_tensors(struct reader *r, uint64_t count, struct gguf *out)
{
    const uint64_t alignment = read_alignment(r, out);
    if (count > (r->size - r->at) / TENSOR_LEAST_BYTES)
        bad_file(r, "truncated", "has room for fewer tensors than it announces",
                 "放不下它所声明的那么多张量");
    if (r->status)
        return;
    out->tensors = arena_array(r->arena, (size_t)count + 1, sizeof *out->tensors);
    uint64_t *offsets = arena_array(r->arena, (size_t)count + 1, sizeof *offsets);
    if (!out->tensors || !offsets) {
        r->status = reason_no_memory(r->why, (size_t)count * sizeof *out->tensors);
        return;
    }
    for (size_t i = 0; i < count && !r->status; i++)
        take_tensor(r, &out->tensors[i], &offsets[i]);
    if (r->status)
        return;
    out->tensor_count = (size_t)count;
    place_tensors(r, out, offsets, alignment);
    if (!r->status)
        check_names(r, out); /* a tensor listed twice overlaps as well */
    if (!r->status)
        check_places(r, out, alignment);
    qsort(out->tensors, out->tensor_count, sizeof *out->tensors, by_name);
}

bool gguf_is(const uint8_t *bytes, size_t size)
{
    return size >= 4 && memcmp(bytes, "GGUF", 4) == 0;
}

static void check_magic(struct reader *r)
{
    const size_t most = r->size < 64 ? r->size : 64;
    r->status = impostor_check(r->name, (struct str){(const char *)r->bytes, most}, r->why);
    if (!r->status && r->size >= 4 && !gguf_is(r->bytes, r->size))
        bad_file(r, "not_a_checkpoint", "is not a GGUF file", "不是 GGUF 文件");
    (void)take(r, 4);
    const uint64_t version = take_number(r, 4);
    if (!r->status && (version & 0xFFFF) == 0)
        bad_file(r, "bad_header", "is big-endian; only little-endian GGUF files can be read",
                 "是大端格式；只能读取小端的 GGUF 文件");
    if (version != 2 && version != 3)
        bad_file(r, "bad_header", "has a version other than 2 and 3", "的版本不是 2 或 3");
}

enum status gguf_read(const char *name, const uint8_t *bytes, size_t size, struct arena *arena,
                      struct gguf *out, struct reason *why)
{
    struct reader r = {.name = name, .bytes = bytes, .size = size, .arena = arena, .why = why};
    *out = (struct gguf){.name = name};
    check_magic(&r);
    const uint64_t tensors = take_number(&r, 8), values = take_number(&r, 8);
    if (!r.status)
        take_values(&r, values, out);
    if (!r.status)
        take_tensors(&r, tensors, out);
    return r.status;
}
