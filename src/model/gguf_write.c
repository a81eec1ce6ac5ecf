#include "model/gguf_write.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { VERSION = 3, ALIGNMENT = 32, HEADER_MAX_BYTES = 1 << 29, WRITE_MAX_BYTES = 1 << 24 };

/* ggml's numbers for the formats of weights. */
static const uint32_t type_numbers[DTYPE_COUNT] = {
    [DTYPE_F32] = 0,     [DTYPE_F16] = 1,   [DTYPE_BF16] = 30, [DTYPE_Q8_0] = 8,
    [DTYPE_Q4_0] = 2,    [DTYPE_Q4_1] = 3,  [DTYPE_Q5_0] = 6,  [DTYPE_Q5_1] = 7,
    [DTYPE_Q4_K] = 12,   [DTYPE_Q5_K] = 13, [DTYPE_Q6_K] = 14, [DTYPE_IQ4_NL] = 20,
    [DTYPE_IQ4_XS] = 23,
};

static enum status refused(const struct gguf_writer *w, int error, struct reason *why)
{
    reason_set(why, "unwritable", "The file %s cannot be written: %s.", "无法写入文件 %s：%s。",
               w->path, strerror(error));
    reason_subject(why, "%s", w->path);
    if (error == ENOSPC || error == EDQUOT)
        reason_hint(why, "Free some space, or choose a folder on another disk.",
                    "请腾出空间，或选择其他磁盘上的目录。");
    return STATUS_IO;
}

enum status gguf_writer_open(const char *path, struct gguf_writer *w, struct reason *why)
{
    const size_t bytes = strlen(path) + sizeof ".partial";
    *w = (struct gguf_writer){.path = path, .fd = -1, .partial = malloc(bytes)};
    if (!w->partial)
        return reason_no_memory(why, bytes);
    snprintf(w->partial, bytes, "%s.partial", path);
    buf_init(&w->values, HEADER_MAX_BYTES);
    buf_init(&w->tensors, HEADER_MAX_BYTES);
    w->fd = open(w->partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (w->fd >= 0)
        return STATUS_OK;
    const enum status status = refused(w, errno, why);
    free(w->partial);
    w->partial = NULL;
    return status;
}

void gguf_writer_close(struct gguf_writer *w)
{
    if (w->fd >= 0) {
        close(w->fd);
        unlink(w->partial);
    }
    buf_release(&w->values);
    buf_release(&w->tensors);
    free(w->partial);
    *w = (struct gguf_writer){.fd = -1};
}

static void add_number(struct buf *to, uint64_t n, size_t width)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < width; i++)
        bytes[i] = (uint8_t)(n >> (8 * i));
    buf_add(to, bytes, width);
}

static void add_string(struct buf *to, struct str text)
{
    add_number(to, text.len, 8);
    buf_add(to, text.ptr, text.len);
}

static void add_key(struct gguf_writer *w, struct str key, enum gguf_type type)
{
    add_string(&w->values, key);
    add_number(&w->values, type, 4);
    w->value_count++;
}

void gguf_put_u32(struct gguf_writer *w, const char *key, uint32_t value)
{
    add_key(w, str_from(key), GGUF_U32);
    add_number(&w->values, value, 4);
}

void gguf_put_f32(struct gguf_writer *w, const char *key, float value)
{
    add_key(w, str_from(key), GGUF_F32);
    gguf_add_f32(w, value);
}

void gguf_put_bool(struct gguf_writer *w, const char *key, bool value)
{
    add_key(w, str_from(key), GGUF_BOOL);
    gguf_add_bool(w, value);
}

void gguf_put_string(struct gguf_writer *w, const char *key, struct str text)
{
    add_key(w, str_from(key), GGUF_STRING);
    add_string(&w->values, text);
}

void gguf_put_array(struct gguf_writer *w, const char *key, enum gguf_type type, uint64_t count)
{
    add_key(w, str_from(key), GGUF_ARRAY);
    add_number(&w->values, type, 4);
    add_number(&w->values, count, 8);
}

void gguf_add_i32(struct gguf_writer *w, int32_t value)
{
    add_number(&w->values, (uint32_t)value, 4);
}

void gguf_add_f32(struct gguf_writer *w, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    add_number(&w->values, bits, 4);
}

