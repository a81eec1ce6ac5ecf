#include "kernels/bf16.h"
#include "kernels/compute.h"
#include "kernels/exact.h"
#include "kernels/integer.h"

#include <assert.h>
#include <stdbool.h>

struct matmul {
    struct compute *compute;
    const struct kernels *kernels;
    const struct matrix *w;
    const float *x; /* [n, w->cols] */
    float *y;       /* [n, w->rows] */
    size_t n;
    size_t block; /* weight rows of one item of the packed GEMM */
};

/* Whether the kernels take the weights as they are. */
static bool is_plain(const struct matrix *w)
{
    return w->dtype < DTYPE_PLAIN_COUNT;
}

static const void *weight_at(const struct matrix *w, size_t row, size_t col)
{
    return (const char *)w->data + (row * w->cols + col) * dtype_size(w->dtype);
}

/* Adds the bias of the weight rows [begin, end). */
static void add_bias(const struct matmul *job, size_t begin, size_t end)
{
    if (!job->w->bias)
        return;
    for (size_t i = 0; i < job->n; i++)
        job->kernels->add(job->y + i * job->w->rows + begin, job->w->bias + begin, end - begin);
}

static void gemv_rows(void *arg, size_t begin, size_t end, int thread)
{
    const struct matmul *job = arg;
    const struct matrix *w = job->w;
    if (is_plain(w))
        job->kernels->gemv[w->dtype](job->y + begin, w->rows, weight_at(w, begin, 0), job->x,
                                     job->n, end - begin, w->cols);
    else
        exact_gemv(job->kernels, w, begin, end, job->x, job->n, job->y,
                   compute_scratch(job->compute, thread));
    add_bias(job, begin, end);
}

/* X to panels: panel i holds rows [i·mr, i·mr + mr) as [cols][mr]. */
static void pack_x_panels(void *arg, size_t begin, size_t end, int thread)
{
    const struct matmul *job = arg;
    const size_t mr = job->kernels->gemm_mr, cols = job->w->cols;
    (void)thread;
    for (size_t i = begin; i < end; i++)
        job->kernels->pack_a(job->compute->packed_x + i * mr * cols, job->x + i * mr * cols, cols,
                             min_size(mr, job->n - i * mr), cols);
}

/* `count` weight rows from `row`, columns [col, col + depth), to panels [depth][nr]. Behind the
 * panels there is scratch memory for one of them. */
static void pack_weights(const struct matmul *job, float *panels, size_t row, size_t count,
                         size_t col, size_t depth)
{
    const size_t nr = job->kernels->gemm_nr;
    const struct matrix *w = job->w;
    for (size_t j = 0; j < count; j += nr) {
        const size_t n = min_size(nr, count - j);
        if (is_plain(w))
            job->kernels->pack_b[w->dtype](panels + j * depth, weight_at(w, row + j, col), w->cols,
                                           n, depth);
        else
            exact_pack(job->kernels, w, row + j, n, col, depth, panels + j * depth,
                       panels + GEMM_PANEL_FLOATS);
    }
}

/* y[x_begin … x_end, row … row+count) (+)= X panels · weight panels over columns col … col+depth */
static void multiply_panels(const struct matmul *job, const float *panels, size_t row, size_t count,
                            size_t x_begin, size_t x_end, size_t col, size_t depth)
{
    const struct kernels *kernels = job->kernels;
    const size_t mr = kernels->gemm_mr, nr = kernels->gemm_nr, ldy = job->w->rows;
    for (size_t j = 0; j < count; j += nr)
        for (size_t i = x_begin; i < x_end; i += mr)
            kernels->gemm_micro(job->y + i * ldy + row + j, ldy,
                                job->compute->packed_x + i * job->w->cols + col * mr,
                                panels + j * depth, depth, min_size(mr, x_end - i),
                                min_size(nr, count - j), col > 0);
}

