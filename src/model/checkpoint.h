/* Weights as named tensors, mapped from files: a Hugging Face directory (model.safetensors, or
 * shards with an index), or GGUF files (gguf_files.h).
 *
 * A tensor's bytes stay in the mapping; nothing is copied. Opening checks each file's header
 * completely: lengths, offsets in range, no overlap, sizes equal to shape × dtype. */
#pragma once

#include "base/status.h"
#include "base/str.h"
#include "kernels/matrix.h"

#include <stdint.h>

enum { TENSOR_DIMS_MAX = 5 };

struct tensor {
    const char *name;    /* Hugging Face's; owned by the checkpoint, as the next */
    const char *spelled; /* as the file spells it, for messages */
    const char *file;    /* the file it is in */
    enum dtype dtype;
    uint32_t dims;
    uint64_t shape[TENSOR_DIMS_MAX]; /* row-major, last index fastest */
    const void *data;                /* in the mapping; aligned to the dtype */
    uint64_t bytes;
};

struct checkpoint;

/* Opens a directory. Codes: missing_file unreadable truncated bad_header bad_index overlapping
 * wrong_size wrong_dtype wrong_shape (too many dimensions) not_a_checkpoint missing_tensor (the
 * index names it, no shard has it).
 */
MUST_CHECK enum status checkpoint_open(const char *dir, struct checkpoint **out,
                                       struct reason *why);
void checkpoint_close(struct checkpoint *checkpoint); /* takes NULL */

size_t checkpoint_count(const struct checkpoint *checkpoint);
const struct tensor *checkpoint_at(const struct checkpoint *checkpoint, size_t index);
const struct tensor *checkpoint_find(const struct checkpoint *checkpoint, const char *name);
/* The files that hold the tensors. */
size_t checkpoint_file_count(const struct checkpoint *checkpoint);
const char *checkpoint_file_name(const struct checkpoint *checkpoint, size_t index); /* no path */
uint64_t checkpoint_file_bytes(const struct checkpoint *checkpoint, size_t index);

/* The directory, or the GGUF file of the text model. */
const char *checkpoint_path(const struct checkpoint *checkpoint);
/* How the checkpoint spells a tensor of that name, whether it has it or not: for messages. */
enum { SPELLED_BYTES = 192 };
void checkpoint_spell(const struct checkpoint *checkpoint, const char *name,
                      char out[SPELLED_BYTES]);
uint64_t checkpoint_bytes(const struct checkpoint *checkpoint);
