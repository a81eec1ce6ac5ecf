#include "base/utf8.h"

#include <string.h>

/* What the first byte promises: the length of the character and the range of the second byte
 * (Unicode 16, table 3-7). */
struct lead {
    uint32_t len;
    unsigned char second_min, second_max;
};

static struct lead lead_of(unsigned char c)
{
    if (c < 0xC2 || c > 0xF4)
        return (struct lead){0, 0, 0};
    if (c < 0xE0)
        return (struct lead){2, 0x80, 0xBF};
    if (c < 0xF0)
        return (struct lead){3, c == 0xE0 ? 0xA0 : 0x80, c == 0xED ? 0x9F : 0xBF};
    return (struct lead){4, c == 0xF0 ? 0x90 : 0x80, c == 0xF4 ? 0x8F : 0xBF};
}

struct utf8_step utf8_decode(const char *text, size_t len)
{
    const unsigned char *s = (const unsigned char *)text;
    if (s[0] < 0x80)
        return (struct utf8_step){s[0], 1, false};
    const struct lead lead = lead_of(s[0]);
    if (lead.len == 0)
        return (struct utf8_step){UTF8_INVALID, 1, false};
    uint32_t code = s[0] & (0x7Fu >> lead.len);
    for (uint32_t i = 1; i < lead.len; i++) {
        if (i >= len)
            return (struct utf8_step){UTF8_INVALID, i, true};
        const unsigned char min = i == 1 ? lead.second_min : 0x80;
        const unsigned char max = i == 1 ? lead.second_max : 0xBF;
        if (s[i] < min || s[i] > max)
            return (struct utf8_step){UTF8_INVALID, i, false};
        code = (code << 6) | (s[i] & 0x3Fu);
    }
    return (struct utf8_step){code, lead.len, false};
}

size_t utf8_encode(uint32_t code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xC0 | (code >> 6));
        out[1] = (char)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xE0 | (code >> 12));
        out[1] = (char)(0x80 | ((code >> 6) & 0x3F));
        out[2] = (char)(0x80 | (code & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | (code >> 18));
    out[1] = (char)(0x80 | ((code >> 12) & 0x3F));
    out[2] = (char)(0x80 | ((code >> 6) & 0x3F));
    out[3] = (char)(0x80 | (code & 0x3F));
    return 4;
}

/* Bytes of leading ASCII, eight at a time. */
static size_t ascii_prefix(const char *text, size_t len)
{
    size_t i = 0;
    for (; i + 8 <= len; i += 8) {
        uint64_t word;
        memcpy(&word, text + i, 8);
        if (word & 0x8080808080808080u)
            break;
    }
    while (i < len && (unsigned char)text[i] < 0x80)
        i++;
    return i;
}

/* Three bytes that are one character: the common case of Chinese text, without the general way. */
static bool is_three_byte(const unsigned char *s)
{
    const uint32_t code = (s[0] & 0x0Fu) << 12 | (s[1] & 0x3Fu) << 6 | (s[2] & 0x3Fu);
    return (s[0] & 0xF0) == 0xE0 && (s[1] & 0xC0) == 0x80 && (s[2] & 0xC0) == 0x80 &&
           code >= 0x800 && (code < 0xD800 || code > 0xDFFF);
}

size_t utf8_multibyte_prefix(const char *text, size_t len)
{
    size_t i = 0;
    while (i < len) {
        if (len - i >= 3 && is_three_byte((const unsigned char *)text + i)) {
            i += 3;
            continue;
        }
        const struct utf8_step step = utf8_decode(text + i, len - i);
        if (step.code < 0x80 || step.code == UTF8_INVALID)
            break;
        i += step.len;
    }
    return i;
}

size_t utf8_valid_prefix(const char *text, size_t len)
{
    size_t i = 0;
    for (size_t before = SIZE_MAX; i < len && i != before;) {
        before = i;
        i += ascii_prefix(text + i, len - i);
        i += utf8_multibyte_prefix(text + i, len - i);
    }
    return i;
}

size_t utf8_floor(const char *text, size_t at)
{
    for (size_t back = 1; back <= 3 && back <= at; back++) {
        const unsigned char c = (unsigned char)text[at - back];
        if ((c & 0xC0) != 0x80)
            return lead_of(c).len > back ? at - back : at;
    }
    return at;
}

static bool is_wide(uint32_t c)
{
    return (c >= 0x1100 && c <= 0x115F) || (c >= 0x2E80 && c <= 0xA4CF) ||
           (c >= 0xAC00 && c <= 0xD7A3) || (c >= 0xF900 && c <= 0xFAFF) ||
           (c >= 0xFE30 && c <= 0xFE6F) || (c >= 0xFF00 && c <= 0xFF60) ||
           (c >= 0xFFE0 && c <= 0xFFE6) || (c >= 0x1F300 && c <= 0x1FAFF) ||
           (c >= 0x20000 && c <= 0x3FFFD);
}

size_t utf8_columns(const char *text, size_t len)
{
    size_t columns = 0;
    for (size_t i = 0; i < len;) {
        const struct utf8_step step = utf8_decode(text + i, len - i);
        columns += step.code != UTF8_INVALID && is_wide(step.code) ? 2 : 1;
        i += step.len;
    }
    return columns;
}
