#include "config/number.h"

#include <inttypes.h>
#include <stdio.h>

/* The number is digits / 10^decimals. */
struct decimal {
    bool negative, huge; /* huge: the digits do not fit */
    int64_t digits;
    int decimals;
    struct str unit;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t take_digits(struct decimal *d, struct str text, size_t at)
{
    for (; at < text.len && is_digit(text.ptr[at]); at++) {
        if (__builtin_mul_overflow(d->digits, 10, &d->digits) ||
            __builtin_add_overflow(d->digits, text.ptr[at] - '0', &d->digits))
            d->huge = true;
    }
    return at;
}

/* -?[0-9]+(\.[0-9]+)? and a unit. */
static bool decimal_parse(struct str text, struct decimal *d)
{
    *d = (struct decimal){0};
    size_t at = 0;
    if (text.len > 0 && text.ptr[0] == '-') {
        d->negative = true;
        at = 1;
    }
    const size_t whole = take_digits(d, text, at);
    if (whole == at)
        return false;
    at = whole;
    if (at < text.len && text.ptr[at] == '.') {
        const size_t end = take_digits(d, text, at + 1);
        if (end == at + 1 || end - at > 16)
            return false;
        d->decimals = (int)(end - at - 1);
        at = end;
    }
    d->unit = str_trim(str_slice(text, at, text.len));
    return true;
}

struct unit {
    const char *name;
    int64_t scale;
};

#define KIB INT64_C(1024)
#define KB  INT64_C(1000)

/* Larger units first; the first that divides a value writes it. */
static const struct unit byte_units[] = {
    {"TiB", KIB *KIB *KIB *KIB},
    {"TB", KB *KB *KB *KB},
    {"GiB", KIB *KIB *KIB},
    {"GB", KB *KB *KB},
    {"MiB", KIB *KIB},
    {"MB", KB *KB},
    {"KiB", KIB},
    {"kB", KB},
    {"B", 1},
    {"", 1},
    {NULL, 0},
};
static const struct unit time_units[] = {
    {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"min", 60000},
    {"s", 1000},     {"ms", 1},      {"", 1000},   {NULL, 0},
};
static const struct unit count_units[] = {
    {"G", KB *KB *KB}, {"M", KB *KB}, {"K", KB}, {"", 1}, {NULL, 0},
};
static const struct unit no_units[] = {{"", 1}, {NULL, 0}};

static const struct unit *units_of(enum setting_type type)
{
    switch (type) {
    case SETTING_BYTES:
    case SETTING_RATE: return byte_units;
    case SETTING_DURATION: return time_units;
    case SETTING_COUNT: return count_units;
    default: return no_units;
    }
}

static bool scale_by(const struct decimal *d, int64_t scale, int64_t *out)
{
    int64_t value;
    if (d->huge || __builtin_mul_overflow(d->digits, scale, &value)) {
        *out = INT64_MAX;
        return true;
    }
    for (int i = 0; i < d->decimals; i++) {
        if (value % 10 != 0)
            return false;
        value /= 10;
    }
    *out = d->negative ? -value : value;
    return true;
}

bool number_parse(enum setting_type type, struct str text, int64_t *out)
{
    struct decimal d;
    if (!decimal_parse(text, &d) || (d.decimals > 0 && type == SETTING_INTEGER))
        return false;
    if (type == SETTING_RATE && str_ends(d.unit, "/s"))
        d.unit.len -= 2;
    for (const struct unit *unit = units_of(type); unit->name; unit++)
        if (str_ieq(d.unit, str_from(unit->name)))
            return scale_by(&d, unit->scale, out);
    return false;
}

bool number_parse_real(enum setting_type type, struct str text, double *out)
{
    struct decimal d;
    if (!decimal_parse(text, &d) || d.huge || d.digits > INT64_C(999999999999999))
        return false;
    if (!str_is(d.unit, type == SETTING_PERCENT ? "%" : ""))
        return false;
    double divisor = type == SETTING_PERCENT ? 100 : 1;
    for (int i = 0; i < d.decimals; i++)
        divisor *= 10;
    *out = (d.negative ? -1.0 : 1.0) * (double)d.digits / divisor;
    return true;
}

void number_format(enum setting_type type, int64_t value, char out[NUMBER_TEXT_MAX])
{
    const struct unit *unit = units_of(type);
    if (value == 0) {
        snprintf(out, NUMBER_TEXT_MAX, type == SETTING_DURATION ? "0s" : "0");
        return;
    }
    while (value % unit->scale != 0)
        unit++;
    snprintf(out, NUMBER_TEXT_MAX, "%" PRId64 "%s%s", value / unit->scale, unit->name,
             type == SETTING_RATE ? "/s" : "");
}

void number_format_real(enum setting_type type, double value, char out[NUMBER_TEXT_MAX])
{
    const bool percent = type == SETTING_PERCENT;
    snprintf(out, NUMBER_TEXT_MAX, "%.15g%s", percent ? value * 100 : value, percent ? "%" : "");
}
