/* Strict JSON (RFC 8259), read in place.
 *
 * json_parse works inside the caller's bytes: strings are unescaped where they stand, so the bytes
 * must be writable and outlive the tree. Nodes come from an arena. Rejected: anything RFC 8259
 * does not allow, ill-formed UTF-8, lone surrogate escapes, trailing bytes, nesting beyond
 * max_depth, more than max_nodes values. Duplicate member names are kept; json_get finds the last.
 *
 * A number keeps its spelling (`text`): integers of any length survive. */
#pragma once

#include "base/arena.h"
#include "base/status.h"
#include "base/str.h"

#include <stdint.h>

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json {
    struct str key;     /* member name, unescaped; of members of objects only */
    struct json *next;  /* next sibling */
    struct json *first; /* ARRAY, OBJECT: first child */
    struct str text;    /* STRING: the value, unescaped; NUMBER: its spelling */
    uint32_t count;     /* ARRAY, OBJECT: number of children */
    enum json_type type;
    bool truth; /* BOOL */
};

struct json_limits {
    uint32_t max_depth; /* 0: 64 */
    uint32_t max_nodes; /* 0: 1,000,000 */
};

/* On failure code is invalid_json and the message gives line, column and what was expected. */
MUST_CHECK enum status json_parse(char *bytes, size_t len, struct json_limits limits,
                                  struct arena *arena, struct json **root, struct reason *why);

/* The last member called `key` of an object; NULL if there is none, or `object` is NULL or no
 * object. */
const struct json *json_get(const struct json *object, const char *key);

#define JSON_EACH(child, parent)                                                                   \
    for (const struct json *child = (parent) ? (parent)->first : NULL; child; child = child->next)

static inline bool json_is(const struct json *v, enum json_type type)
{
    return v && v->type == type;
}

/* True if `v` is a number that is an integer (1, 1.0, 1e2) and fits; false leaves *out alone. */
bool json_int64(const struct json *v, int64_t *out);

/* True if `v` is a number; *out is the nearest double, ±HUGE_VAL beyond the range. */
bool json_double(const struct json *v, double *out);

/* "an array", "a string": for error messages. NULL is "nothing". */
const char *json_type_name(const struct json *v, enum lang lang);
