/* Allocations that fail when a test says so. With failing_alloc_dep (meson.build) the linker sends
 * malloc, calloc and realloc of the program, not of shared libraries, through here. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* From now on the n-th allocation fails, counted from 1; all others pass. */
void failing_alloc_at(size_t n);

/* All pass again. True if the n-th was reached. */
bool failing_alloc_end(void);

/* Calls `attempt` with the first, the second, … allocation failing until none is left to fail; it
 * must return whether it succeeded, and does so exactly when nothing failed. Returns the number of
 * failures. */
size_t failing_alloc_each(bool (*attempt)(const void *argument), const void *argument);

/* How many allocations there were so far, in all threads. */
size_t failing_alloc_count(void);
