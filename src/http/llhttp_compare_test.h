/* The same bytes to our parser and to llhttp (strict mode). A difference is either of a class of
 * llhttp_differences_test.c, which docs/internals/http-differences.md explains, or a fault. */
#pragma once

#include "base/buf.h"

enum side { WE_REFUSE, THEY_REFUSE, KEEP_ALIVE_DIFFERS };

/* A class of differences: one side refuses with a sentence that begins so and the other one does
 * not, or both take the request, and only one keeps the connection; and the input is of that kind
 * indeed. */
struct difference {
    const char *name;
    enum side side;
    const char *why;                /* "" for KEEP_ALIVE_DIFFERS */
    bool (*holds)(struct str seen); /* `seen`: the request, as far as the refusing side came */
};

extern const struct difference differences[];
extern const size_t difference_count;

/* Compares request after request until the input, or the connection, ends. False: there is a
 * difference without a class; the report says which. *counts, if not NULL, has an element for each
 * row of `differences`. */
bool llhttp_compare(struct str input, struct buf *report, size_t *counts);
