/* What other programs say of themselves: run for a moment, under limits, without a shell. */
#pragma once

#include <stddef.h>

enum child_end {
    CHILD_ABSENT, /* there is no such program */
    CHILD_DONE,
    CHILD_FAILED,   /* it could not be started, or ended with an error */
    CHILD_TIMED_OUT /* it was killed */
};

struct child_run {
    const char *name; /* found along PATH, then in `elsewhere`, a folder or NULL */
    const char *elsewhere;
    const char *const *argv; /* ends with NULL */
    int wall_ms;
};

/* Its standard output into out[size], cut if it is longer; the first line of what it complains of
 * into errors[errors_size], of its output if there is none. Both are NUL-terminated; errors may be
 * NULL. */
enum child_end env_child_run(const struct child_run *run, char *out, size_t size, char *errors,
                             size_t errors_size);
