/* Products of block-quantised matrices in integer arithmetic (tile.h).
 *
 * Fine: the weights as they are, sub-block by sub-block, and activations of 15 bits: within 3e-5 of
 * the product of the dequantised weights. Fast: weights brought to one scale per 256 columns, and
 * activations of 8 bits: about 1 % of noise, at nearly the peak of the processor. A thread decodes
 * 32 weight rows of 256 columns at a time, and multiplies them with all rows of x. */
#include "kernels/integer.h"
#include "kernels/compute.h"

#include <string.h>

struct product {
    const struct kernels *kernels;
    struct compute *compute;
    const struct matrix *w;
    const float *x;
    float *y;
    size_t n;
    int planes;                  /* 2: fine, 1: fast */
    struct quantized_rows *rows; /* [(n - 1) / ROWS_MAX + 1] */
    size_t panels;
};

static size_t rows_of(const struct product *job, size_t panel)
{
    return min_size(ROWS_MAX, job->n - panel * ROWS_MAX);
}

static void quantize(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct product *job = arg;
    const size_t cols = job->w->cols;
    for (size_t i = begin; i < end; i++)
        job->kernels->quantize_rows(&job->rows[i], job->x + i * ROWS_MAX * cols, cols,
                                    rows_of(job, i), cols);
}

/* The panels of x, in the compute's memory for packed x. */
static void place_rows(struct product *job)
{
    char *memory = (char *)job->compute->packed_x;
    job->panels = (job->n - 1) / ROWS_MAX + 1;
    job->rows = (struct quantized_rows *)memory;
    memory += round_up(job->panels * sizeof *job->rows, 64);
    for (size_t i = 0; i < job->panels; i++)
        memory +=
            quantized_rows_place(&job->rows[i], rows_of(job, i), job->w->cols, job->planes, memory);
}

/* c[n, 32] = x · the weights of one strip, by way of panels. */
static void multiply_panels(const struct product *job, const uint8_t *strip, struct panel *panel,
                            float *c)
{
    const struct kernels *kernels = job->kernels;
    const struct matrix *w = job->w;
    const size_t block_bytes = TILE_ROWS * dtype_bytes(w->dtype, PANEL_COLS);
    const size_t own_sub = tile_sub_groups(w->dtype);
    for (size_t b = 0; b * PANEL_COLS < w->cols; b++) {
        const size_t groups = min_size(PANEL_COLS, w->cols - b * PANEL_COLS) / GROUP_COLS;
        kernels->unpack[w->dtype](panel, strip + b * block_bytes, groups);
        if (job->planes == 1)
            kernels->requantize(panel, groups, own_sub);
        const size_t sub = job->planes == 1 ? PANEL_GROUPS : own_sub;
        for (size_t i = 0; i < job->panels; i++)
            kernels->dot_panel(c + i * ROWS_MAX * TILE_ROWS, TILE_ROWS, panel, groups, sub,
                               &job->rows[i], rows_of(job, i), b, TILE_ROWS, b > 0);
    }
}

static void multiply_strip(const struct product *job, const uint8_t *strip, struct panel *panel,
                           float *c)
{
    const struct matrix *w = job->w;
    if (job->planes == 1 || !job->kernels->dot_strip[w->dtype]) {
        multiply_panels(job, strip, panel, c);
        return;
    }
    for (size_t i = 0; i < job->panels; i++)
        job->kernels->dot_strip[w->dtype](c + i * ROWS_MAX * TILE_ROWS, strip, w->cols,
                                          &job->rows[i], rows_of(job, i));
}

static void strips(void *arg, size_t begin, size_t end, int thread)
{
    const struct product *job = arg;
    const struct matrix *w = job->w;
    const size_t strip_bytes = tile_strip_bytes(w->dtype, w->cols);
    struct panel *panel = (struct panel *)compute_scratch(job->compute, thread);
    float *c = (float *)(panel + 1);
    for (size_t strip = begin; strip < end; strip++) {
        const size_t first = strip * TILE_ROWS, count = min_size(TILE_ROWS, w->rows - first);
        multiply_strip(job, (const uint8_t *)w->tiles + strip * strip_bytes, panel, c);
        for (size_t i = 0; i < job->n; i++) {
            float *to = job->y + i * w->rows + first;
            memcpy(to, c + i * TILE_ROWS, count * sizeof *to);
            if (w->bias)
                job->kernels->add(to, w->bias + first, count);
        }
    }
}

size_t integer_scratch_floats(size_t max_rows)
{
    return sizeof(struct panel) / sizeof(float) + max_rows * TILE_ROWS;
}

void integer_matmul(struct compute *compute, const struct matrix *w, const float *x, size_t n,
                    bool fine, float *y)
{
    struct product job = {
        .kernels = &compute->kernels,
        .compute = compute,
        .w = w,
        .x = x,
        .y = y,
        .n = n,
        .planes = fine ? 2 : 1,
    };
    place_rows(&job);
    const size_t count = (w->rows - 1) / TILE_ROWS + 1;
    const size_t grain = count / ((size_t)pool_threads(compute->pool) * 8);
    pool_run(compute->pool, job.panels, 1, quantize, &job);
    pool_run(compute->pool, count, grain ? grain : 1, strips, &job);
}
