/* Matrices of the text model in other memory than the checkpoint's, made once, when it is loaded:
 * quantised, and in the layout of the integer kernels (kernels/tile.h).
 *
 * This happens a stretch of rows at a time, and the pages of the checkpoint's mapping that a
 * stretch was made of are given back at once, so that there are never two copies of the whole.
 *
 * What only gets tiles can be packed in the background, matrix by matrix, while the model is used
 * already: products look for the tiles each time (tile_find), with the same results. */
#pragma once

#include "model/weights.h"
#include "os/pool.h"

struct packing;
struct quantize_plan;

/* Called after each stretch, from the calling thread, with the bytes of the checkpoint that are
 * done so far. */
typedef void packing_progress_fn(void *arg, uint64_t done_bytes);

struct packing_options {
    bool tiles; /* matrices are for the integer kernels, where their dtype has tiles */
    const struct quantize_plan *plan; /* of the text model; NULL: every matrix keeps its dtype */
    bool background;                  /* packing_create only begins; not with a plan */
    packing_progress_fn *progress;    /* may be NULL; not called in the background */
    void *arg;
};

/* Changes the matrices of the decoder layers, the embedding and the output head. A matrix that has
 * tiles has no data if it was quantised; tokens are looked up in a tied embedding's tiles. Threads
 * of the pool share the work; in the background the pool is the packing's from then on. On failure
 * nothing is changed. Codes: memory_full. */
MUST_CHECK enum status packing_create(struct weights *weights, uint32_t layers,
                                      const struct packing_options *options, struct pool *pool,
                                      struct packing **out, struct reason *why);

/* Waits for what is done in the background. Only for the thread that destroys it. */
void packing_finish(struct packing *packing);
/* Ends what is done in the background. Takes NULL. */
void packing_destroy(struct packing *packing);

/* Whether the matrix that begins at `data` in the checkpoint has other memory now. */
bool packing_has(const struct packing *packing, const void *data);

/* Bytes of the matrices here, and of the same in the checkpoint. */
uint64_t packing_bytes(const struct packing *packing);
uint64_t packing_source_bytes(const struct packing *packing);
