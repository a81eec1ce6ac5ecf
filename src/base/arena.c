#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIRST_BLOCK_BYTES = 512, BLOCK_BYTES = 16 * 1024 };

struct arena_block {
    struct arena_block *next;
    size_t size; /* usable bytes */
    alignas(max_align_t) char data[];
};

void arena_init(struct arena *arena, size_t max_bytes)
{
    *arena = (struct arena){.max_bytes = max_bytes};
}

void arena_release(struct arena *arena)
{
    while (arena->blocks) {
        struct arena_block *next = arena->blocks->next;
        free(arena->blocks);
        arena->blocks = next;
    }
    arena->used = arena->total_bytes = 0;
}

/* Blocks grow with the arena, so that a small one stays small: one waits with every open stream. */
static size_t usual_size(const struct arena *arena)
{
    const size_t half = arena->total_bytes / 2;
    if (half < FIRST_BLOCK_BYTES)
        return FIRST_BLOCK_BYTES;
    return half < BLOCK_BYTES ? half : BLOCK_BYTES;
}

static struct arena_block *add_block(struct arena *arena, size_t bytes)
{
    const size_t usual = usual_size(arena), size = bytes > usual ? bytes : usual;
    if (size > SIZE_MAX - sizeof(struct arena_block) ||
        size > arena->max_bytes - arena->total_bytes)
        return NULL;
    struct arena_block *block = calloc(1, sizeof *block + size);
    if (!block)
        return NULL;
    block->size = size;
    block->next = arena->blocks;
    arena->blocks = block;
    arena->used = 0;
    arena->total_bytes += size;
    return block;
}

void *arena_alloc(struct arena *arena, size_t bytes)
{
    const size_t align = alignof(max_align_t);
    if (bytes > SIZE_MAX - align)
        return NULL;
    const size_t rounded = bytes ? (bytes + align - 1) / align * align : align;
    struct arena_block *block = arena->blocks;
    if (!block || block->size - arena->used < rounded) {
        block = add_block(arena, rounded);
        if (!block)
            return NULL;
    }
    void *result = block->data + arena->used;
    arena->used += rounded;
    return result;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        return NULL;
    return arena_alloc(arena, bytes);
}

char *arena_strdup(struct arena *arena, struct str text)
{
    if (text.len == SIZE_MAX)
        return NULL;
    char *copy = arena_alloc(arena, text.len + 1);
    if (copy && text.len)
        memcpy(copy, text.ptr, text.len);
    return copy;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    const int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = n < 0 ? NULL : arena_alloc(arena, (size_t)n + 1);
    if (text)
        vsnprintf(text, (size_t)n + 1, format, again);
    va_end(again);
    return text;
}
