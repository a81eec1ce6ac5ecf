/* A .env file, read as python-dotenv reads it with its defaults.
 *
 * `export`, single and double quotes with their escapes, values over several lines, comments,
 * ${NAME} and ${NAME:-default}, where the process's environment wins over earlier lines of the
 * file. A byte order mark and CRLF are forgiven. A line that is no assignment is skipped, as
 * python-dotenv does, and remembered, so that the caller can tell the user. */
#pragma once

#include "base/arena.h"
#include "base/status.h"

struct env_entry {
    const char *name;
    const char *value; /* NULL: the line has no "=" */
    int line;          /* from 1 */
};

struct env_file {
    struct arena arena;
    struct env_entry *entries; /* in the order of the file; of two alike the later one counts */
    size_t count;
    int bad_lines;      /* lines that are no assignment */
    int first_bad_line; /* 0: none */
};

void env_file_init(struct env_file *file);
void env_file_release(struct env_file *file); /* takes a zeroed file too */

/* `name` is the file's name in messages. Codes: env_file_not_text memory_full. */
MUST_CHECK enum status env_file_parse(struct env_file *file, const char *name, struct str text,
                                      struct reason *why);

/* At most 1 MiB. Codes: missing_file unreadable too_large, and those of env_file_parse. */
MUST_CHECK enum status env_file_read(struct env_file *file, const char *path, struct reason *why);

/* The value of a name; NULL if the file does not assign it. */
const char *env_file_get(const struct env_file *file, const char *name);
