#include "engine/grammar_string.h"

#include <stdbool.h>
#include <string.h>

static enum string_state first_byte(uint8_t byte)
{
    switch (byte) {
    case '"': return STRING_CLOSED;
    case '\\': return STRING_ESCAPE;
    case 0xE0: return STRING_AFTER_E0;
    case 0xED: return STRING_AFTER_ED;
    case 0xF0: return STRING_AFTER_F0;
    case 0xF4: return STRING_AFTER_F4;
    default: break;
    }
    if (byte < 0x20 || (byte >= 0x80 && byte < 0xC2) || byte > 0xF4)
        return STRING_REFUSED;
    return byte < 0x80   ? STRING_BODY
           : byte < 0xE0 ? STRING_MORE_1
           : byte < 0xF0 ? STRING_MORE_2
                         : STRING_MORE_3;
}

static enum string_state if_between(uint8_t byte, uint8_t low, uint8_t high, enum string_state then)
{
    return byte >= low && byte <= high ? then : STRING_REFUSED;
}

static bool is_hex(uint8_t byte)
{
    return (byte >= '0' && byte <= '9') || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'f');
}

static enum string_state if_hex(uint8_t byte, enum string_state then)
{
    return is_hex(byte) ? then : STRING_REFUSED;
}

/* The second digit of \ud…: 0 to 7 make a character, 8 to b a high surrogate. */
static enum string_state after_d(uint8_t byte)
{
    if (byte >= '0' && byte <= '7')
        return STRING_HEX_2;
    const uint8_t lower = byte | 0x20;
    return byte == '8' || byte == '9' || lower == 'a' || lower == 'b' ? STRING_HIGH_2
                                                                      : STRING_REFUSED;
}

static enum string_state after_backslash(uint8_t byte)
{
    if (byte == 'u')
        return STRING_HEX_4;
    return byte && strchr("\"\\/bfnrt", byte) ? STRING_BODY : STRING_REFUSED;
}

enum string_state string_next(enum string_state state, uint8_t byte)
{
    const uint8_t lower = byte | 0x20;
    switch (state) {
    case STRING_BODY: return first_byte(byte);
    case STRING_MORE_1: return if_between(byte, 0x80, 0xBF, STRING_BODY);
    case STRING_MORE_2: return if_between(byte, 0x80, 0xBF, STRING_MORE_1);
    case STRING_MORE_3: return if_between(byte, 0x80, 0xBF, STRING_MORE_2);
    case STRING_AFTER_E0: return if_between(byte, 0xA0, 0xBF, STRING_MORE_1);
    case STRING_AFTER_ED: return if_between(byte, 0x80, 0x9F, STRING_MORE_1);
    case STRING_AFTER_F0: return if_between(byte, 0x90, 0xBF, STRING_MORE_2);
    case STRING_AFTER_F4: return if_between(byte, 0x80, 0x8F, STRING_MORE_2);
    case STRING_ESCAPE: return after_backslash(byte);
    case STRING_HEX_4: return lower == 'd' ? STRING_HEX_D : if_hex(byte, STRING_HEX_3);
    case STRING_HEX_3: return if_hex(byte, STRING_HEX_2);
    case STRING_HEX_2: return if_hex(byte, STRING_HEX_1);
    case STRING_HEX_1: return if_hex(byte, STRING_BODY);
    case STRING_HEX_D: return after_d(byte);
    case STRING_HIGH_2: return if_hex(byte, STRING_HIGH_1);
    case STRING_HIGH_1: return if_hex(byte, STRING_LOW_ESCAPE);
    case STRING_LOW_ESCAPE: return byte == '\\' ? STRING_LOW_U : STRING_REFUSED;
    case STRING_LOW_U: return byte == 'u' ? STRING_LOW_D : STRING_REFUSED;
    case STRING_LOW_D: return lower == 'd' ? STRING_LOW_C : STRING_REFUSED;
    case STRING_LOW_C: return if_between(lower, 'c', 'f', STRING_HEX_2);
    case STRING_CLOSED:
    case STRING_REFUSED: break;
    }
    return STRING_REFUSED;
}
