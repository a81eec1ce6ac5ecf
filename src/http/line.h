/* Lines that end in CRLF, collected from input that comes in pieces. */
#pragma once

#include "base/buf.h"
#include "base/status.h"

enum http_line { LINE_PARTIAL, LINE_COMPLETE, LINE_TOO_LONG, LINE_NO_MEMORY };

/* Moves bytes from *input to `out` up to and with the next LF. `room` is what the line may still
 * take; where the input is cut makes no difference to the result. */
enum http_line http_line_take(struct buf *out, struct str *input, size_t room);

/* The line without its CRLF. It must end in CRLF and hold no other CR and no NUL: bad_request. */
MUST_CHECK enum status http_line_check(struct str raw, struct str *line, struct reason *why);

/* The parts of a line that http_field_split found right before. */
void http_field_parts(struct str line, struct str *name, struct str *value);

/* "Name: value" into its two parts; the value is trimmed. Codes: bad_request. */
MUST_CHECK enum status http_field_split(struct str line, struct str *name, struct str *value,
                                        struct reason *why);
