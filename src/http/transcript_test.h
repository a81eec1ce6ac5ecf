/* What the parser makes of some input, as one text: the same for every way to cut the input. */
#pragma once

#include "http/parser.h"

/* Cuts the input before every index for which `cuts` says so. */
typedef bool cut_fn(size_t index, size_t arg);

/* Appends one line per event; body pieces of one request are joined. Stops at an error. */
void transcript_write(struct buf *out, const struct http_limits *limits, struct str input,
                      cut_fn *cuts, size_t arg);

bool cut_never(size_t index, size_t arg);
bool cut_always(size_t index, size_t arg);
bool cut_at(size_t index, size_t arg);
