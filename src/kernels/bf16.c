#include "kernels/bf16.h"
#include "kernels/compute.h"
#include "kernels/exact.h"

/* A block of BLOCK_ROWS weight rows by BLOCK_DEPTH columns becomes panels that stay in the
 * second-level cache of a thread while all rows of x pass over it, BATCH_ROWS at a time. It is
 * converted anew for every product: for 256 rows of x that costs less than 3 % of it, and it needs
 * no memory. */
enum { BLOCK_ROWS = 64, BLOCK_DEPTH = 2304, BATCH_ROWS = 64 };

struct product {
    struct compute *compute;
    const struct kernels *kernels;
    const struct matrix *w;
    const float *x;
    float *y;
    size_t n, x_panel; /* pairs of one panel of x */
    uint32_t *x_panels;
    size_t block; /* weight rows of one item */
};

static void pack_x(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct product *job = arg;
    const size_t cols = job->w->cols, row = begin * PAIR_ROWS;
    const size_t rows = min_size(end * PAIR_ROWS, job->n) - row;
    job->kernels->pair_rows[DTYPE_F32](job->x_panels + begin * job->x_panel, PAIR_ROWS,
                                       job->x + row * cols, cols, rows, cols);
}

/* `count` weight rows from `row`, columns [col, col + depth). Behind the panels there is room for
 * PAIR_COLS rows in F32. */
static void pack_weights(const struct product *job, uint32_t *panels, size_t row, size_t count,
                         size_t col, size_t depth)
{
    const struct matrix *w = job->w;
    if (w->dtype < DTYPE_PLAIN_COUNT) {
        const char *from = (const char *)w->data + (row * w->cols + col) * dtype_size(w->dtype);
        job->kernels->pair_rows[w->dtype](panels, PAIR_COLS, from, w->cols, count, depth);
        return;
    }
    float *room = (float *)(panels + BLOCK_ROWS * BLOCK_DEPTH / 2);
    for (size_t j = 0; j < count; j += PAIR_COLS) {
        const size_t n = min_size(PAIR_COLS, count - j);
        for (size_t i = 0; i < n; i++)
            exact_row(job->kernels, w, row + j + i, col, depth, room + i * depth);
        job->kernels->pair_rows[DTYPE_F32](panels + j * ((depth + 1) / 2), PAIR_COLS, room, depth,
                                           n, depth);
    }
}

/* y[i … i + m, row … row + count) (+)= x panels · weight panels; the bias comes first. */
static void multiply(const struct product *job, const uint32_t *panels, size_t i, size_t m,
                     size_t row, size_t count, size_t col, size_t depth)
{
    static const float ones[PAIR_COLS] = {
        1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
        1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    };
    const struct matrix *w = job->w;
    const size_t pairs = (depth + 1) / 2;
    const uint32_t *x = job->x_panels + i / PAIR_ROWS * job->x_panel + col / 2 * PAIR_ROWS;
    for (size_t j = 0; j < count; j += PAIR_COLS)
        job->kernels->gemm_pairs(job->y + i * w->rows + row + j, w->rows, x, job->x_panel,
                                 panels + j * pairs, pairs, m, min_size(PAIR_COLS, count - j),
                                 col > 0 ? ones : NULL,
                                 col == 0 && w->bias ? w->bias + row + j : NULL);
}

static void blocks(void *arg, size_t begin, size_t end, int thread)
{
    const struct product *job = arg;
    uint32_t *panels = (uint32_t *)(void *)compute_scratch(job->compute, thread);
    const size_t cols = job->w->cols;
    for (size_t item = begin; item < end; item++) {
        const size_t row = item * job->block, count = min_size(job->block, job->w->rows - row);
        for (size_t col = 0; col < cols; col += BLOCK_DEPTH) {
            const size_t depth = min_size(BLOCK_DEPTH, cols - col);
            pack_weights(job, panels, row, count, col, depth);
            for (size_t i = 0; i < job->n; i += BATCH_ROWS)
                multiply(job, panels, i, min_size(BATCH_ROWS, job->n - i), row, count, col, depth);
        }
    }
}

void bf16_matmul(struct compute *compute, const struct matrix *w, const float *x, size_t n,
                 float *y)
{
    const size_t share = w->rows / ((size_t)pool_threads(compute->pool) * 4) + 1;
    struct product job = {
        .compute = compute,
        .kernels = &compute->kernels,
        .w = w,
        .x = x,
        .y = y,
        .n = n,
        .x_panel = ((size_t)w->cols + 1) / 2 * PAIR_ROWS,
        .x_panels = (uint32_t *)(void *)compute->packed_x,
        .block = min_size(round_up(share, PAIR_COLS), BLOCK_ROWS),
    };
    pool_run(compute->pool, (n - 1) / PAIR_ROWS + 1, 2, pack_x, &job);
    pool_run(compute->pool, (w->rows - 1) / job.block + 1, 1, blocks, &job);
}

size_t bf16_scratch_floats(void)
{
    return BLOCK_ROWS * BLOCK_DEPTH / 2 + PAIR_COLS * BLOCK_DEPTH;
}
