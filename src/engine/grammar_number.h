/* Automata of JSON numbers between bounds.
 *
 * Values are compared digit by digit as decimals, without rounding. What is written: an integer has
 * at most 18 digits and a number 15 (more where a bound has more); only a number without bounds may
 * have an exponent, of two digits; no value is written with a sign and zero. */
#pragma once

#include "engine/grammar_dfa.h"

enum { DECIMAL_DIGITS_MAX = 48 };

/* |value| = 0.d₀d₁… × 10^point; no leading or trailing zeros; count 0: zero. */
struct decimal {
    uint8_t digits[DECIMAL_DIGITS_MAX];
    int32_t count, point;
    bool negative;
};

/* False if the spelling has more digits, or is larger or smaller, than automata are made for. */
bool decimal_parse(struct str spelling, struct decimal *out);
int decimal_compare(const struct decimal *a, const struct decimal *b);

struct number_bound {
    bool given, exclusive;
    struct decimal at;
};

struct number_range {
    struct number_bound min, max;
    bool integer;
    uint32_t multiple_of; /* of integers; 1: any */
};

enum { MULTIPLE_OF_MAX = 100 };

/* Status as dfa_explore; out->state_count is 0 if no number is in the range. */
MUST_CHECK enum status number_dfa(const struct number_range *range, struct arena *arena,
                                  struct dfa *out);
