/* A line that shows how far a long piece of work is: a bar on a terminal, a line now and then
 * elsewhere. Nothing is shown of work that takes less than a second. */
#pragma once

#include "cli/cli.h"

#include <stdint.h>

struct progress {
    const struct cli *cli;
    const char *what; /* "loading" */
    int64_t begun_ns, shown_ns;
    bool visible; /* a bar stands on the line */
};

void progress_begin(struct progress *progress, const struct cli *cli, const char *what);

/* done and total in bytes; total 0: not known yet. */
void progress_update(struct progress *progress, uint64_t done, uint64_t total);

/* Removes the bar. */
void progress_end(struct progress *progress);
