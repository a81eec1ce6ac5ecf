/* Memory figures of the machine and of this process, in bytes; 0 where the system does not say. */
#pragma once

#include <stdint.h>

struct memory_figures {
    uint64_t total, available; /* of the machine, or what control groups leave of it */
    uint64_t machine;          /* total without the limit of a control group */
    uint64_t swap, swap_free;
    uint64_t resident; /* of this process */
};

void memory_figures_read(struct memory_figures *out);

/* The same without `resident` under another root than "" of /proc and /sys. */
void memory_figures_read_in(const char *root, struct memory_figures *out);

/* The step of memory_figures_read that knows control groups (os/cgroup.h). */
void memory_figures_limit(struct memory_figures *figures, const char *mount,
                          const char *membership);
