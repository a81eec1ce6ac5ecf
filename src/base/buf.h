/* A growable buffer of bytes with a maximum.
 *
 * Invariants: len ≤ cap ≤ max + 1; while cap > 0 data[len] is '\0'. An append that would pass the
 * maximum, or that finds no memory, appends nothing, and sets `failed`, which stays set until
 * buf_clear or buf_release: a writer may append many times and test once. */
#pragma once

#include "base/str.h"

#include <stdarg.h>
#include <stdint.h>

struct buf {
    char *data;
    size_t len, cap, max;
    bool failed;
};

void buf_init(struct buf *buf, size_t max_bytes);
void buf_release(struct buf *buf); /* frees; the maximum stays */
void buf_clear(struct buf *buf);   /* empties; keeps the memory */

/* Makes room for `more` further bytes. False (and `failed`) if that passes the maximum. */
bool buf_reserve(struct buf *buf, size_t more);

/* Inline: answers are put together from many small pieces, whose lengths the compiler knows. */
static inline void buf_add(struct buf *buf, const void *bytes, size_t len)
{
    const bool fits = !buf->failed && len < buf->cap - buf->len;
    if (len == 0 || (!fits && !buf_reserve(buf, len)))
        return;
    memcpy(buf->data + buf->len, bytes, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
}

static inline void buf_add_str(struct buf *buf, struct str text)
{
    buf_add(buf, text.ptr, text.len);
}

static inline void buf_puts(struct buf *buf, const char *text)
{
    buf_add(buf, text, strlen(text));
}

static inline void buf_putc(struct buf *buf, char c)
{
    buf_add(buf, &c, 1);
}

void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *buf, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

/* Drops the first `len` bytes. */
void buf_consume(struct buf *buf, size_t len);

/* Hands the memory to the caller (free()); the buffer is empty afterwards. NULL if failed. */
char *buf_detach(struct buf *buf);

static inline struct str buf_str(const struct buf *buf)
{
    return (struct str){buf->data, buf->len};
}
