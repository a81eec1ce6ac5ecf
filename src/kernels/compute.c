#include "kernels/compute.h"

#include "kernels/bf16.h"
#include "kernels/exact.h"
#include "kernels/integer.h"
#include "os/aligned.h"

#include <stdlib.h>

enum { ALIGNMENT_FLOATS = 64 / sizeof(float) };

static float *alloc_floats(size_t rows, size_t cols, struct reason *why)
{
    size_t count, bytes;
    if (__builtin_mul_overflow(rows, cols, &count) ||
        __builtin_mul_overflow(count, sizeof(float), &bytes)) {
        (void)reason_no_memory(why, SIZE_MAX);
        return NULL;
    }
    float *floats = aligned_bytes(bytes);
    if (!floats)
        (void)reason_no_memory(why, bytes);
    return floats;
}

/* Floats of scratch of one thread, for whichever operation needs most. */
static size_t scratch_floats(const struct compute *compute)
{
    const size_t gemm = GEMM_PANEL_FLOATS + (size_t)GEMM_DEPTH * GEMM_NR_MAX;
    const size_t gemv = EXACT_ROWS * compute->limits.max_cols;
    const size_t attention =
        max_size(attention_scratch_floats(&compute->kernels), bf16_attention_scratch_floats());
    const size_t integer = integer_scratch_floats(compute->limits);
    const size_t products = max_size(max_size(gemm, gemv), bf16_scratch_floats());
    return round_up(max_size(max_size(attention, integer), products), ALIGNMENT_FLOATS);
}

enum status compute_create(int threads, struct compute_limits limits, struct compute **out,
                           struct reason *why)
{
    struct compute *compute = calloc(1, sizeof *compute);
    if (!compute)
        return reason_no_memory(why, sizeof *compute);
    kernels_select(&compute->kernels);
    compute->limits = limits;
    compute->fine_rows = SIZE_MAX;
    enum status status = pool_create(threads, &compute->pool, why);
    if (status != STATUS_OK)
        goto failed;
    compute->scratch_floats = scratch_floats(compute);
    status = STATUS_NO_MEMORY;
    compute->scratch =
        alloc_floats((size_t)pool_threads(compute->pool), compute->scratch_floats, why);
    if (!compute->scratch)
        goto failed;
    compute->packed_x = alloc_floats(limits.max_rows + GEMM_MR_MAX, limits.max_cols, why);
    if (!compute->packed_x)
        goto failed;
    *out = compute;
    return STATUS_OK;
failed:
    compute_destroy(compute);
    return status;
}

void compute_destroy(struct compute *compute)
{
    if (!compute)
        return;
    pool_destroy(compute->pool);
    free(compute->packed_x);
    free(compute->scratch);
    free(compute);
}

const struct kernels *compute_kernels(const struct compute *compute)
{
    return &compute->kernels;
}

struct pool *compute_pool(struct compute *compute)
{
    return compute->pool;
}

void compute_set_exact(struct compute *compute, bool exact)
{
    compute->exact = exact;
}

void compute_set_fine_rows(struct compute *compute, size_t rows)
{
    compute->fine_rows = rows;
}
