/* What is particular to the vision file of a GGUF checkpoint. */
#pragma once

#include "model/checkpoint_parts.h"

/* The path of the only mmproj*.gguf beside the text model. Code: missing_mmproj. */
MUST_CHECK enum status gguf_mmproj_find(const char *text_path, char *out, size_t size,
                                        struct reason *why);

/* v.patch_embd.weight and .weight.1 are [rows, 3, 16, 16], for the first and the second frame of a
 * pair. Makes the first one [rows, 3, 2, 16, 16] in F32, as Hugging Face has it, and takes the
 * second away. Codes: missing_tensor wrong_shape. */
MUST_CHECK enum status gguf_mmproj_join_patches(struct checkpoint *checkpoint, struct shard *shard,
                                                uint32_t rows, struct reason *why);
