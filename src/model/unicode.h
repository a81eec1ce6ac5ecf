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

/* One character of well-formed UTF-8 that begins at text[0]; sets *len to its 1 to 4 bytes. */
static inline uint32_t unicode_read(const char *text, uint32_t *len)
{
    const unsigned char *s = (const unsigned char *)text;
    if (s[0] < 0x80) {
        *len = 1;
        return s[0];
    }
    if (s[0] < 0xE0) {
        *len = 2;
        return (s[0] & 0x1Fu) << 6 | (s[1] & 0x3Fu);
    }
    if (s[0] < 0xF0) {
        *len = 3;
        return (s[0] & 0x0Fu) << 12 | (s[1] & 0x3Fu) << 6 | (s[2] & 0x3Fu);
    }
    *len = 4;
    return (s[0] & 0x07u) << 18 | (s[1] & 0x3Fu) << 12 | (s[2] & 0x3Fu) << 6 | (s[3] & 0x3Fu);
}

/* Fills table[UNICODE_CODES] with the classes of every character. */
void unicode_fill(uint8_t *table);
