/* jansson's reading of a text, for tests and fuzzers. A header of its own, because jansson's names
 * and ours meet. */
#pragma once

#include "base/buf.h"

/* Appends jansson's tree in a canonical spelling (numbers as %.17g, the last of duplicate members
 * at the place of the first) and returns true; false if jansson refuses the text. */
bool oracle_canonical(const char *text, size_t len, struct buf *out);
