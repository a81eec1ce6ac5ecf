/* What the spelling of a number means. */
#include "json/json.h"

#include <stdlib.h>

bool json_double(const struct json *v, double *out)
{
    if (!json_is(v, JSON_NUMBER))
        return false;
    char spelled[64];
    if (v->text.len < sizeof spelled) {
        memcpy(spelled, v->text.ptr, v->text.len);
        spelled[v->text.len] = '\0';
        *out = strtod(spelled, NULL);
        return true;
    }
    char *copy = strndup(v->text.ptr, v->text.len);
    if (!copy)
        return false;
    *out = strtod(copy, NULL);
    free(copy);
    return true;
}

/* value × 10^power; false if that passes 64 bits. */
static bool times_ten(uint64_t *value, int64_t power)
{
    for (; *value && power > 0; power--)
        if (__builtin_mul_overflow(*value, 10u, value))
            return false;
    return true;
}

/* The exponent behind "e"; far ones are cut, where no integer can be. */
static int64_t read_exponent(struct str text)
{
    const bool negative = text.len && text.ptr[0] == '-';
    int64_t value = 0;
    for (size_t i = 0; i < text.len && value < INT32_MAX; i++)
        if (text.ptr[i] >= '0' && text.ptr[i] <= '9')
            value = value * 10 + (text.ptr[i] - '0');
    return negative ? -value : value;
}

/* The magnitude of a number's spelling if it is an integer. Exact: no double is asked. */
static bool read_magnitude(struct str text, uint64_t *value)
{
    int64_t zeros = 0, decimals = 0; /* digits since the last that was not 0; behind the point */
    bool behind = false;
    size_t i = 0;
    *value = 0;
    for (; i < text.len && (text.ptr[i] | 0x20) != 'e'; i++) {
        const char c = text.ptr[i];
        behind |= c == '.';
        if (c < '0' || c > '9')
            continue;
        decimals += behind;
        zeros++;
        if (c == '0')
            continue;
        if (!times_ten(value, zeros) || __builtin_add_overflow(*value, (uint64_t)(c - '0'), value))
            return false;
        zeros = 0;
    }
    const int64_t power = zeros - decimals + read_exponent(str_slice(text, i + 1, text.len));
    return *value == 0 || (power >= 0 && times_ten(value, power));
}

bool json_int64(const struct json *v, int64_t *out)
{
    uint64_t value;
    if (!json_is(v, JSON_NUMBER) || !read_magnitude(v->text, &value))
        return false;
    const bool negative = v->text.ptr[0] == '-';
    if (value > (uint64_t)INT64_MAX + negative)
        return false;
    *out = (int64_t)(negative ? 0 - value : value);
    return true;
}
