#include "model/pretokenize.h"

#include "model/unicode.h"

#include <stdbool.h>

/* One character: its code, length and classes. len 0 stands for the end of the segment. */
struct unit {
    uint32_t code;
    uint32_t len;
    uint8_t classes;
};

static inline struct unit unit_at(const uint8_t *classes, const char *text, size_t at, size_t len)
{
    if (at >= len)
        return (struct unit){0, 0, 0};
    uint32_t n;
    const uint32_t code = unicode_read(text + at, &n);
    return (struct unit){code, n, classes[code]};
}

static inline bool is_newline(struct unit u)
{
    return u.len && (u.code == '\r' || u.code == '\n');
}

/* Neither white space, letter nor number. */
static inline bool is_other(struct unit u)
{
    return u.len && !(u.classes & (UNICODE_SPACE | UNICODE_LETTER | UNICODE_NUMBER));
}

/* 's 't 're 've 'm 'll 'd at text[0], any case; 0 if none. */
static size_t contraction(const char *text, size_t len)
{
    if (len < 2 || text[0] != '\'')
        return 0;
    const char a = (char)(text[1] | 0x20), b = len > 2 ? (char)(text[2] | 0x20) : 0;
    if (a == 's' || a == 't' || a == 'm' || a == 'd')
        return 2;
    if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l'))
        return 3;
    return 0;
}

static size_t letters_end(const uint8_t *classes, const char *text, size_t at, size_t len)
{
    for (;;) {
        const struct unit u = unit_at(classes, text, at, len);
        if (!(u.classes & UNICODE_LETTER))
            return at;
        at += u.len;
    }
}

/* [^\r\n\p{L}\p{N}]?\p{L}+ ; 0 if it does not match. */
static size_t letters(const uint8_t *classes, const char *text, size_t len, struct unit first)
{
    size_t at = 0;
    if (!(first.classes & (UNICODE_LETTER | UNICODE_NUMBER)) && !is_newline(first))
        at = first.len;
    const size_t end = letters_end(classes, text, at, len);
    return end > at ? end : 0;
}

/* " ?[^\s\p{L}\p{N}]+[\r\n]*" ; 0 if it does not match. */
static size_t others(const uint8_t *classes, const char *text, size_t len, struct unit first)
{
    size_t at = first.code == ' ' ? 1 : 0;
    const size_t begin = at;
    struct unit u = unit_at(classes, text, at, len);
    for (; is_other(u); u = unit_at(classes, text, at, len))
        at += u.len;
    if (at == begin)
        return 0;
    for (; is_newline(u); u = unit_at(classes, text, at, len))
        at += u.len;
    return at;
}

/* \s*[\r\n]+ | \s+(?!\S) | \s+ over the run of white space at text[0]. */
static size_t spaces(const uint8_t *classes, const char *text, size_t len)
{
    size_t at = 0, last = 0, after_newline = 0;
    struct unit u = unit_at(classes, text, 0, len);
    for (; u.classes & UNICODE_SPACE; u = unit_at(classes, text, at, len)) {
        last = at;
        at += u.len;
        if (is_newline(u))
            after_newline = at;
    }
    if (after_newline)
        return after_newline;
    if (at == len || last == 0)
        return at;
    return last; /* the last one may be glued to the next word */
}

size_t pretokenize_next(const uint8_t *classes, const char *text, size_t len)
{
    size_t n = contraction(text, len);
    if (n)
        return n;
    const struct unit first = unit_at(classes, text, 0, len);
    n = letters(classes, text, len, first);
    if (n)
        return n;
    if (first.classes & UNICODE_NUMBER)
        return first.len;
    n = others(classes, text, len, first);
    if (n)
        return n;
    return spaces(classes, text, len);
}