void gguf_add_bool(struct gguf_writer *w, bool value)
{
    add_number(&w->values, value, 1);
}

void gguf_add_string(struct gguf_writer *w, struct str text)
{
    add_string(&w->values, text);
}

/* Strings stand with their lengths before them, as in every file. */
static size_t value_bytes(const struct gguf_value *value)
{
    if (value->type != GGUF_STRING)
        return (size_t)value->count * gguf_width(value->type);
    const uint8_t *end = value->bytes;
    for (uint64_t i = 0; i < value->count; i++)
        (void)gguf_next_string(&end);
    return (size_t)(end - value->bytes);
}

void gguf_put_value(struct gguf_writer *w, const struct gguf_value *value)
{
    add_key(w, value->key, value->is_array ? GGUF_ARRAY : value->type);
    if (value->is_array) {
        add_number(&w->values, value->type, 4);
        add_number(&w->values, value->count, 8);
    }
    buf_add(&w->values, value->bytes, value_bytes(value));
}

static uint64_t aligned(uint64_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

void gguf_put_tensor(struct gguf_writer *w, const char *name, enum dtype dtype,
                     const uint64_t *shape, uint32_t dims)
{
    assert(dtype != DTYPE_F8_E4M3);
    uint64_t count = 1;
    add_string(&w->tensors, str_from(name));
    add_number(&w->tensors, dims, 4);
    for (uint32_t i = dims; i-- > 0; count *= shape[i])
        add_number(&w->tensors, shape[i], 8);
    add_number(&w->tensors, type_numbers[dtype], 4);
    add_number(&w->tensors, w->offset, 8);
    w->offset += aligned(dtype_bytes(dtype, count));
    w->tensor_count++;
}

static enum status write_all(struct gguf_writer *w, const char *data, size_t bytes,
                             struct reason *why)
{
    while (bytes) {
        const ssize_t n = write(w->fd, data, bytes < WRITE_MAX_BYTES ? bytes : WRITE_MAX_BYTES);
        if (n < 0 && errno != EINTR)
            return refused(w, errno, why);
        if (n > 0) {
            data += n;
            bytes -= (size_t)n;
        }
    }
    return STATUS_OK;
}

static enum status write_zeros(struct gguf_writer *w, size_t bytes, struct reason *why)
{
    static const char zeros[ALIGNMENT] = {0};
    return write_all(w, zeros, bytes, why);
}

enum status gguf_write_header(struct gguf_writer *w, struct reason *why)
{
    struct buf head;
    if (w->values.failed || w->tensors.failed)
        return reason_no_memory(why, w->values.len + w->tensors.len);
    buf_init(&head, 64);
    buf_puts(&head, "GGUF");
    add_number(&head, VERSION, 4);
    add_number(&head, w->tensor_count, 8);
    add_number(&head, w->value_count, 8);
    const uint64_t bytes = head.len + w->values.len + w->tensors.len;
    enum status status =
        head.failed ? reason_no_memory(why, 64) : write_all(w, head.data, head.len, why);
    if (!status)
        status = write_all(w, w->values.data, w->values.len, why);
    if (!status)
        status = write_all(w, w->tensors.data, w->tensors.len, why);
    if (!status)
        status = write_zeros(w, (size_t)(aligned(bytes) - bytes), why);
    buf_release(&head);
    return status;
}

enum status gguf_write_data(struct gguf_writer *w, const void *data, size_t bytes,
                            struct reason *why)
{
    w->written += bytes;
    return write_all(w, data, bytes, why);
}

enum status gguf_write_padding(struct gguf_writer *w, struct reason *why)
{
    const uint64_t before = w->written;
    w->written = aligned(before);
    return write_zeros(w, (size_t)(w->written - before), why);
}

/* The name is on the disk when its folder is. */
static void sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
    const int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
    free(folder);
}

enum status gguf_writer_finish(struct gguf_writer *w, struct reason *why)
{
    assert(w->written == w->offset);
    if (fsync(w->fd) != 0)
        return refused(w, errno, why);
    if (rename(w->partial, w->path) != 0)
        return refused(w, errno, why);
    close(w->fd);
    w->fd = -1;
    sync_folder(w->path);
    return STATUS_OK;
}
