/* UTF-8 (Unicode 16, section 3.9; RFC 3629): no surrogates, no overlong forms, at most U+10FFFF. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UTF8_INVALID     0xFFFFFFFFu
#define UTF8_REPLACEMENT 0xFFFDu

struct utf8_step {
    uint32_t code; /* the code point, or UTF8_INVALID */
    uint32_t len;  /* bytes taken: the character, or the maximal ill-formed subsequence (≥ 1) */
    bool partial;  /* ill-formed only because the text ends: more bytes could complete it */
};

/* Decodes one character at text[0..len), len ≥ 1. */
struct utf8_step utf8_decode(const char *text, size_t len);

/* Writes `code` (a valid scalar value) and returns the number of bytes, 1 to 4. */
size_t utf8_encode(uint32_t code, char out[4]);

/* Length of the longest well-formed prefix; equals len if all is well-formed. */
size_t utf8_valid_prefix(const char *text, size_t len);

/* The same, of characters beyond ASCII only: it ends at the first ASCII byte. */
size_t utf8_multibyte_prefix(const char *text, size_t len);

/* The largest index ≤ at that does not cut a character of the well-formed text. Reads only bytes
 * before `at`. */
size_t utf8_floor(const char *text, size_t at);

/* Columns that the text takes on a terminal: East Asian wide characters count two. */
size_t utf8_columns(const char *text, size_t len);
