#include "model/safetensors.h"

#include "base/utf8.h"
#include "model/impostor.h"
#include "json/json.h"

#include <stdio.h>
#include <stdlib.h>

enum { LENGTH_BYTES = 8, HEADER_MAX_BYTES = 100 << 20 };

struct container {
    const char *name; /* of the file */
    const uint8_t *bytes;
    size_t size, data_begin; /* offset of the raw tensors */
    struct arena *arena;
    struct reason *why;
};

static enum status bad_file(const struct container *c, const char *code, const char *en,
                            const char *zh)
{
    reason_set(c->why, code, "The file %s %s%.0s.", "文件 %s %.0s%s。", c->name, en, zh);
    reason_subject(c->why, "%s", c->name);
    return STATUS_INVALID;
}

static enum status bad_tensor(const struct container *c, struct str name, const char *code,
                              const char *en, const char *zh)
{
    const int shown = (int)(name.len < 128 ? name.len : utf8_floor(name.ptr, 128));
    reason_set(c->why, code, "The tensor %.*s in the file %s %s%.0s.",
               "张量 %.*s（文件 %s）%.0s%s。", shown, name.ptr, c->name, en, zh);
    reason_subject(c->why, "%s: %.*s", c->name, shown, name.ptr);
    return STATUS_INVALID;
}

static enum status check_is_container(const struct container *c)
{
    const struct str head = {(const char *)c->bytes, c->size < 64 ? c->size : 64};
    if (str_starts(head, "GGUF"))
        return bad_file(c, "not_a_checkpoint", "is a GGUF file under a safetensors name",
                        "是 GGUF 文件，却用了 safetensors 的名字");
    return impostor_check(c->name, head, c->why);
}

/* The header's length, checked against the file and the cap. */
static enum status header_length(const struct container *c, size_t *length)
{
    if (c->size < LENGTH_BYTES)
        return bad_file(c, "truncated", "is cut short: it has not even a header",
                        "不完整：连头部都没有");
    uint64_t n = 0;
    for (int i = 0; i < LENGTH_BYTES; i++)
        n |= (uint64_t)c->bytes[i] << (8 * i);
    if (n > HEADER_MAX_BYTES)
        return bad_file(c, "bad_header", "claims a header of more than 100 MiB",
                        "声称头部超过 100 MiB");
    if (n > c->size - LENGTH_BYTES)
        return bad_file(c, "truncated", "is cut short inside its header", "在头部中间被截断");
    if (n < 2 || c->bytes[LENGTH_BYTES] != '{')
        return bad_file(c, "bad_header", "has no JSON object as its header",
                        "的头部不是 JSON 对象");
    *length = (size_t)n;
    return STATUS_OK;
}

static enum status read_dtype(const struct container *c, struct str name, const struct json *v,
                              enum dtype *out)
{
    static const struct {
        const char *name;
        enum dtype dtype;
    } known[] = {
        {"F32", DTYPE_F32}, {"F16", DTYPE_F16}, {"BF16", DTYPE_BF16}, {"F8_E4M3", DTYPE_F8_E4M3}};
    if (!json_is(v, JSON_STRING))
        return bad_tensor(c, name, "bad_header", "has no dtype", "没有 dtype");
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (str_is(v->text, known[i].name)) {
            *out = known[i].dtype;
            return STATUS_OK;
        }
    }
    char en[96], zh[96];
    const int shown = (int)(v->text.len < 32 ? v->text.len : utf8_floor(v->text.ptr, 32));
    snprintf(en, sizeof en, "has the type %.*s; F32, F16, BF16 and F8_E4M3 can be read", shown,
             v->text.ptr);
    snprintf(zh, sizeof zh, "的类型是 %.*s；可读取的类型为 F32、F16、BF16、F8_E4M3", shown,
             v->text.ptr);
    return bad_tensor(c, name, "wrong_dtype", en, zh);
}

static bool read_size(const struct json *v, uint64_t *out)
{
    int64_t n;
    if (!json_int64(v, &n) || n < 0)
        return false;
    *out = (uint64_t)n;
    return true;
}

static enum status read_shape(const struct container *c, struct str name, const struct json *v,
                              struct tensor *t)
{
    if (!json_is(v, JSON_ARRAY))
        return bad_tensor(c, name, "bad_header", "has no shape", "没有 shape");
    if (v->count > TENSOR_DIMS_MAX)
        return bad_tensor(c, name, "wrong_shape", "has more than 5 dimensions", "的维数超过 5");
    uint64_t bytes = dtype_info(t->dtype)->bytes;
    JSON_EACH(side, v) {
        uint64_t n;
        if (!read_size(side, &n))
            return bad_tensor(c, name, "bad_header", "has a shape that is not whole numbers",
                              "的 shape 不是非负整数");
        if (__builtin_mul_overflow(bytes, n, &bytes))
            return bad_tensor(c, name, "wrong_size", "has a shape too large for any file",
                              "的 shape 过大");
        t->shape[t->dims++] = n;
    }
    t->bytes = bytes;
    return STATUS_OK;
}

