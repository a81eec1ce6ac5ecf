/* The GGUF container, versions 2 and 3, little-endian (specification 10.1; ggml's docs/gguf.md):
 * named values, then descriptions of tensors, then their data.
 *
 * A file is checked completely before anything is used: lengths and counts against the file,
 * known types, every tensor inside the data and on its alignment, none overlapping, nothing behind
 * the last. Values and tensors stay in the bytes that were read. */
#pragma once

#include "base/arena.h"
#include "model/checkpoint.h"

enum gguf_type {
    GGUF_U8,
    GGUF_I8,
    GGUF_U16,
    GGUF_I16,
    GGUF_U32,
    GGUF_I32,
    GGUF_F32,
    GGUF_BOOL,
    GGUF_STRING,
    GGUF_ARRAY,
    GGUF_U64,
    GGUF_I64,
    GGUF_F64,
    GGUF_TYPE_COUNT
};

/* One value, or an array of `count` of them. */
struct gguf_value {
    struct str key;
    enum gguf_type type; /* of the elements, never GGUF_ARRAY */
    bool is_array;
    uint64_t count;
    const uint8_t *bytes; /* packed; strings with their lengths before them */
};

struct gguf {
    const char *name;          /* of the file, in messages; borrowed */
    struct gguf_value *values; /* sorted by key */
    size_t value_count;
    struct tensor *tensors; /* sorted by name; shapes row-major, last index fastest */
    size_t tensor_count;
};

/* Whether these bytes begin a GGUF file. */
bool gguf_is(const uint8_t *bytes, size_t size);

/* Reads a mapped file. Memory comes from `arena`. Codes: truncated bad_header overlapping
 * wrong_size wrong_dtype wrong_shape not_a_checkpoint. */
MUST_CHECK enum status gguf_read(const char *name, const uint8_t *bytes, size_t size,
                                 struct arena *arena, struct gguf *out, struct reason *why);

const struct gguf_value *gguf_find(const struct gguf *gguf, const char *key);

/* Bytes of one value; 0 for strings. */
size_t gguf_width(enum gguf_type type);

/* Single values; false if there is none of that kind (any width will do). */
bool gguf_integer(const struct gguf_value *value, int64_t *out);
bool gguf_real(const struct gguf_value *value, double *out); /* whole numbers too */
bool gguf_bool(const struct gguf_value *value, bool *out);
bool gguf_string(const struct gguf_value *value, struct str *out);

/* Element `index` of an array of numbers, as above. */
bool gguf_integer_at(const struct gguf_value *array, uint64_t index, int64_t *out);
bool gguf_real_at(const struct gguf_value *array, uint64_t index, double *out);
bool gguf_bool_at(const struct gguf_value *array, uint64_t index, bool *out);

/* The strings of an array one after the other: *at starts at array->bytes. */
struct str gguf_next_string(const uint8_t **at);

/* NULL is no array of strings either. */
bool gguf_is_strings(const struct gguf_value *value);
