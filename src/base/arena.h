/* An arena: many small allocations with one lifetime, released together.
 *
 * Memory comes in blocks; a request larger than a block gets one of its own. Nothing is freed one
 * by one. The arena never holds more than `max_bytes`; beyond it allocations return NULL. Not for
 * use by several threads at once. */
#pragma once

#include "base/str.h"

#include <stddef.h>

struct arena_block;

struct arena {
    struct arena_block *blocks; /* newest first */
    size_t used;                /* bytes taken in the newest block */
    size_t total_bytes;         /* bytes of all blocks */
    size_t max_bytes;
};

void arena_init(struct arena *arena, size_t max_bytes);
void arena_release(struct arena *arena);

/* Zeroed memory aligned for any type; NULL when out of memory or over max_bytes. */
void *arena_alloc(struct arena *arena, size_t bytes) __attribute__((malloc));

/* count × size with an overflow check. */
void *arena_array(struct arena *arena, size_t count, size_t size);

/* A NUL-terminated copy; NULL when out of memory. */
char *arena_strdup(struct arena *arena, struct str text);

/* printf into the arena; NULL when out of memory. */
char *arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
