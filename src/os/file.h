/* Files: read whole, or mapped read-only. Errors: missing_file, unreadable, too_large. */
#pragma once

#include "base/buf.h"
#include "base/status.h"

#include <stdint.h>

/* A read-only mapping of a whole file. An empty file has data == NULL and size 0. */
struct file_map {
    const uint8_t *data;
    size_t size;
};

MUST_CHECK enum status file_map_open(const char *path, struct file_map *map, struct reason *why);
void file_map_close(struct file_map *map); /* takes a zeroed map too */

/* Reads a whole regular file into `out` (replacing what it held); out->max bounds the size. */
MUST_CHECK enum status file_read(const char *path, struct buf *out, struct reason *why);

bool file_exists(const char *path);
bool file_is_directory(const char *path);

/* "dir/name" into out (size bytes). False if it does not fit. */
bool path_join(char *out, size_t size, const char *dir, const char *name);
