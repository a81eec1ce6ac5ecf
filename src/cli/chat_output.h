/* Where an answer goes: standard output as it comes, or a file that appears only when it is whole.
 */
#pragma once

#include "base/status.h"
#include "base/str.h"

#include <stdio.h>

struct chat_output {
    FILE *file;
    const char *path; /* NULL: standard output */
    char *target;     /* the file itself, behind a symbolic link; NULL: written in place */
    char *temporary;  /* beside the target: written to, renamed at the end */
    bool terminal;    /* control characters are dropped */
    char last;        /* the last byte written; '\0': none */
};

/* `path` NULL: standard output. Codes: unwritable memory_full. */
MUST_CHECK enum status chat_output_open(struct chat_output *out, const char *path,
                                        struct reason *why);

void chat_output_write(struct chat_output *out, struct str text);

/* Ends a line that was begun. */
void chat_output_end_line(struct chat_output *out);

/* `whole`: the answer is complete; otherwise a file is dropped. Codes: unwritable. */
MUST_CHECK enum status chat_output_close(struct chat_output *out, bool whole, struct reason *why);
