/* Structured log lines with inherited context (dovecot's events).
 *
 * A `struct log` is a sink's handle plus fields; a child inherits all fields of its parent, so
 * every line about a request carries its id without anybody passing it along. Lines go
 * to the sink whole; any thread may log. Values are escaped: no field can break a line. */
#pragma once

#include "base/clock.h"
#include "base/str.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };
enum log_format { LOG_JSON, LOG_TEXT };

/* Where lines go; lives as long as the process. */
struct log_sink {
    void (*put)(void *arg, enum log_level level, struct str line); /* whole, with its newline */
    void *arg;
    enum log_level level; /* lines below it are dropped */
    enum log_format format;
    const struct clock *clock;
};

enum { LOG_FIELDS_MAX = 8 };

struct log_field {
    const char *key;
    struct str value; /* borrowed: outlives the struct log */
};

struct log {
    const struct log_sink *sink;
    const struct log *parent; /* borrowed: outlives the child */
    struct log_field fields[LOG_FIELDS_MAX];
    int field_count;
};

void log_root(struct log *log, const struct log_sink *sink);
void log_child(struct log *child, const struct log *parent);

/* Adds a field to every later line of this log and its children. A full table drops the field. */
void log_field_set(struct log *log, const char *key, struct str value);

void log_write(const struct log *log, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define log_debug(log, ...)   log_write(log, LOG_DEBUG, __VA_ARGS__)
#define log_info(log, ...)    log_write(log, LOG_INFO, __VA_ARGS__)
#define log_warning(log, ...) log_write(log, LOG_WARNING, __VA_ARGS__)
#define log_error(log, ...)   log_write(log, LOG_ERROR, __VA_ARGS__)
