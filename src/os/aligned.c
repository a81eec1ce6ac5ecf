#include "os/aligned.h"

#include <stdlib.h>
#include <sys/mman.h>

enum { CACHE_LINE = 64, LARGE_PAGE = 2 << 20 };

void *aligned_bytes(size_t bytes)
{
    const size_t alignment = bytes < LARGE_PAGE ? CACHE_LINE : LARGE_PAGE;
    size_t rounded;
    if (__builtin_add_overflow(bytes, alignment - 1, &rounded))
        return NULL;
    rounded -= rounded % alignment;
    void *memory = aligned_alloc(alignment, rounded ? rounded : CACHE_LINE);
    if (memory && alignment == LARGE_PAGE)
        (void)madvise(memory, rounded, MADV_HUGEPAGE);
    return memory;
}
