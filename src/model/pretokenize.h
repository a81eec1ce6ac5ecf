/* Splitting text into words before BPE: the Qwen2 pattern, by hand (specification 2.5). */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Length in bytes of the first word of text[0..len), len ≥ 1; never 0. `text` is well-formed UTF-8;
 * `classes` is unicode_fill's table. `len` is the end of the segment: what follows is not looked
 * at. */
size_t pretokenize_next(const uint8_t *classes, const char *text, size_t len);
