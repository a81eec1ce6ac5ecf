/* Writing JSON into a buffer. Commas and quotes are the writer's business; the caller's calls must
 * nest. Errors (the buffer's maximum) stay in the buffer's `failed`. */
#pragma once

#include "base/buf.h"

#include <stdint.h>

enum { JSON_WRITER_DEPTH = 32 };

struct json_writer {
    struct buf *out;
    int depth;
    bool has_items[JSON_WRITER_DEPTH];
    bool after_key;
};

void json_writer_init(struct json_writer *w, struct buf *out);

void json_begin_object(struct json_writer *w);
void json_end_object(struct json_writer *w);
void json_begin_array(struct json_writer *w);
void json_end_array(struct json_writer *w);
void json_key(struct json_writer *w, const char *key);

void json_string(struct json_writer *w, struct str text);
void json_cstring(struct json_writer *w, const char *text); /* NULL writes null */
void json_int(struct json_writer *w, int64_t value);
void json_uint(struct json_writer *w, uint64_t value);
void json_number(struct json_writer *w, double value); /* shortest round trip; not finite: null */
void json_bool(struct json_writer *w, bool value);
void json_null(struct json_writer *w);
void json_raw(struct json_writer *w, struct str json); /* one ready-made value */
