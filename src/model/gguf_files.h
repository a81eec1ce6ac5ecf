/* The files of a GGUF checkpoint: the text model (one file, or parts -00001-of-0000N.gguf), and the
 * vision part ("mmproj"). */
#pragma once

#include "model/config.h"
#include "model/gguf.h"

struct gguf_files {
    struct checkpoint *checkpoint; /* owns the mappings, and what the two hold */
    struct gguf text, vision;      /* of several parts the first, which has the values */
    size_t text_parts;             /* of the checkpoint's shards; the others are the vision part */
};

/* Whether the path names a GGUF file rather than a folder. */
bool gguf_files_is(const char *path);

/* Maps and checks all files. mmproj: NULL or "" takes the only mmproj*.gguf beside the text model.
 * The caller closes out->checkpoint. Codes: those of gguf_read, missing_file unreadable
 * missing_mmproj unknown_architecture (not a qwen3vl file) mismatched_mmproj (not a vision part).
 */
MUST_CHECK enum status gguf_files_open(const char *path, const char *mmproj, struct gguf_files *out,
                                       struct reason *why);

/* Whether the text model has a tensor of that ggml name; before the merge. */
bool gguf_files_has_text(const struct gguf_files *files, const char *name);

/* Gives the tensors their Hugging Face names, puts the two halves of the patch embedding together,
 * and makes the checkpoint ready. Codes: extra_tensor wrong_shape missing_tensor bad_index. */
MUST_CHECK enum status gguf_files_merge(struct gguf_files *files,
                                        const struct vision_config *vision, struct reason *why);
