#include "golden.h"

#include "base/test.h"

enum { LINE_BYTES_MAX = 64 << 20 };

const char *golden_path(const char *path)
{
    static char whole[4096];
    const char *root = getenv("QVL_SOURCE_ROOT");
    assert_true(path_join(whole, sizeof whole, root ? root : ".", path));
    return whole;
}

void golden_lines_open(struct golden_lines *lines, const char *path)
{
    struct buf text;
    struct reason why;
    buf_init(&text, LINE_BYTES_MAX);
    if (file_read(golden_path(path), &text, &why) != STATUS_OK)
        fail_msg("%s", why.message[LANG_EN]);
    *lines = (struct golden_lines){.len = text.len};
    lines->text = buf_detach(&text);
    arena_init(&lines->arena, LINE_BYTES_MAX);
}

const struct json *golden_lines_next(struct golden_lines *lines)
{
    arena_release(&lines->arena);
    if (lines->at >= lines->len)
        return NULL;
    char *line = lines->text + lines->at;
    char *end = memchr(line, '\n', lines->len - lines->at);
    const size_t n = end ? (size_t)(end - line) : lines->len - lines->at;
    lines->at += n + 1;
    struct json *root = NULL;
    struct reason why;
    if (json_parse(line, n, (struct json_limits){0}, &lines->arena, &root, &why) != STATUS_OK)
        fail_msg("%s", why.message[LANG_EN]);
    return root;
}

void golden_lines_close(struct golden_lines *lines)
{
    free(lines->text);
    arena_release(&lines->arena);
}

const struct json *golden_get(const struct json *object, const char *key)
{
    const struct json *value = json_get(object, key);
    if (!value)
        fail_msg("golden data lacks %s", key);
    return value;
}

double golden_number(const struct json *value)
{
    double number = 0;
    assert_true(json_double(value, &number));
    return number;
}

int32_t golden_int(const struct json *value)
{
    int64_t number = 0;
    assert_true(json_int64(value, &number));
    return (int32_t)number;
}

int32_t *golden_ints(const struct json *array, size_t *count)
{
    int32_t *ints = malloc((array->count + 1) * sizeof *ints);
    assert_non_null(ints);
    *count = 0;
    JSON_EACH(item, array)
        ints[(*count)++] = golden_int(item);
    return ints;
}

void golden_tensors_open(struct golden_tensors *tensors, const char *path)
{
    struct reason why;
    if (file_map_open(golden_path(path), &tensors->map, &why) != STATUS_OK)
        fail_msg("%s", why.message[LANG_EN]);
    uint64_t n = 0;
    memcpy(&n, tensors->map.data, sizeof n); /* little-endian, as the machines we build for */
    assert_true(n < tensors->map.size - sizeof n);
    tensors->header = malloc(n);
    assert_non_null(tensors->header);
    memcpy(tensors->header, tensors->map.data + sizeof n, n);
    arena_init(&tensors->arena, LINE_BYTES_MAX);
    if (json_parse(tensors->header, n, (struct json_limits){0}, &tensors->arena, &tensors->root,
                   &why) != STATUS_OK)
        fail_msg("%s", why.message[LANG_EN]);
    tensors->data = tensors->map.data + sizeof n + n;
}

void golden_tensors_close(struct golden_tensors *tensors)
{
    arena_release(&tensors->arena);
    free(tensors->header);
    file_map_close(&tensors->map);
}

struct golden_tensor golden_tensor(const struct golden_tensors *tensors, const char *name, ...)
{
    char key[256];
    va_list args;
    va_start(args, name);
    vsnprintf(key, sizeof key, name, args);
    va_end(args);
    struct golden_tensor tensor = {0};
    const struct json *entry = json_get(tensors->root, key);
    if (!entry)
        return tensor;
    tensor.rows = tensor.columns = 1;
    JSON_EACH(dimension, golden_get(entry, "shape")) {
        tensor.rows *= tensor.columns;
        tensor.columns = (size_t)golden_int(dimension);
    }
    const size_t begin = (size_t)golden_int(golden_get(entry, "data_offsets")->first);
    assert_true(begin < tensors->map.size);
    tensor.data = tensors->data + begin;
    tensor.dtype = golden_get(entry, "dtype")->text;
    return tensor;
}
