/* Numbers of settings as people write them: "64MiB", "1.5s", "100M", "20%".
 *
 * Exact: a fraction is allowed where unit and fraction give a whole number ("1.5KiB" is 1536).
 * Letters of units may be in either case; a blank may stand between number and unit. */
#pragma once

#include "config/table.h"

/* INTEGER, COUNT, BYTES, RATE, DURATION (milliseconds; without a unit: seconds). False if the text
 * is no such number. One too large for int64_t becomes INT64_MAX. */
bool number_parse(enum setting_type type, struct str text, int64_t *out);

/* NUMBER, and PERCENT ("20%" → 0.2). At most 15 digits. */
bool number_parse_real(enum setting_type type, struct str text, double *out);

enum { NUMBER_TEXT_MAX = 40 };

/* The shortest exact text; number_parse reads it back. */
void number_format(enum setting_type type, int64_t value, char out[NUMBER_TEXT_MAX]);
void number_format_real(enum setting_type type, double value, char out[NUMBER_TEXT_MAX]);
