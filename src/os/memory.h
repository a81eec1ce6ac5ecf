/* Memory figures of the machine and of this process, in bytes; 0 where the system does not say. */
#pragma once

#include <stdint.h>

struct memory_figures {
    uint64_t total, available, swap; /* of the machine; a cgroup limit lowers total and available */
    uint64_t resident;               /* of this process */
};

void memory_figures_read(struct memory_figures *out);

/* The step of memory_figures_read that knows control groups (os/cgroup.h). */
void memory_figures_limit(struct memory_figures *figures, const char *mount,
                          const char *membership);
