/* The inside of a checkpoint, shared by those who fill one: checkpoint.c from a directory,
 * gguf_files.c from GGUF files. */
#pragma once

#include "base/arena.h"
#include "model/checkpoint.h"
#include "model/config.h"
#include "os/file.h"

struct shard {
    char *path;
    const char *name; /* its last part */
    struct file_map map;
    struct tensor *tensors;
    size_t count;
};

struct checkpoint {
    struct arena arena;
    char *path;
    struct shard *shards;
    size_t shard_count;
    struct tensor *tensors; /* of all shards, sorted by name */
    size_t count;
    void **copies; /* of tensors that cannot stay in their file: unaligned, or put together */
    size_t copy_count, copy_cap;
    uint64_t bytes;
    bool is_gguf;
    struct vision_config vision; /* GGUF: where names of tensors come from */
};

/* An empty checkpoint with room for `shards` files. */
MUST_CHECK enum status checkpoint_new(const char *path, size_t shards, struct checkpoint **out,
                                      struct reason *why);

/* Maps one more file; its tensors are the caller's to fill in. */
MUST_CHECK enum status checkpoint_add_file(struct checkpoint *checkpoint, const char *path,
                                           struct shard **out, struct reason *why);

/* Memory of one tensor that lives as long as the checkpoint. */
MUST_CHECK enum status checkpoint_add_copy(struct checkpoint *checkpoint, uint64_t bytes,
                                           void **out, struct reason *why);

/* Makes one list of all shards' tensors and aligns them. Codes: bad_index (a tensor twice). */
MUST_CHECK enum status checkpoint_merge(struct checkpoint *checkpoint, struct reason *why);
