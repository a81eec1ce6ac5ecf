/* What this process takes of the machine, as Prometheus' clients tell it (process_*). */
#pragma once

#include <stdint.h>

struct self_figures {
    double cpu_seconds;   /* of all threads, in user and system mode */
    double start_seconds; /* since 1970 */
    uint64_t resident_bytes, virtual_bytes;
    uint64_t open_files, max_files;
    uint32_t threads;
};

/* What cannot be read is 0. */
void self_figures_read(struct self_figures *out);
