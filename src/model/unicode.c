#include "model/unicode.h"

#include <string.h>

void unicode_fill(uint8_t *table)
{
    memset(table, 0, UNICODE_CODES);
    for (size_t i = 0; i < unicode_range_count; i++) {
        const struct unicode_range *r = &unicode_ranges[i];
        memset(table + r->first, r->classes, r->last - r->first + 1);
    }
}
