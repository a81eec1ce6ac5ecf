/* A file, or standard stream, that takes lines without making anybody wait.
 *
 * log_file_put copies a line into a bounded buffer and returns at once; the file's own thread
 * writes. A slow disk or a blocked pipe delays that thread alone. A line that finds no room is
 * dropped, and so is what cannot be written (a full disk); both are counted, and the log itself
 * tells of them once it can. */
#pragma once

#include "base/log.h"
#include "base/status.h"

struct log_file;

enum { LOG_FILE_BUFFER_BYTES = 4 << 20 };

/* "stderr", "stdout", or a path; appends. Codes: unreadable, memory_full. */
MUST_CHECK enum status log_file_open(const char *name, struct log_file **out, struct reason *why);

/* Writes what waits, but gives up after wait_ms. Takes NULL. */
void log_file_close(struct log_file *file, int wait_ms);

/* Any thread. `line` ends in a newline. `level` is told to journald, where that reads the stream.
 * Takes NULL. */
void log_file_put(struct log_file *file, enum log_level level, struct str line);

/* As a log_sink wants it: `arg` is the struct log_file. */
void log_file_put_line(void *arg, enum log_level level, struct str line);

/* Opens the file anew by its name, behind what was put before: a renamed file gets its last lines,
 * the new one the next. If that fails the old one goes on, and standard error says why. Takes NULL.
 */
void log_file_reopen(struct log_file *file);

/* Lines that were lost since the start. Takes NULL. */
uint64_t log_file_lost(struct log_file *file);
