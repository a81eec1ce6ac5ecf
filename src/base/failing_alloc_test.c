#include "base/failing_alloc_test.h"

#include "base/test.h"

#include <stdatomic.h>

/* What is left until the failure; 0: none is to come. */
static size_t left;
static bool reached;
static atomic_size_t made;

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *old, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *old, size_t bytes);

static bool fails(void)
{
    atomic_fetch_add(&made, 1);
    if (left == 0 || --left > 0)
        return false;
    reached = true;
    return true;
}

void *__wrap_malloc(size_t bytes)
{
    return fails() ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    return fails() ? NULL : __real_calloc(count, bytes);
}

void *__wrap_realloc(void *old, size_t bytes)
{
    return fails() ? NULL : __real_realloc(old, bytes);
}

void failing_alloc_at(size_t n)
{
    left = n;
    reached = false;
}

bool failing_alloc_end(void)
{
    left = 0;
    return reached;
}

size_t failing_alloc_each(bool (*attempt)(const void *argument), const void *argument)
{
    for (size_t n = 1;; n++) {
        failing_alloc_at(n);
        const bool succeeded = attempt(argument);
        const bool failed = failing_alloc_end();
        if (succeeded == failed)
            fail_msg("allocation %zu %s, and it %s", n, failed ? "failed" : "was not needed",
                     succeeded ? "succeeded" : "did not succeed");
        if (!failed)
            return n - 1;
    }
}

size_t failing_alloc_count(void)
{
    return atomic_load(&made);
}
