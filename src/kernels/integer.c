/* Products of block-quantised matrices in integer arithmetic (tile.h).
 *
 * Fine: the weights as they are, sub-block by sub-block, and activations of 15 bits: within 3e-5 of
 * the product of the dequantised weights. Fast: weights brought to one scale per 256 columns, and
 * activations of 8 bits: about 1 % of noise, at nearly the peak of the processor. A thread decodes
 * 32 weight rows of 256 columns at a time, and multiplies them with all rows of x. */
#include "kernels/integer.h"
#include "kernels/compute.h"

#include <string.h>

struct integer {
    const struct kernels *kernels;
    struct compute *compute;
    const struct projection *projections;
    const float *x;
    size_t n, cols;
    size_t first;                /* row of y that the first row of x makes */
    int planes;                  /* 2: fine, 1: fast */
    struct quantized_rows *rows; /* [(n - 1) / ROWS_MAX + 1] */
    size_t panels;
};

static size_t rows_of(const struct integer *job, size_t panel)
{
    return min_size(ROWS_MAX, job->n - panel * ROWS_MAX);
}

static void quantize(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct integer *job = arg;
    const size_t cols = job->cols;
    for (size_t i = begin; i < end; i++)
        job->kernels->quantize_rows(&job->rows[i], job->x + i * ROWS_MAX * cols, cols,
                                    rows_of(job, i), cols);
}

/* The panels of x, in the compute's memory for packed x. */
static void place_rows(struct integer *job)
{
    char *memory = (char *)job->compute->packed_x;
    job->panels = (job->n - 1) / ROWS_MAX + 1;
    job->rows = (struct quantized_rows *)memory;
    memory += round_up(job->panels * sizeof *job->rows, 64);
    for (size_t i = 0; i < job->panels; i++)
        memory +=
            quantized_rows_place(&job->rows[i], rows_of(job, i), job->cols, job->planes, memory);
}

/* c[n, 32] = x · the weights of one strip, by way of panels. */
static void multiply_panels(const struct integer *job, const struct matrix *w, const uint8_t *strip,
                            struct panel *panel, float *c)
{
    const struct kernels *kernels = job->kernels;
    const size_t block_bytes = TILE_ROWS * dtype_bytes(w->dtype, PANEL_COLS);
    const size_t own_sub = tile_sub_groups(w->dtype);
    for (size_t b = 0; b * PANEL_COLS < w->cols; b++) {
        const size_t groups = min_size(PANEL_COLS, w->cols - b * PANEL_COLS) / GROUP_COLS;
        kernels->unpack[w->dtype](panel, strip + b * block_bytes, groups);
        const bool requantized = job->planes == 1 && kernels->requantize;
        if (requantized)
            kernels->requantize(panel, groups, own_sub);
        const size_t sub = requantized ? PANEL_GROUPS : own_sub;
        for (size_t i = 0; i < job->panels; i++)
            kernels->dot_panel(c + i * ROWS_MAX * TILE_ROWS, TILE_ROWS, panel, groups, sub,
                               &job->rows[i], rows_of(job, i), b, TILE_ROWS, b > 0);
    }
}

/* The tiles of a strip; while they are not there, they are made each time, in scratch memory. */
static const uint8_t *find_strip(const struct integer *job, const struct matrix *w, size_t strip,
                                 float *scratch)
{
    const uint8_t *tiles = tile_find(w);
    if (tiles)
        return tiles + strip * tile_strip_bytes(w->dtype, w->cols);
    scratch += job->compute->limits.max_rows * TILE_ROWS;
    tile_pack_strip(scratch, w, strip);
    return (const uint8_t *)scratch;
}

/* c has behind it the scratch memory for one strip. */
static void multiply_strip(const struct integer *job, const struct matrix *w, size_t strip,
                           struct panel *panel, float *c)
{
    const uint8_t *from = find_strip(job, w, strip, c);
    if (job->planes == 1 || job->n > job->kernels->strip_rows ||
        !job->kernels->dot_strip[w->dtype]) {
        multiply_panels(job, w, from, panel, c);
        return;
    }
    for (size_t i = 0; i < job->panels; i++)
        job->kernels->dot_strip[w->dtype](c + i * ROWS_MAX * TILE_ROWS, from, w->cols,
                                          &job->rows[i], rows_of(job, i));
}

static size_t strips_of(const struct matrix *w)
{
    return (w->rows - 1) / TILE_ROWS + 1;
}

/* The strips of all projections in a row. */
static void strips(void *arg, size_t begin, size_t end, int thread)
{
    const struct integer *job = arg;
    struct panel *panel = (struct panel *)compute_scratch(job->compute, thread);
    float *c = (float *)(panel + 1);
    for (size_t item = begin; item < end; item++) {
        const struct projection *projection = job->projections;
        size_t strip = item;
        for (; strip >= strips_of(projection->w); projection++)
            strip -= strips_of(projection->w);
        const struct matrix *w = projection->w;
        const size_t row = strip * TILE_ROWS, count = min_size(TILE_ROWS, w->rows - row);
        multiply_strip(job, w, strip, panel, c);
        for (size_t i = 0; i < job->n; i++) {
            float *to = projection->y + (job->first + i) * w->rows + row;
            memcpy(to, c + i * TILE_ROWS, count * sizeof *to);
            if (w->bias)
                job->kernels->add(to, w->bias + row, count);
        }
    }
}

size_t integer_scratch_floats(struct compute_limits limits)
{
    const size_t strip = tile_strip_bytes(DTYPE_Q8_0, round_up(limits.max_cols, PANEL_COLS));
    return (sizeof(struct panel) + strip) / sizeof(float) + limits.max_rows * TILE_ROWS;
}

void integer_matmul(struct compute *compute, const struct projection *projections, size_t count,
                    const float *x, size_t first, size_t n, bool fine)
{
    const size_t cols = projections->w->cols;
    struct integer job = {
        .kernels = &compute->kernels,
        .compute = compute,
        .projections = projections,
        .x = x + first * cols,
        .n = n,
        .cols = cols,
        .first = first,
        .planes = fine ? 2 : 1,
    };
    size_t items = 0;
    for (size_t i = 0; i < count; i++) {
        items += strips_of(projections[i].w);
        if (compute->kernels.fine_only[projections[i].w->dtype])
            job.planes = 2;
    }
    place_rows(&job);
    const size_t grain = items / ((size_t)pool_threads(compute->pool) * 8);
    pool_run(compute->pool, job.panels, 1, quantize, &job);
    pool_run(compute->pool, items, grain ? grain : 1, strips, &job);
}
