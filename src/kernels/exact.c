#include "kernels/exact.h"

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Multiplies the columns from `col`, a multiple of SCALE_TILE, by the scales of their tiles. */
static void apply_scales(const struct kernels *kernels, const struct matrix *w, size_t row,
                         size_t col, size_t count, float *x)
{
    const size_t tiles = (w->cols + SCALE_TILE - 1) / SCALE_TILE;
    const float *scales = w->scales + row / SCALE_TILE * tiles + col / SCALE_TILE;
    for (size_t i = 0; i < count; i += SCALE_TILE)
        kernels->scale(x + i, min_size(SCALE_TILE, count - i), *scales++);
}

/* The same of a matrix that has tiles and may have nothing else. */
static void row_of_tiles(const struct kernels *kernels, const struct matrix *w, size_t row,
                         size_t col, size_t count, float *dst)
{
    const size_t values = dtype_info(w->dtype)->values;
    for (size_t i = 0; i < count; i += values) {
        uint8_t block[TILE_BLOCK_BYTES_MAX];
        tile_block(w, row, (col + i) / values, block);
        kernels->to_f32[w->dtype](dst + i, block, values);
    }
}

void exact_row(const struct kernels *kernels, const struct matrix *w, size_t row, size_t col,
               size_t count, float *dst)
{
    if (tile_find(w)) {
        row_of_tiles(kernels, w, row, col, count, dst);
        return;
    }
    const char *from = (const char *)w->data + row * matrix_row_bytes(w);
    kernels->to_f32[w->dtype](dst, from + dtype_bytes(w->dtype, col), count);
    if (w->scales)
        apply_scales(kernels, w, row, col, count, dst);
}

void exact_gemv(const struct kernels *kernels, const struct matrix *w, size_t begin, size_t end,
                const float *x, size_t n, float *y, float *scratch)
{
    for (size_t r = begin; r < end; r += EXACT_ROWS) {
        const size_t rows = min_size(EXACT_ROWS, end - r);
        for (size_t i = 0; i < rows; i++)
            exact_row(kernels, w, r + i, 0, w->cols, scratch + i * w->cols);
        kernels->gemv[DTYPE_F32](y + r, w->rows, scratch, x, n, rows, w->cols);
    }
}

void exact_pack(const struct kernels *kernels, const struct matrix *w, size_t row, size_t n,
                size_t col, size_t depth, float *panel, float *scratch)
{
    for (size_t i = 0; i < n; i++)
        exact_row(kernels, w, row + i, col, depth, scratch + i * depth);
    kernels->pack_b[DTYPE_F32](panel, scratch, depth, n, depth);
}
