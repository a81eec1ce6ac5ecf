/* The graphics cards that nvidia-smi knows. */
#pragma once

#include "cli/env_child.h"

#include <stdint.h>

enum { GPUS_MAX = 64 };

struct gpu {
    char name[128];
    uint64_t total, free; /* bytes; 0: not told, as for memory that a card shares with the system */
};

struct gpus {
    enum child_end end; /* of nvidia-smi */
    char fault[256];    /* what it complained of */
    struct gpu list[GPUS_MAX];
    size_t count;
    size_t unreadable; /* lines that were something else */
};

/* Asks nvidia-smi, for wall_ms at most. */
void gpus_read(int wall_ms, struct gpus *out);

/* Its answer: lines "name, total, free" in MiB. */
void gpus_parse(const char *text, struct gpus *out);
