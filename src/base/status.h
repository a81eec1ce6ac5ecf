/* How functions report failure.
 *
 * A function that can fail returns `enum status` and takes `struct reason *why` as its last
 * argument. On success `why` is untouched. On failure it holds a stable code, a complete sentence
 * in both languages, what to do about it, and the subject (file, tensor, JSON path, setting).
 * Only the edge (command line, HTTP response, log) prints it. `why` may be NULL. */
#pragma once

#include <stdarg.h>
#include <stddef.h>

#define MUST_CHECK __attribute__((warn_unused_result))

enum status {
    STATUS_OK = 0,
    STATUS_INVALID,   /* the input is wrong */
    STATUS_LIMIT,     /* the input is larger than a configured limit */
    STATUS_NO_MEMORY, /* an allocation failed or a memory budget is used up */
    STATUS_IO,        /* the operating system refused: file, socket, thread */
    STATUS_BUSY,      /* a queue is full; the same call may pass later */
    STATUS_CANCELLED, /* somebody asked to stop */
    STATUS_INTERNAL,  /* our bug */
};

enum lang { LANG_EN, LANG_ZH, LANG_COUNT };

struct reason {
    const char *code;              /* static storage; stable, never translated */
    char message[LANG_COUNT][512]; /* one complete sentence, UTF-8 */
    char hint[LANG_COUNT][384];    /* what to do about it; may be empty */
    char subject[256];             /* file, file:line, tensor, JSON path, setting; may be empty */
};

/* Sets code and message. `en` and `zh` are printf formats that take the same arguments in the same
 * order (Chinese may use %n$ positions only if English does). Over-long text is cut at a character
 * boundary, control characters become '?'. Clears hint and subject. */
void reason_set(struct reason *why, const char *code, const char *en, const char *zh, ...)
    __attribute__((format(printf, 3, 5), format(printf, 4, 5)));

/* Adds what to do about it; formats as in reason_set. */
void reason_hint(struct reason *why, const char *en, const char *zh, ...)
    __attribute__((format(printf, 2, 4), format(printf, 3, 4)));

/* Names what the failure is about. */
void reason_subject(struct reason *why, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Adds context on the way up: "context: message". Formats as in reason_set. */
void reason_context(struct reason *why, const char *en, const char *zh, ...)
    __attribute__((format(printf, 2, 4), format(printf, 3, 4)));

/* A copy on the heap, for those who seldom have one: free(). NULL: there is no memory. */
struct reason *reason_copy(const struct reason *why);

/* The common case: an allocation of `bytes` failed. Returns STATUS_NO_MEMORY. */
enum status reason_no_memory(struct reason *why, size_t bytes);

/* A thread did not start; `error` is pthread_create's. Returns STATUS_NO_MEMORY: stacks are
 * memory, which is what lacks, unless the number of threads is limited. */
enum status reason_no_thread(struct reason *why, int error);

/* "en" or "zh…" (any case, `zh_CN.UTF-8` included) → language; anything else is English. */
enum lang lang_from_name(const char *name);

/* The language of LC_ALL, LC_MESSAGES, LANG; QVL_LANG before them. */
enum lang lang_from_environment(void);
