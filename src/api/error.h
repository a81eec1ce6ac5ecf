/* Errors as OpenAI's clients know them, from one table (errors.def). */
#pragma once

#include "base/buf.h"
#include "base/status.h"

struct error_row {
    const char *code;
    int status;       /* HTTP */
    const char *type; /* "invalid_request_error", … */
    bool retryable;   /* the same request may pass later: x-should-retry */
    const char *title[LANG_COUNT];
};

/* The row of a code; an unknown code (or NULL) is a mistake of ours: internal_error. */
const struct error_row *error_find(const char *code);

/* All rows, for tests and documents. */
const struct error_row *error_rows(size_t *count);

/* Appends {"error":{"message","type","param","code","request_id","hint","docs"}}: `why` in the
 * given language, its subject as param. A reason without message gets the row's title. request_id
 * NULL writes null. */
void error_write(struct buf *out, const struct reason *why, enum lang lang, const char *request_id);

enum { ERROR_NO_MEMORY_BYTES = 1024 };

/* The same for memory_full, when there is no memory to write it. Returns its length. */
size_t error_write_no_memory(char out[ERROR_NO_MEMORY_BYTES], enum lang lang,
                             const char *request_id);

/* The same as a server-sent event, for a stream that fails after its first byte:
 * data: {"error":…} and a blank line. */
void error_write_event(struct buf *out, const struct reason *why, enum lang lang,
                       const char *request_id);
