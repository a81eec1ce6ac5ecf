/* The text model: one forward pass over a batch of rows from several sequences (specification 6).
 *
 * A row is one token of one sequence: an id, or the row of a picture. All rows of a batch go
 * through each matrix together; attention lets a row see its own sequence up to itself. Rows of one
 * sequence are in order and follow what its pages already hold, so a prompt may come in chunks.
 * For the scheduler thread only; nothing is allocated after decoder_create. */
#pragma once

#include "engine/kv_cache.h"
#include "engine/model.h"
#include "kernels/ops.h"

struct decoder;

/* The first layers are fine for all rows: what they add is small, and an error in it goes through
 * all others (docs/internals/quantised.md). */
enum { FINE_LAYERS = 2 };

struct decoder_limits {
    uint32_t rows;        /* of one batch */
    uint32_t logits_rows; /* of one batch */
};

struct decoder_row {
    int32_t token;       /* ignored if `visual` is set */
    const float *visual; /* [H] what replaces the token's embedding, or NULL */
    size_t plane;        /* deepstack feature k of the row is at visual + (k + 1) · plane */
    int32_t position[3]; /* T, H, W */
    const struct kv_pages *pages; /* of its sequence, with room for it */
    uint32_t index;               /* in its sequence */
    bool wants_logits;
    bool fast; /* less precise products will do (kernels/ops.h); such rows come last */
};

/* For tests and measurements: sees the residual stream x[n, H]: layer -1 is the input of layer 0,
 * layer i the output of layer i with its deepstack rows added. */
typedef void decoder_trace_fn(void *arg, int layer, const float *x, size_t n, size_t dim);

/* compute_limits of `compute` must allow limits.rows. Everything is borrowed. Codes: memory_full.
 */
MUST_CHECK enum status decoder_create(const struct model *model, struct compute *compute,
                                      struct kv_cache *cache, struct decoder_limits limits,
                                      struct decoder **out, struct reason *why);
void decoder_destroy(struct decoder *decoder); /* takes NULL */
void decoder_set_trace(struct decoder *decoder, decoder_trace_fn *trace, void *arg);

/* 1 ≤ n ≤ limits.rows. Returns the logits [m, vocab_size] of the m rows that want them, in order;
 * they may be written to, and are valid until the next call. */
float *decoder_forward(struct decoder *decoder, const struct decoder_row *rows, size_t n);
