/* A file that was fetched: a picture's bytes in memory, a video's in a file without a name.
 *
 * The memory that all of them take is counted in a budget, from the first byte to the release. */
#pragma once

#include "base/buf.h"
#include "fetch/fault.h"

struct fetch_budget {
    uint64_t used;
};

struct fetched {
    enum fetch_kind kind;
    struct buf bytes; /* PICTURE */
    int fd;           /* VIDEO: an unnamed file in memory; -1: none yet */
    uint64_t size;
    char source[FETCH_SHOWN_MAX]; /* its URL, without the query, after all redirects */
    char type[96];                /* Content-Type as the host sent it, printable; may be empty */
    struct fetch_budget *budget;
};

void fetched_init(struct fetched *file, enum fetch_kind kind, struct fetch_budget *budget);
void fetched_release(struct fetched *file); /* a zeroed one too */

/* Forgets the bytes. */
void fetched_clear(struct fetched *file);

/* False if there is no room: the budget would pass `budget_max`, or memory is short. */
MUST_CHECK bool fetched_add(struct fetched *file, struct str piece, uint64_t budget_max);
