#include "model/gguf.h"

#include <stdlib.h>

size_t gguf_width(enum gguf_type type)
{
    static const uint8_t widths[GGUF_TYPE_COUNT] = {
        [GGUF_U8] = 1,  [GGUF_I8] = 1,  [GGUF_BOOL] = 1, [GGUF_U16] = 2,
        [GGUF_I16] = 2, [GGUF_U32] = 4, [GGUF_I32] = 4,  [GGUF_F32] = 4,
        [GGUF_U64] = 8, [GGUF_I64] = 8, [GGUF_F64] = 8};
    return widths[type];
}

static int compare_key(const void *key, const void *value)
{
    const struct str a = *(const struct str *)key, b = ((const struct gguf_value *)value)->key;
    const int order = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);
    return order ? order : a.len < b.len ? -1 : a.len > b.len;
}

const struct gguf_value *gguf_find(const struct gguf *gguf, const char *key)
{
    const struct str text = str_from(key);
    return gguf->value_count
               ? bsearch(&text, gguf->values, gguf->value_count, sizeof *gguf->values, compare_key)
               : NULL;
}

static uint64_t little_endian(const uint8_t *bytes, size_t width)
{
    uint64_t n = 0;
    for (size_t i = 0; i < width; i++)
        n |= (uint64_t)bytes[i] << (8 * i);
    return n;
}

bool gguf_integer_at(const struct gguf_value *v, uint64_t index, int64_t *out)
{
    if (!v || index >= v->count || v->type == GGUF_STRING)
        return false;
    const uint64_t n = little_endian(v->bytes + index * gguf_width(v->type), gguf_width(v->type));
    switch (v->type) {
    case GGUF_I8: *out = (int8_t)n; return true;
    case GGUF_I16: *out = (int16_t)n; return true;
    case GGUF_I32: *out = (int32_t)n; return true;
    case GGUF_U8:
    case GGUF_U16:
    case GGUF_U32:
    case GGUF_I64: *out = (int64_t)n; return true;
    case GGUF_U64: *out = (int64_t)n; return n <= INT64_MAX;
    default: return false;
    }
}

bool gguf_real_at(const struct gguf_value *v, uint64_t index, double *out)
{
    int64_t n;
    if (gguf_integer_at(v, index, &n)) {
        *out = (double)n;
        return true;
    }
    if (!v || index >= v->count || (v->type != GGUF_F32 && v->type != GGUF_F64))
        return false;
    if (v->type == GGUF_F64) {
        memcpy(out, v->bytes + 8 * index, sizeof *out);
        return true;
    }
    float single;
    memcpy(&single, v->bytes + 4 * index, sizeof single);
    *out = (double)single;
    return true;
}

bool gguf_bool_at(const struct gguf_value *v, uint64_t index, bool *out)
{
    if (!v || index >= v->count || v->type != GGUF_BOOL)
        return false;
    *out = v->bytes[index] != 0;
    return true;
}

bool gguf_integer(const struct gguf_value *v, int64_t *out)
{
    return v && !v->is_array && gguf_integer_at(v, 0, out);
}

bool gguf_real(const struct gguf_value *v, double *out)
{
    return v && !v->is_array && gguf_real_at(v, 0, out);
}

bool gguf_bool(const struct gguf_value *v, bool *out)
{
    return v && !v->is_array && gguf_bool_at(v, 0, out);
}

struct str gguf_next_string(const uint8_t **at)
{
    const size_t len = (size_t)little_endian(*at, 8);
    const struct str text = {(const char *)*at + 8, len};
    *at += 8 + len;
    return text;
}

bool gguf_string(const struct gguf_value *v, struct str *out)
{
    if (!v || v->is_array || v->type != GGUF_STRING)
        return false;
    const uint8_t *at = v->bytes;
    *out = gguf_next_string(&at);
    return true;
}

bool gguf_is_strings(const struct gguf_value *v)
{
    return v && v->is_array && v->type == GGUF_STRING;
}
