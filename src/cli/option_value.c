#include "cli/option_value.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool option_integer(const char *text, int64_t *out)
{
    char *end;
    errno = 0;
    if (strspn(text, "+-0123456789") == 0) /* strtoll would skip blanks */
        return false;
    const long long value = strtoll(text, &end, 10);
    if (end == text || *end || errno)
        return false;
    *out = value;
    return true;
}

/* A number in plain decimal spelling at the beginning of `text`; NULL if there is none. */
static const char *take_number(const char *text, double *out)
{
    const char *digits = text + strspn(text, "+-"); /* strtod would skip blanks, take "nan", 0x1 */
    char *end;
    if (strspn(digits, ".0123456789") == 0 || strncasecmp(digits, "0x", 2) == 0)
        return NULL;
    const double value = strtod(text, &end);
    if (end == text || !isfinite(value))
        return NULL;
    *out = value;
    return end;
}

bool option_number(const char *text, double *out)
{
    double value;
    const char *end = take_number(text, &value);
    if (!end || *end)
        return false;
    *out = value;
    return true;
}

bool option_duration(const char *text, double *out)
{
    static const struct {
        const char *name;
        double seconds;
    } units[] = {{"", 1}, {"ms", 1e-3}, {"s", 1}, {"m", 60}, {"h", 3600}};
    double value;
    const char *unit = take_number(text, &value);
    if (!unit || value < 0)
        return false;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(unit, units[i].name) == 0 && isfinite(value * units[i].seconds)) {
            *out = value * units[i].seconds;
            return true;
        }
    }
    return false;
}
