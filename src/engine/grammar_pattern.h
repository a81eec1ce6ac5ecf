/* Automata of JSON strings that match a regular expression (`pattern`; ECMA-262, unicode mode).
 *
 * Understood: characters, `.`, classes, \d \w \s and their opposites, escapes, groups,
 * alternatives,
 * * + ? {n} {n,} {n,m} (greedy or not: the same strings), ^ and $ around a whole alternative.
 * Refused, with a reason: look-around, back references, \b, \p, named groups, other anchors.
 * A string is written in one way: UTF-8, with escapes only where JSON demands them. */
#pragma once

#include "engine/grammar_dfa.h"

/* Allowed numbers of characters. */
struct length_range {
    uint32_t min, max; /* UINT32_MAX: no maximum */
};

/* The automaton reads the quotes too. STATUS_INVALID and STATUS_LIMIT with a reason of code
 * invalid_schema; out->state_count is 0 if no string matches. */
MUST_CHECK enum status pattern_dfa(struct str pattern, struct length_range length,
                                   struct arena *arena, struct dfa *out, struct reason *why);
