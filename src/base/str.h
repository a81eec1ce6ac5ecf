/* A piece of bytes that somebody else owns: pointer and length, not NUL-terminated. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *ptr; /* may be NULL when len is 0 */
    size_t len;
};

#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})
#define STR_ARG(s)   (int)(s).len, (s).ptr /* for printf's %.*s */
#define ARRAY_LEN(a) (sizeof(a) / sizeof *(a))

static inline struct str str_from(const char *text)
{
    return (struct str){text, text ? strlen(text) : 0};
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool str_is(struct str a, const char *text)
{
    return str_eq(a, str_from(text));
}

static inline bool str_starts(struct str a, const char *prefix)
{
    const size_t n = strlen(prefix);
    return a.len >= n && memcmp(a.ptr, prefix, n) == 0;
}

static inline bool str_ends(struct str a, const char *suffix)
{
    const size_t n = strlen(suffix);
    return a.len >= n && memcmp(a.ptr + a.len - n, suffix, n) == 0;
}

/* The bytes [from, to); bounds are clamped. */
static inline struct str str_slice(struct str a, size_t from, size_t to)
{
    const size_t end = to < a.len ? to : a.len;
    const size_t begin = from < end ? from : end;
    return (struct str){a.ptr + begin, end - begin};
}

/* ASCII letters without regard to case (RFC 9110 tokens). */
bool str_ieq(struct str a, struct str b);

/* The bytes without leading and trailing spaces, tabs, CR and LF. */
struct str str_trim(struct str a);

/* FNV-1a, 64 bits: to tell texts apart that nobody chose in order to confuse them. */
uint64_t str_hash(struct str text);

/* Number of single-character edits (insert, delete, replace, swap) between two short names: the
 * "did you mean" distance. Names over 64 bytes are at distance SIZE_MAX from everything. */
size_t str_distance(struct str a, struct str b);

/* The candidate nearest to `word`, if near enough to be a likely slip (at most a third of its
 * length away); NULL otherwise. `candidates` ends with NULL. */
const char *str_nearest(struct str word, const char *const *candidates);
