#include "api/call_scan.h"

enum { DEPTH_MAX = 62 };

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* What numbers, true, false and null are made of. */
static bool is_word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == 'E' || c == '+' || c == '-' ||
           c == '.';
}

static bool key_is(const struct call_scan *scan, struct str text, const char *quoted)
{
    return str_is(str_slice(text, scan->key.begin, scan->key.end), quoted);
}

/* False: the member is there already. */
static bool begin_value(struct call_scan *scan, struct str text, size_t at)
{
    struct scan_span *span = key_is(scan, text, "\"name\"")        ? &scan->name
                             : key_is(scan, text, "\"arguments\"") ? &scan->arguments
                                                                   : NULL;
    if (span && span->begin)
        return false;
    scan->value.begin = at;
    if (span)
        span->begin = at;
    return true;
}

static void end_value(struct call_scan *scan, size_t end)
{
    if (scan->name.begin == scan->value.begin)
        scan->name.end = end;
    if (scan->arguments.begin == scan->value.begin)
        scan->arguments.end = end;
    scan->place = SCAN_COMMA;
}

static bool open_bracket(struct call_scan *scan, char c)
{
    if (scan->depth == DEPTH_MAX)
        return false;
    const uint64_t bit = (uint64_t)1 << scan->depth++;
    scan->objects = c == '{' ? scan->objects | bit : scan->objects & ~bit;
    return true;
}

/* False: it closes the other kind. */
static bool close_bracket(struct call_scan *scan, char c)
{
    scan->depth--;
    return (c == '}') == (scan->objects >> scan->depth & 1);
}

static bool in_string(struct call_scan *scan, char c, size_t at)
{
    if ((unsigned char)c < 0x20)
        return false;
    if (scan->escaped || c != '"') {
        scan->escaped = !scan->escaped && c == '\\';
        return true;
    }
    scan->in_string = false;
    if (scan->depth > 1)
        return true;
    if (scan->place == SCAN_VALUE) {
        end_value(scan, at + 1);
    } else {
        scan->key.end = at + 1;
        scan->place = SCAN_COLON;
    }
    return true;
}

/* Within a value that is an array or an object. */
static bool in_brackets(struct call_scan *scan, char c, size_t at)
{
    if (c == '{' || c == '[')
        return open_bracket(scan, c);
    if (c == '}' || c == ']') {
        if (!close_bracket(scan, c))
            return false;
        if (scan->depth == 1)
            end_value(scan, at + 1);
        return true;
    }
    scan->in_string = c == '"';
    return c == '"' || c == ',' || c == ':' || is_word(c) || is_blank(c);
}

static bool at_key(struct call_scan *scan, char c, size_t at)
{
    scan->key.begin = at;
    scan->in_string = true;
    return c == '"';
}

static bool at_value(struct call_scan *scan, struct str text, size_t at)
{
    const char c = text.ptr[at];
    if (!begin_value(scan, text, at))
        return false;
    if (c == '{' || c == '[')
        return open_bracket(scan, c);
    scan->in_string = c == '"';
    if (c != '"')
        scan->place = SCAN_WORD;
    return c == '"' || is_word(c);
}

static bool behind_value(struct call_scan *scan, char c)
{
    if (c == ',')
        scan->place = SCAN_KEY;
    else if (c == '}')
        scan->place = SCAN_BEHIND;
    return c == ',' || c == '}';
}

/* Between the members, and in their words. */
static bool in_object(struct call_scan *scan, struct str text, size_t at)
{
    const char c = text.ptr[at];
    if (scan->place == SCAN_WORD && !is_word(c))
        end_value(scan, at);
    if (is_blank(c))
        return true;
    switch (scan->place) {
    case SCAN_BEFORE: scan->place = SCAN_FIRST_KEY; return c == '{' && open_bracket(scan, c);
    case SCAN_FIRST_KEY:
        scan->place = c == '}' ? SCAN_BEHIND : SCAN_KEY;
        return c == '}' || at_key(scan, c, at);
    case SCAN_KEY: return at_key(scan, c, at);
    case SCAN_COLON: scan->place = SCAN_VALUE; return c == ':';
    case SCAN_VALUE: return at_value(scan, text, at);
    case SCAN_WORD: return true;
    case SCAN_COMMA: return behind_value(scan, c);
    case SCAN_BEHIND: break;
    }
    return false;
}

enum scan_result call_scan_run(struct call_scan *scan, struct str text)
{
    while (!scan->bad && scan->at < text.len && scan->place != SCAN_BEHIND) {
        const size_t at = scan->at;
        const bool good = scan->in_string   ? in_string(scan, text.ptr[at], at)
                          : scan->depth > 1 ? in_brackets(scan, text.ptr[at], at)
                                            : in_object(scan, text, at);
        scan->bad = !good;
        scan->at += good;
    }
    return scan->bad ? SCAN_BAD : scan->place == SCAN_BEHIND ? SCAN_END : SCAN_MORE;
}
