/* The parsed form of a regular expression. */
#pragma once

#include "base/arena.h"
#include "base/status.h"

#include <stdint.h>

#define CODE_MAX 0x10FFFFu

struct code_range {
    uint32_t low, high;
};

enum pattern_kind { PATTERN_SET, PATTERN_SEQUENCE, PATTERN_ALTERNATIVES, PATTERN_REPEAT };

struct pattern_node {
    enum pattern_kind kind;
    struct pattern_node *next;       /* sibling */
    struct pattern_node *first;      /* SEQUENCE, ALTERNATIVES: any number, the last first;
                                      * REPEAT: one */
    const struct code_range *ranges; /* SET: in order, apart from each other */
    uint32_t range_count;
    uint32_t min, max; /* REPEAT; UINT32_MAX: no end */
};

/* What the whole string must match: where the pattern has no anchor, any characters are part of the
 * tree. */
MUST_CHECK enum status pattern_parse(struct str pattern, struct arena *arena,
                                     struct pattern_node **out, struct reason *why);