static void gemm_blocks(void *arg, size_t begin, size_t end, int thread)
{
    const struct matmul *job = arg;
    float *panels = compute_scratch(job->compute, thread);
    const size_t mr = job->kernels->gemm_mr, cols = job->w->cols;
    const size_t batch = round_up(GEMM_BATCH, mr);
    for (size_t item = begin; item < end; item++) {
        const size_t row = item * job->block;
        const size_t count = min_size(job->block, job->w->rows - row);
        for (size_t col = 0; col < cols; col += GEMM_DEPTH) {
            const size_t depth = min_size(GEMM_DEPTH, cols - col);
            pack_weights(job, panels, row, count, col, depth);
            for (size_t i = 0; i < job->n; i += batch)
                multiply_panels(job, panels, row, count, i, min_size(i + batch, job->n), col,
                                depth);
        }
        add_bias(job, row, row + count);
    }
}

static void gemv(struct compute *compute, struct matmul *job)
{
    const size_t threads = (size_t)pool_threads(compute->pool), rows = job->w->rows;
    /* Four chunks per thread share the work well; no less than 16 KiB, no more than 1 MiB each. */
    const size_t row_bytes = matrix_row_bytes(job->w);
    const size_t least = 16384 / row_bytes + 1, most = 1048576 / row_bytes + 1;
    size_t grain = rows / (threads * 4);
    grain = grain < least ? least : grain > most ? most : grain;
    pool_run(compute->pool, rows, round_up(grain, 8), gemv_rows, job);
}

static void gemm(struct compute *compute, struct matmul *job)
{
    const size_t threads = (size_t)pool_threads(compute->pool), rows = job->w->rows;
    const size_t nr = job->kernels->gemm_nr;
    job->block = min_size(round_up(rows / (threads * 4) + 1, nr), round_up(GEMM_ROWS, nr));
    pool_run(compute->pool, (job->n - 1) / job->kernels->gemm_mr + 1, 1, pack_x_panels, job);
    pool_run(compute->pool, (rows - 1) / job->block + 1, 1, gemm_blocks, job);
}

static void multiply_precisely(struct matmul *job, size_t n)
{
    const enum dtype dtype = is_plain(job->w) ? job->w->dtype : DTYPE_F32;
    job->n = n;
    if (n <= job->kernels->gemv_rows[dtype])
        gemv(job->compute, job);
    else
        gemm(job->compute, job);
}

/* Fine rows first; `first` is the number of rows before the job's. */
static void multiply(struct matmul *job, size_t first)
{
    struct compute *compute = job->compute;
    const struct matrix *w = job->w;
    const bool tiles = w->tiled && job->kernels->integer;
    const size_t n = job->n, fine_rows = max_size(compute->fine_rows, first) - first;
    const size_t fine = tiles || compute_has_bf16(compute) ? min_size(fine_rows, n) : n;
    const float *fast_x = job->x + fine * w->cols;
    float *fast_y = job->y + fine * w->rows;
    const struct projection projection = {w, job->y};
    if (fine > 0 && tiles)
        integer_matmul(compute, &projection, 1, job->x, 0, fine, true);
    else if (fine > 0)
        multiply_precisely(job, fine);
    if (fine < n && tiles)
        integer_matmul(compute, &projection, 1, job->x, fine, n - fine, false);
    else if (fine < n)
        bf16_matmul(compute, w, fast_x, n - fine, fast_y);
}

void matmul(struct compute *compute, const struct matrix *w, const float *x, size_t n, float *y)
{
    assert(w->cols <= compute->limits.max_cols);
    if (w->rows == 0 || w->cols == 0)
        return;
    for (size_t i = 0; i < n; i += compute->limits.max_rows) {
        struct matmul job = {
            .compute = compute,
            .kernels = &compute->kernels,
            .w = w,
            .x = x + i * w->cols,
            .y = y + i * w->rows,
            .n = min_size(compute->limits.max_rows, n - i),
        };
        multiply(&job, i);
    }
}

void matmul_several(struct compute *compute, const struct projection *projections, size_t count,
                    const float *x, size_t n)
{
    bool together = compute->kernels.integer && n <= compute->limits.max_rows;
    for (size_t i = 0; i < count; i++)
        together = together && projections[i].w->tiled && projections[i].w->rows > 0;
    if (!together) {
        for (size_t i = 0; i < count; i++)
            matmul(compute, projections[i].w, x, n, projections[i].y);
        return;
    }
    const size_t fine = min_size(compute->fine_rows, n);
    if (fine > 0)
        integer_matmul(compute, projections, count, x, 0, fine, true);
    if (fine < n)
        integer_matmul(compute, projections, count, x, fine, n - fine, false);
}
