/* Sets of characters in the making. */
#pragma once

#include "engine/grammar_pattern_tree.h"

#include <stdbool.h>

enum { CODE_SET_MAX = 256 };

struct code_set {
    struct code_range ranges[CODE_SET_MAX];
    uint32_t count;
    bool overflow;
};

void code_set_add(struct code_set *set, uint32_t low, uint32_t high);
void code_set_add_set(struct code_set *set, const struct code_set *other);

/* Sorts and merges. */
void code_set_finish(struct code_set *set);

/* Of a finished set: everything else. */
void code_set_invert(struct code_set *set);

/* The set of \d \w \s \D \W \S; false if `letter` is none of them. */
bool code_set_of_class(char letter, struct code_set *out);
