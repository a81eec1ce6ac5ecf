/* Runs another program under limits, and reads what it writes.
 *
 * The child gets no shell, no descriptor but its three standard ones, an environment of PATH and
 * LC_ALL=C only, no further privileges, and a process group of its own. However it ends, it and its
 * group are gone and reaped when process_run returns; it dies with the thread that started it.
 * Several threads may run children at the same time. */
#pragma once

#include "base/status.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct process_limits {
    int64_t wall_ms;       /* then it is killed */
    uint64_t output_bytes; /* of standard output; more: it is killed */
    uint64_t memory_bytes; /* of its address space */
    uint64_t cpu_seconds;
    uint64_t file_bytes; /* largest file that it may write; 0: none */
    uint64_t open_files;
};

/* Called on the thread of process_run with each piece of standard output; false kills the child. */
typedef bool process_output_fn(void *arg, const void *bytes, size_t len);

struct process_spec {
    const char *program;     /* a path: see process_find */
    const char *const *argv; /* [0] is the name; ends with NULL */
    int input;               /* becomes standard input, borrowed; -1: there is none */
    struct process_limits limits;
    const atomic_bool *cancelled; /* becomes true: the child is killed; NULL: never */
    process_output_fn *on_output; /* NULL: what comes is dropped */
    void *arg;
};

enum process_end {
    PROCESS_EXITED,   /* `code` is its exit status */
    PROCESS_SIGNALED, /* something else killed it, a limit or a crash; `code` is the signal */
    /* killed here: */
    PROCESS_OUT_OF_TIME,
    PROCESS_TOO_MUCH_OUTPUT,
    PROCESS_CANCELLED,
    PROCESS_STOPPED, /* on_output returned false */
};

enum { PROCESS_ERRORS_BYTES = 2048 };

struct process_result {
    enum process_end end;
    int code;
    char errors[PROCESS_ERRORS_BYTES]; /* the beginning of standard error, NUL-terminated */
};

/* The path of a program along PATH, into out[size]. False if there is none. */
bool process_find(const char *name, char *out, size_t size);

/* Fails only if the program could not be started. Code: process_failed. */
MUST_CHECK enum status process_run(const struct process_spec *spec, struct process_result *out,
                                   struct reason *why);
