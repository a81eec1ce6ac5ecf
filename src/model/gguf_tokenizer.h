/* The tokenizer of a GGUF file: the same as from tokenizer.json (specification 2.2, 10.2). */
#pragma once

#include "model/gguf.h"
#include "model/tokenizer.h"

/* Reads the arrays tokenizer.ggml.*. Ids of unused tokens decode to nothing. Code: bad_tokenizer.
 */
MUST_CHECK enum status gguf_tokenizer_load(const struct gguf *gguf, struct tokenizer **out,
                                           struct reason *why);
