/* Files below one directory, for paths that strangers name. */
#pragma once

/* Opens a regular file for reading whose real place, symbolic links followed, lies below `root`;
 * `path` is absolute. The place is that of the descriptor itself, so a path that changes meanwhile
 * fools nobody, and nothing is opened (no device, no FIFO) before it was looked at. The
 * descriptor, or -1: no difference is made between what is not there and what is elsewhere. */
int file_open_beneath(const char *root, const char *path);
