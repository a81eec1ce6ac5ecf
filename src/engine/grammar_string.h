/* The automaton of what stands between the quotes of a JSON string (RFC 8259 section 7):
 * well-formed UTF-8 without control characters, and escapes whose surrogates come in pairs. */
#pragma once

#include <stdint.h>

enum string_state {
    STRING_BODY, /* between characters */
    STRING_MORE_1,
    STRING_MORE_2,
    STRING_MORE_3, /* so many continuation bytes follow */
    STRING_AFTER_E0,
    STRING_AFTER_ED,
    STRING_AFTER_F0,
    STRING_AFTER_F4,
    STRING_ESCAPE,
    STRING_HEX_4,
    STRING_HEX_3,
    STRING_HEX_2,
    STRING_HEX_1,  /* so many digits follow; 4: it may be a surrogate */
    STRING_HEX_D,  /* behind \ud */
    STRING_HIGH_2, /* the rest of a high surrogate */
    STRING_HIGH_1,
    STRING_LOW_ESCAPE, /* the low one must follow */
    STRING_LOW_U,
    STRING_LOW_D,
    STRING_LOW_C,
    STRING_CLOSED,
    STRING_REFUSED,
};

enum string_state string_next(enum string_state state, uint8_t byte);