static enum status read_offsets(const struct container *c, struct str name, const struct json *v,
                                struct tensor *t)
{
    uint64_t begin, end;
    if (!json_is(v, JSON_ARRAY) || v->count != 2 || !read_size(v->first, &begin) ||
        !read_size(v->first->next, &end) || end < begin)
        return bad_tensor(c, name, "bad_header", "has no pair of rising data_offsets",
                          "的 data_offsets 不是一对递增的偏移");
    if (end - begin != t->bytes)
        return bad_tensor(c, name, "wrong_size", "has another size than its shape and type give",
                          "的大小与形状和类型不符");
    if (end > c->size - c->data_begin)
        return bad_tensor(c, name, "truncated", "ends beyond the end of the file",
                          "超出了文件末尾");
    t->data = c->bytes + c->data_begin + begin;
    return STATUS_OK;
}

/* A description that says one thing twice could be read in two ways. */
static bool has_repeated_member(const struct json *object)
{
    static const char *const members[] = {"dtype", "shape", "data_offsets"};
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        int seen = 0;
        JSON_EACH(member, object)
            seen += str_is(member->key, members[i]);
        if (seen > 1)
            return true;
    }
    return false;
}

static enum status read_tensor(const struct container *c, const struct json *entry,
                               struct tensor *t)
{
    const struct str name = entry->key;
    if (!json_is(entry, JSON_OBJECT) || memchr(name.ptr, '\0', name.len))
        return bad_tensor(c, name, "bad_header", "is not described by an object", "的描述不是对象");
    if (has_repeated_member(entry))
        return bad_tensor(c, name, "bad_header", "is described twice", "被描述了两次");
    t->file = c->name;
    t->name = t->spelled = arena_strdup(c->arena, name);
    if (!t->name)
        return reason_no_memory(c->why, name.len);
    enum status status = read_dtype(c, name, json_get(entry, "dtype"), &t->dtype);
    if (!status)
        status = read_shape(c, name, json_get(entry, "shape"), t);
    if (!status)
        status = read_offsets(c, name, json_get(entry, "data_offsets"), t);
    return status;
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

/* Every byte of the data belongs to exactly one tensor. */
static enum status check_places(const struct container *c, struct tensor *tensors, size_t count)
{
    qsort(tensors, count, sizeof *tensors, by_place);
    const uint8_t *at = c->bytes + c->data_begin;
    for (size_t i = 0; i < count; i++) {
        const struct str name = str_from(tensors[i].name);
        if ((const uint8_t *)tensors[i].data < at)
            return bad_tensor(c, name, "overlapping", "overlaps another tensor",
                              "与另一个张量重叠");
        if ((const uint8_t *)tensors[i].data > at)
            return bad_tensor(c, name, "bad_header", "leaves a gap in front of it",
                              "之前有一段空隙");
        at += tensors[i].bytes;
    }
    if (at != c->bytes + c->size)
        return bad_file(c, "wrong_size", "has bytes behind its last tensor",
                        "在最后一个张量之后还有多余字节");
    return STATUS_OK;
}

static enum status check_names(const struct container *c, struct tensor *tensors, size_t count)
{
    qsort(tensors, count, sizeof *tensors, by_name);
    for (size_t i = 1; i < count; i++)
        if (strcmp(tensors[i - 1].name, tensors[i].name) == 0)
            return bad_tensor(c, str_from(tensors[i].name), "bad_header", "is listed twice",
                              "被列出了两次");
    return STATUS_OK;
}

static enum status read_tensors(const struct container *c, const struct json *header,
                                struct tensor **tensors, size_t *count)
{
    if (!json_is(header, JSON_OBJECT))
        return bad_file(c, "bad_header", "has no JSON object as its header",
                        "的头部不是 JSON 对象");
    struct tensor *list = arena_array(c->arena, header->count + 1, sizeof *list);
    if (!list)
        return reason_no_memory(c->why, header->count * sizeof *list);
    size_t n = 0;
    JSON_EACH(entry, header) {
        if (str_is(entry->key, "__metadata__"))
            continue;
        const enum status status = read_tensor(c, entry, &list[n++]);
        if (status)
            return status;
    }
    enum status status = check_names(c, list, n); /* a tensor listed twice overlaps as well */
    if (!status)
        status = check_places(c, list, n);
    qsort(list, n, sizeof *list, by_name);
    *tensors = list;
    *count = n;
    return status;
}

enum status safetensors_read(const char *file, const uint8_t *bytes, size_t size,
                             struct arena *arena, struct tensor **tensors, size_t *count,
                             struct reason *why)
{
    struct container c = {file, bytes, size, 0, arena, why};
    size_t length = 0;
    enum status status = check_is_container(&c);
    if (!status)
        status = header_length(&c, &length);
    if (status)
        return status;
    c.data_begin = LENGTH_BYTES + length;

    struct arena scratch; /* the header's text and tree; nodes are ten times the text at worst */
    arena_init(&scratch, 64 * (length + (1 << 16)));
    char *text = arena_strdup(&scratch, (struct str){(const char *)bytes + LENGTH_BYTES, length});
    struct json *header;
    if (!text) {
        status = reason_no_memory(why, length);
    } else {
        struct reason syntax;
        status = json_parse(text, length, (struct json_limits){.max_depth = 8}, &scratch, &header,
                            &syntax);
        if (status == STATUS_NO_MEMORY)
            status = reason_no_memory(why, length);
        else if (status)
            status = bad_file(&c, "bad_header", "has a header that is not valid JSON",
                              "的头部不是合法的 JSON");
        else
            status = read_tensors(&c, header, tensors, count);
    }
    arena_release(&scratch);
    return status;
}
