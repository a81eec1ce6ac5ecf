#include "json/canonical_test.h"

#include "base/json_text.h"

#include <stdlib.h>

static void write_number(struct buf *out, const struct json *v)
{
    double value;
    if (!json_double(v, &value))
        abort();
    buf_printf(out, "%.17g", value);
}

static bool is_repeated(const struct json *object, const struct json *member)
{
    for (const struct json *before = object->first; before != member; before = before->next)
        if (str_eq(before->key, member->key))
            return true;
    return false;
}

static const struct json *last_of(const struct json *member)
{
    const struct json *last = member;
    for (const struct json *after = member->next; after; after = after->next)
        if (str_eq(after->key, member->key))
            last = after;
    return last;
}

static void write_object(struct buf *out, const struct json *v)
{
    const char *separator = "";
    buf_putc(out, '{');
    JSON_EACH(member, v) {
        if (is_repeated(v, member))
            continue;
        buf_puts(out, separator);
        json_text_string(out, member->key);
        buf_putc(out, ':');
        canonical_write(out, last_of(member));
        separator = ",";
    }
    buf_putc(out, '}');
}

void canonical_write(struct buf *out, const struct json *v)
{
    const char *separator = "";
    switch (v->type) {
    case JSON_NULL: buf_puts(out, "null"); break;
    case JSON_BOOL: buf_puts(out, v->truth ? "true" : "false"); break;
    case JSON_STRING: json_text_string(out, v->text); break;
    case JSON_NUMBER: write_number(out, v); break;
    case JSON_OBJECT: write_object(out, v); break;
    case JSON_ARRAY:
        buf_putc(out, '[');
        JSON_EACH(child, v) {
            buf_puts(out, separator);
            canonical_write(out, child);
            separator = ",";
        }
        buf_putc(out, ']');
        break;
    }
}
