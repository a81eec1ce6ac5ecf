/* A folder with the files of another system, for tests of what reads /proc and /sys. */
#pragma once

/* Makes an empty folder and returns its path. */
const char *fixture_create(void);
void fixture_remove(void);

/* Writes a file of the folder, making the folders that it stands in. name: "proc/meminfo". */
void fixture_write(const char *name, const char *text);
