/* The inside of `struct compute`, shared by the files that implement ops.h. */
#pragma once

#include "kernels/ops.h"

/* Cache blocking of the packed GEMM (Goto & van de Geijn 2008): a block of GEMM_ROWS weight rows by
 * GEMM_DEPTH columns is converted to F32 panels that stay in the second-level cache of the thread;
 * GEMM_BATCH rows of X at a time pass over it. */
enum { GEMM_DEPTH = 256, GEMM_ROWS = 128, GEMM_BATCH = 192 };

/* A panel of GEMM_NR_MAX columns too many, so that a block may end anywhere in its last panel. */
enum { GEMM_PANEL_FLOATS = GEMM_DEPTH * (GEMM_ROWS + GEMM_NR_MAX) };

/* Queries of one tile of attention; a multiple of every gemm_mr. */
enum { ATTEND_TILE = 96 };

struct compute {
    struct kernels kernels;
    struct pool *pool;
    struct compute_limits limits;
    size_t fine_rows;      /* see compute_set_fine_rows */
    bool exact;            /* see compute_set_exact */
    float *packed_x;       /* panels of X: (max_rows + GEMM_MR_MAX) · max_cols */
    float *scratch;        /* threads × scratch_floats, each 64-byte aligned */
    size_t scratch_floats; /* of one thread */
};

static inline float *compute_scratch(const struct compute *compute, int thread)
{
    return compute->scratch + (size_t)thread * compute->scratch_floats;
}

static inline size_t round_up(size_t n, size_t multiple)
{
    return (n + multiple - 1) / multiple * multiple;
}

static inline size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

static inline size_t max_size(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Whether fast rows are multiplied in BF16 where there is nothing faster. */
static inline bool compute_has_bf16(const struct compute *compute)
{
    return compute->kernels.bf16 && !compute->exact;
}

/* How many rows from `row` on, up to `end`, belong to one sequence. */
static inline size_t same_sequence(const struct attention_row *rows, size_t row, size_t end)
{
    size_t count = 1;
    while (row + count < end && rows[row + count].pages == rows[row].pages)
        count++;
    return count;
}

/* Floats of scratch that one thread of attention needs. */
size_t attention_scratch_floats(const struct kernels *kernels);
