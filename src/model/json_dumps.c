#include "model/json_dumps.h"

#include "base/json_text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* repr(float): the fewest digits that read back, with an exponent below 1e-4 and from 1e16. */
static void dump_float(double value, struct buf *out)
{
    if (isinf(value)) {
        buf_puts(out, value > 0 ? "Infinity" : "-Infinity");
        return;
    }
    char text[40];
    for (int digits = 0; digits < 17; digits++) {
        snprintf(text, sizeof text, "%.*e", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    char *e = strchr(text, 'e');
    const int exponent = atoi(e + 1);
    const char *first = text[0] == '-' ? text + 1 : text;
    const int after_point = (int)(e - first) > 1 ? (int)(e - first) - 2 : 0;
    if (exponent < -4 || exponent >= 16) {
        buf_printf(out, "%.*s%s%c%02d", (int)(e - text), text, "e", exponent < 0 ? '-' : '+',
                   abs(exponent));
    } else {
        const int decimals = after_point - exponent;
        buf_printf(out, "%.*f", decimals > 1 ? decimals : 1, value);
    }
}

static void dump_number(struct str spelling, double value, struct buf *out)
{
    const bool integer = !memchr(spelling.ptr, '.', spelling.len) &&
                         !memchr(spelling.ptr, 'e', spelling.len) &&
                         !memchr(spelling.ptr, 'E', spelling.len);
    if (!integer)
        dump_float(value, out);
    else
        buf_add_str(out, str_is(spelling, "-0") ? STR("0") : spelling);
}

/* A member is written at its first place, with the value of its last. */
static const struct json *effective(const struct json *object, const struct json *member)
{
    for (const struct json *m = object->first; m != member; m = m->next)
        if (str_eq(m->key, member->key))
            return NULL;
    const struct json *last = member;
    for (const struct json *m = member->next; m; m = m->next)
        if (str_eq(m->key, member->key))
            last = m;
    return last;
}

static void dump_object(const struct json *v, struct buf *out)
{
    const char *separator = "";
    buf_putc(out, '{');
    JSON_EACH(member, v) {
        const struct json *value = effective(v, member);
        if (!value)
            continue;
        buf_puts(out, separator);
        json_text_string(out, member->key);
        buf_puts(out, ": ");
        json_dumps(value, out);
        separator = ", ";
    }
    buf_putc(out, '}');
}

void json_dumps(const struct json *v, struct buf *out)
{
    double value;
    const char *separator = "";
    switch (v->type) {
    case JSON_NULL: buf_puts(out, "null"); break;
    case JSON_BOOL: buf_puts(out, v->truth ? "true" : "false"); break;
    case JSON_STRING: json_text_string(out, v->text); break;
    case JSON_NUMBER:
        if (json_double(v, &value))
            dump_number(v->text, value, out);
        break;
    case JSON_ARRAY:
        buf_putc(out, '[');
        JSON_EACH(child, v) {
            buf_puts(out, separator);
            json_dumps(child, out);
            separator = ", ";
        }
        buf_putc(out, ']');
        break;
    case JSON_OBJECT: dump_object(v, out); break;
    }
}
