/* One request as a parser read it, in one form for ours and for llhttp, to be compared. */
#pragma once

#include "base/buf.h"

enum { READING_TEXT_MAX = 4 << 20 };

enum reading_state { READING_MORE, READING_WHOLE, READING_REFUSED };

struct reading {
    enum reading_state state;
    bool head;       /* the head is complete */
    bool in_line;    /* READING_MORE: what comes next belongs to a line, not to a body's data */
    bool keep_alive; /* of a whole request */
    size_t end;      /* where the next request begins; of a refusal: where it was noticed */
    struct buf text; /* method, target, version, fields, body */
    char why[160];   /* of a refusal: our English sentence; llhttp's error and reason */
};

void reading_release(struct reading *r);

/* The first request of the input. */
void reading_by_us(struct str input, struct reading *out);
void reading_by_llhttp(struct str input, struct reading *out);

/* A header's line of `text`. */
void reading_field(struct buf *out, struct str name, struct str value);
