/* Values of options as people write them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* The whole text must be the value; false leaves *out alone. */
bool option_integer(const char *text, int64_t *out);
bool option_number(const char *text, double *out); /* finite */

/* Seconds: a number alone, or with ms, s, m, h. Not negative. */
bool option_duration(const char *text, double *out);
