#include "json/writer.h"

#include "base/json_text.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

void json_writer_init(struct json_writer *w, struct buf *out)
{
    *w = (struct json_writer){.out = out};
}

/* What stands in front of a value or a member name: a comma unless it is the first. */
static void separate(struct json_writer *w)
{
    if (w->after_key) {
        w->after_key = false;
        return;
    }
    if (w->has_items[w->depth])
        buf_putc(w->out, ',');
    w->has_items[w->depth] = true;
}

static void begin(struct json_writer *w, char bracket)
{
    separate(w);
    buf_putc(w->out, bracket);
    assert(w->depth + 1 < JSON_WRITER_DEPTH);
    w->has_items[++w->depth] = false;
}

static void end(struct json_writer *w, char bracket)
{
    assert(w->depth > 0 && !w->after_key);
    w->depth--;
    buf_putc(w->out, bracket);
}

void json_begin_object(struct json_writer *w)
{
    begin(w, '{');
}

void json_end_object(struct json_writer *w)
{
    end(w, '}');
}

void json_begin_array(struct json_writer *w)
{
    begin(w, '[');
}

void json_end_array(struct json_writer *w)
{
    end(w, ']');
}

void json_key(struct json_writer *w, const char *key)
{
    separate(w);
    json_text_string(w->out, str_from(key));
    buf_putc(w->out, ':');
    w->after_key = true;
}

void json_string(struct json_writer *w, struct str text)
{
    separate(w);
    json_text_string(w->out, text);
}

void json_cstring(struct json_writer *w, const char *text)
{
    if (text)
        json_string(w, str_from(text));
    else
        json_null(w);
}

void json_int(struct json_writer *w, int64_t value)
{
    separate(w);
    buf_printf(w->out, "%" PRId64, value);
}

void json_uint(struct json_writer *w, uint64_t value)
{
    separate(w);
    buf_printf(w->out, "%" PRIu64, value);
}

void json_number(struct json_writer *w, double value)
{
    separate(w);
    if (!isfinite(value)) {
        buf_puts(w->out, "null");
        return;
    }
    char text[32];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    buf_puts(w->out, text);
}

void json_bool(struct json_writer *w, bool value)
{
    separate(w);
    buf_puts(w->out, value ? "true" : "false");
}

void json_null(struct json_writer *w)
{
    separate(w);
    buf_puts(w->out, "null");
}

void json_raw(struct json_writer *w, struct str json)
{
    separate(w);
    buf_add_str(w->out, json);
}
