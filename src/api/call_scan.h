/* Follows the object of a tool call while it is generated: {"name": …, "arguments": {…}}.
 *
 * It finds where the members' values begin and end, each byte once. It does not judge the values:
 * what it accepts need not be JSON, but what it refuses is none. */
#pragma once

#include "base/str.h"

#include <stdint.h>

enum scan_result { SCAN_MORE, SCAN_END, SCAN_BAD };

/* Of the text; end is 0 until it is known, begin too. */
struct scan_span {
    size_t begin, end;
};

enum scan_place {
    SCAN_BEFORE, /* the object */
    SCAN_FIRST_KEY,
    SCAN_KEY,
    SCAN_COLON,
    SCAN_VALUE,
    SCAN_WORD, /* in a number, true, false or null */
    SCAN_COMMA,
    SCAN_BEHIND, /* the object */
};

struct call_scan {
    size_t at; /* bytes looked at: up to the object's end, or to what is wrong */
    enum scan_place place;
    uint32_t depth;   /* open brackets */
    uint64_t objects; /* bit d: bracket d is '{' */
    bool in_string, escaped, bad;
    struct scan_span key, value; /* of the member in progress, quotes included */
    struct scan_span name, arguments;
};

/* `text` is what it was in the last call, grown. A zeroed scan is one at the beginning. */
enum scan_result call_scan_run(struct call_scan *scan, struct str text);
