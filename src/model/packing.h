/* Block-quantised matrices brought into the layout of the integer kernels (kernels/tile.h), once,
 * when a model is loaded.
 *
 * The tiles stand in memory of their own; the pages of the checkpoint's mapping that they were made
 * of are given back matrix by matrix, so that there are never two copies of the whole. */
#pragma once

#include "model/weights.h"
#include "os/pool.h"

struct packing;

/* Called after each matrix, from the calling thread, with the bytes packed so far; may be NULL. */
typedef void packing_progress_fn(void *arg, uint64_t done_bytes);

/* Gives the matrices of the decoder layers, and the output head, their tiles, where their dtype has
 * some. Threads of the pool share the work. On failure nothing is packed. Codes: memory_full. */
MUST_CHECK enum status packing_create(struct weights *weights, uint32_t layers, struct pool *pool,
                                      packing_progress_fn *progress, void *arg,
                                      struct packing **out, struct reason *why);
void packing_destroy(struct packing *packing); /* takes NULL */

/* Whether the matrix that begins at `data` was packed. */
bool packing_has(const struct packing *packing, const void *data);
