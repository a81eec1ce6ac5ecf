/* The two logs of the service: requests (access), and messages (error). They may be one file. */
#pragma once

#include "base/log.h"
#include "server/access_log.h"

struct logs {
    struct access_log access;
    struct log root; /* of all messages */
    struct log_sink sink;
    struct log_file *access_file, *error_file; /* NULL: off; the same if they have one name */
};

/* Codes: unreadable, memory_full. */
MUST_CHECK enum status logs_open(struct logs *logs, const struct settings *settings,
                                 struct reason *why);

/* Follows other settings; on an error everything stays as it was. Codes as above. */
MUST_CHECK enum status logs_change(struct logs *logs, const struct settings *before,
                                   const struct settings *now, struct reason *why);

/* Writes what waits; a reader that takes nothing is not waited for. */
void logs_close(struct logs *logs);

/* After the files were renamed: opens them anew. */
void logs_reopen(struct logs *logs);

/* Lines that were lost since the start: a full disk, a reader that takes nothing. */
uint64_t logs_lost(const struct logs *logs);
