/* The safetensors container (specification 1.3): an 8-byte length, a JSON header, raw tensors. */
#pragma once

#include "base/arena.h"
#include "model/checkpoint.h"

/* Reads the header at the start of a mapped file and checks it completely: lengths, known types,
 * shape × type = bytes, every byte of the data belongs to exactly one tensor. `file` names the file
 * in errors and in the tensors (borrowed). Tensors come sorted by name, their memory from `arena`;
 * their data stay in the mapping. Codes: truncated bad_header overlapping wrong_size wrong_dtype
 * wrong_shape (too many dimensions) not_a_checkpoint. */
MUST_CHECK enum status safetensors_read(const char *file, const uint8_t *bytes, size_t size,
                                        struct arena *arena, struct tensor **tensors, size_t *count,
                                        struct reason *why);
