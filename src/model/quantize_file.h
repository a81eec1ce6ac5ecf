/* Writing a model as GGUF files that llama.cpp reads: the text model, and its vision part.
 *
 * Rows are converted by the pool's threads, a few MiB at a time; nothing larger is held. */
#pragma once

#include "model/quantize_plan.h"
#include "os/pool.h"

/* Called from the calling thread with bytes of weights. */
typedef void quantize_progress_fn(void *arg, uint64_t done, uint64_t total);

struct quantize_job {
    const struct model *model;
    const char *from; /* the path that the model was opened from */
    struct pool *pool;
    quantize_progress_fn *progress; /* may be NULL */
    void *arg;
    uint64_t done, total; /* bytes of all files of the job; the caller sets total */
};

/* Whether model files can be written in this format: F32, F16, BF16, and those of quantize.h. */
bool quantize_file_supports(enum dtype type);

/* Such a type by its name in either case; "f32 f16 bf16 q8_0 …". */
bool quantize_file_type(const char *name, enum dtype *out);
extern const char quantize_file_types[];

/* Writes what is planned to `path` and fills in the tensors' errors. On failure there is no file of
 * that name, or the one that was there before. Codes: unwritable memory_full, and those of
 * quantize_put_tokenizer. */
MUST_CHECK enum status quantize_file_write(struct quantize_job *job, struct quantize_plan *plan,
                                           const char *path, struct reason *why);
