/* Writing a GGUF file, version 3 (specification 10.1): values, then tensors in the order they are
 * declared, then their data in the same order.
 *
 * The file grows beside its final name, as PATH.partial, and takes the name when it is complete and
 * on the disk: whatever happens before, there is no half file PATH. */
#pragma once

#include "base/buf.h"
#include "base/status.h"
#include "model/checkpoint.h"
#include "model/gguf.h"

struct gguf_writer {
    const char *path; /* borrowed */
    char *partial;
    int fd;
    struct buf values, tensors;
    uint64_t value_count, tensor_count;
    uint64_t offset;  /* of the next declared tensor in the data */
    uint64_t written; /* bytes of data */
};

/* Begins a file in memory. Codes: unwritable memory_full. */
MUST_CHECK enum status gguf_writer_open(const char *path, struct gguf_writer *out,
                                        struct reason *why);
/* Gives up: removes what was written. After gguf_writer_finish nothing. */
void gguf_writer_close(struct gguf_writer *writer);

void gguf_put_u32(struct gguf_writer *writer, const char *key, uint32_t value);
void gguf_put_f32(struct gguf_writer *writer, const char *key, float value);
void gguf_put_bool(struct gguf_writer *writer, const char *key, bool value);
void gguf_put_string(struct gguf_writer *writer, const char *key, struct str text);

/* The head of an array; its `count` elements follow by the functions below. */
void gguf_put_array(struct gguf_writer *writer, const char *key, enum gguf_type type,
                    uint64_t count);
void gguf_add_i32(struct gguf_writer *writer, int32_t value);
void gguf_add_f32(struct gguf_writer *writer, float value);
void gguf_add_bool(struct gguf_writer *writer, bool value);
void gguf_add_string(struct gguf_writer *writer, struct str text);

/* A value as another file has it. */
void gguf_put_value(struct gguf_writer *writer, const struct gguf_value *value);

/* Declares a tensor; the shape is row-major, its last side in whole blocks. */
void gguf_put_tensor(struct gguf_writer *writer, const char *name, enum dtype dtype,
                     const uint64_t *shape, uint32_t dims);

/* Writes everything declared. Codes: unwritable memory_full. */
MUST_CHECK enum status gguf_write_header(struct gguf_writer *writer, struct reason *why);
/* The next bytes of data; after a tensor's last ones `gguf_write_padding`. Code: unwritable. */
MUST_CHECK enum status gguf_write_data(struct gguf_writer *writer, const void *data, size_t bytes,
                                       struct reason *why);
MUST_CHECK enum status gguf_write_padding(struct gguf_writer *writer, struct reason *why);

/* Brings all to the disk and gives the file its name. Code: unwritable. */
MUST_CHECK enum status gguf_writer_finish(struct gguf_writer *writer, struct reason *why);
