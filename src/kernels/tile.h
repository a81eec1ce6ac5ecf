/* Block-quantised matrices as the integer kernels read them.
 *
 * At load, 32 rows of a matrix become one strip: their blocks, column by column of blocks, each
 * field of the 32 blocks together ("tile"), the values in groups of four columns, so that 128 bytes
 * hold the same four columns of 32 rows: what two vpdpbusd multiply. A tile has exactly the bytes
 * of its blocks, and they are a multiple of 64 in every format. Rows past the end are zero.
 *
 * A product decodes tiles, over 256 columns at most, into a panel of bytes:
 *     weight = scale · value - min,  scale and min per row and sub-block of 32 or 16 columns,
 * and multiplies it with activations of 8 or 15 bits. */
#pragma once

#include "kernels/matrix.h"

#include <stdbool.h>

enum {
    TILE_ROWS = 32,
    GROUP_COLS = 4,
    PANEL_COLS = 256,
    PANEL_GROUPS = PANEL_COLS / GROUP_COLS,
    PANEL_SUBS_MAX = 16,
    TILE_BLOCK_BYTES_MAX = 210, /* Q6_K's */
    ROWS_MAX = 12,              /* rows of x in one panel of activations */
};

struct panel {
    uint8_t values[PANEL_GROUPS][TILE_ROWS][GROUP_COLS];
    float scale[PANEL_SUBS_MAX][TILE_ROWS], min[PANEL_SUBS_MAX][TILE_ROWS];
} __attribute__((aligned(64)));

/* Whether the integer kernels take such matrices. */
bool tile_supports(enum dtype dtype, size_t cols);

/* Groups of one sub-block: 8 or 4. */
size_t tile_sub_groups(enum dtype dtype);

/* Bytes of the strip of 32 rows. */
size_t tile_strip_bytes(enum dtype dtype, size_t cols);

/* Packs rows [32·strip, …) of a matrix; `to` holds tile_strip_bytes. Products want it 64-byte
 * aligned. */
void tile_pack_strip(void *to, const struct matrix *w, size_t strip);

/* The tiles of a matrix, whose other members are for good; NULL: they are not there yet. */
static inline const void *tile_find(const struct matrix *w)
{
    return __atomic_load_n(&w->tiles, __ATOMIC_ACQUIRE);
}

static inline void tile_publish(struct matrix *w, const void *tiles)
{
    __atomic_store_n(&w->tiles, tiles, __ATOMIC_RELEASE);
}

/* The way back: block `block` of a row of a matrix with tiles, in its dtype's bytes. */
void tile_block(const struct matrix *w, size_t row, size_t block, void *out);

/* Up to ROWS_MAX rows of activations as integers: row i of columns [4g, 4g + 4) is the four bytes
 * of high[g·ld + i]; their unit for the 256 columns of block b is scale[b·ld + i]. With two planes
 * x = scale · (128·high + low), with one x = scale · high. sums[k][s·ld + i] is the sum of the
 * integers of the s-th 16, 32 or 256 columns. Columns are padded with zeros to a multiple of 256.
 *
 * Kernels that multiply words of 16 bits have x = scale · word instead of two planes: high[…] are
 * the words of columns 4g and 4g + 2, low[…] those of 4g + 1 and 4g + 3. */
enum sum_span { SUM_16, SUM_32, SUM_256, SUM_COUNT };

struct quantized_rows {
    size_t ld;           /* rows: 1 … ROWS_MAX */
    int32_t *high, *low; /* low NULL: one plane */
    float *scale;
    float *sums[SUM_COUNT];
};

/* Places the arrays of `rows` in `memory` (64-byte aligned; NULL: only counts). Returns the bytes.
 */
size_t quantized_rows_place(struct quantized_rows *rows, size_t ld, size_t cols, int planes,
                            void *memory);
