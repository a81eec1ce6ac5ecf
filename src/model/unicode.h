/* What the tokenizer asks of a character. Letters and numbers follow Unicode 16, composition
 * Unicode 9 (specification 2.4, 2.5). */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum unicode_class {
    UNICODE_LETTER = 1,   /* general category L* */
    UNICODE_NUMBER = 2,   /* general category N* */
    UNICODE_SPACE = 4,    /* White_Space */
    UNICODE_UNSTABLE = 8, /* NFC may change it or its neighbours: text without any is in NFC */
    UNICODE_LATE = 16,    /* a mark or composite that Unicode 9 did not know: inert in NFC */
};

enum { UNICODE_CODES = 0x110000 };

struct unicode_range {
    uint32_t first, last;
    uint8_t classes;
};

/* Sorted, without overlap; characters of no class are left out. */
extern const struct unicode_range unicode_ranges[];
extern const size_t unicode_range_count;

/* Fills table[UNICODE_CODES] with the classes of every character. */
void unicode_fill(uint8_t *table);
