/* Reading golden data in tests: lines of JSON, and tensors. Whatever is wrong fails the test. */
#pragma once

#include "os/file.h"
#include "json/json.h"

/* A file of one JSON value a line. */
struct golden_lines {
    char *text;
    size_t len, at;
    struct arena arena; /* of the current line */
};

/* path: relative to the repository root. */
void golden_lines_open(struct golden_lines *lines, const char *path);
/* The next line, valid until the next call; NULL at the end. */
const struct json *golden_lines_next(struct golden_lines *lines);
void golden_lines_close(struct golden_lines *lines);

/* Members that must be there. */
const struct json *golden_get(const struct json *object, const char *key);
double golden_number(const struct json *value);
int32_t golden_int(const struct json *value);
/* A new array of the numbers of a JSON array; free() it. */
int32_t *golden_ints(const struct json *array, size_t *count);

/* A safetensors file. */
struct golden_tensors {
    struct file_map map;
    struct arena arena;
    char *header;
    struct json *root;
    const uint8_t *data;
};

void golden_tensors_open(struct golden_tensors *tensors, const char *path);
void golden_tensors_close(struct golden_tensors *tensors);

struct golden_tensor {
    const void *data;     /* NULL: no such tensor */
    size_t rows, columns; /* the last dimension, and the product of the others */
    struct str dtype;
};

/* name: printf format. */
struct golden_tensor golden_tensor(const struct golden_tensors *tensors, const char *name, ...)
    __attribute__((format(printf, 2, 3)));

/* "ROOT/path" in static memory, ROOT being the repository. */
const char *golden_path(const char *path);
