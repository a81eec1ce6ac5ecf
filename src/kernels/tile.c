#include "kernels/tile.h"

#include <string.h>

/* A field of a block: its first byte, its `count` pieces of `unit` bytes, and where they go: piece
 * i of 32 rows is at (to + i · step) · TILE_ROWS of the tile. */
struct field {
    uint8_t from, count, unit, to, step;
};

enum { FIELDS_MAX = 9 };

/* A row without count ends the list. Products read a tile from its beginning to its end: so the
 * low and high bits of Q6_K alternate. */
static const struct field layouts[DTYPE_COUNT][FIELDS_MAX] = {
    [DTYPE_Q8_0] = {{0, 1, 2, 0, 2}, {2, 8, 4, 2, 4}},
    [DTYPE_Q4_0] = {{0, 1, 2, 0, 2}, {2, 4, 4, 2, 4}},
    [DTYPE_Q4_1] = {{0, 1, 2, 0, 2}, {2, 1, 2, 2, 2}, {4, 4, 4, 4, 4}},
    [DTYPE_Q5_0] = {{0, 1, 2, 0, 2}, {2, 1, 4, 2, 4}, {6, 4, 4, 6, 4}},
    [DTYPE_Q5_1] = {{0, 1, 2, 0, 2}, {2, 1, 2, 2, 2}, {4, 1, 4, 4, 4}, {8, 4, 4, 8, 4}},
    [DTYPE_Q4_K] = {{0, 1, 2, 0, 2}, {2, 1, 2, 2, 2}, {4, 12, 1, 4, 1}, {16, 32, 4, 16, 4}},
    [DTYPE_Q5_K] =
        {{0, 1, 2, 0, 2}, {2, 1, 2, 2, 2}, {4, 12, 1, 4, 1}, {16, 8, 4, 16, 4}, {48, 32, 4, 48, 4}},
    [DTYPE_Q6_K] = {{208, 1, 2, 0, 2},
                    {192, 16, 1, 2, 1},
                    {0, 8, 4, 18, 12},
                    {32, 8, 4, 22, 12},
                    {128, 8, 4, 26, 12},
                    {64, 8, 4, 114, 12},
                    {96, 8, 4, 118, 12},
                    {160, 8, 4, 122, 12}},
    [DTYPE_IQ4_NL] = {{0, 1, 2, 0, 2}, {2, 4, 4, 2, 4}},
    [DTYPE_IQ4_XS] = {{0, 1, 2, 0, 2}, {2, 1, 2, 2, 2}, {4, 4, 1, 4, 1}, {8, 32, 4, 8, 4}},
};

bool tile_supports(enum dtype dtype, size_t cols)
{
    return layouts[dtype][0].count > 0 && cols % dtype_info(dtype)->values == 0;
}

size_t tile_sub_groups(enum dtype dtype)
{
    return dtype == DTYPE_Q6_K ? 4 : 8;
}

size_t tile_strip_bytes(enum dtype dtype, size_t cols)
{
    return TILE_ROWS * dtype_bytes(dtype, cols);
}

/* One field of 32 blocks, `stride` bytes apart; rows past `rows` are zero. The other functions
 * do the same for 32 rows, fast. */
static void pack_some(uint8_t *to, const uint8_t *from, size_t stride, size_t rows, struct field f)
{
    for (size_t piece = 0; piece < f.count; piece++, to += (size_t)f.step * TILE_ROWS)
        for (size_t r = 0; r < TILE_ROWS; r++)
            if (r < rows)
                memcpy(to + r * f.unit, from + r * stride + piece * f.unit, f.unit);
            else
                memset(to + r * f.unit, 0, f.unit);
}

static void pack_bytes(uint8_t *to, const uint8_t *from, size_t stride, size_t count)
{
    for (size_t r = 0; r < TILE_ROWS; r++)
        for (size_t piece = 0; piece < count; piece++)
            to[piece * TILE_ROWS + r] = from[r * stride + piece];
}

static void pack_halves(uint8_t *to, const uint8_t *from, size_t stride)
{
    for (size_t r = 0; r < TILE_ROWS; r++)
        memcpy(to + 2 * r, from + r * stride, 2);
}

typedef uint32_t words __attribute__((vector_size(16)));

static words load_words(const uint8_t *from)
{
    words w;
    memcpy(&w, from, sizeof w);
    return w;
}

/* Four pieces of four bytes of 32 rows: transposes of 4 × 4. */
static void pack_words(uint8_t *to, size_t step, const uint8_t *from, size_t stride)
{
    for (size_t r = 0; r < TILE_ROWS; r += 4, from += 4 * stride, to += sizeof(words)) {
        const words a = load_words(from), b = load_words(from + stride);
        const words c = load_words(from + 2 * stride), d = load_words(from + 3 * stride);
        const words ab = __builtin_shufflevector(a, b, 0, 4, 1, 5);
        const words cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
        const words ab_end = __builtin_shufflevector(a, b, 2, 6, 3, 7);
        const words cd_end = __builtin_shufflevector(c, d, 2, 6, 3, 7);
        const words pieces[4] = {
            __builtin_shufflevector(ab, cd, 0, 1, 4, 5),
            __builtin_shufflevector(ab, cd, 2, 3, 6, 7),
            __builtin_shufflevector(ab_end, cd_end, 0, 1, 4, 5),
            __builtin_shufflevector(ab_end, cd_end, 2, 3, 6, 7),
        };
        for (size_t piece = 0; piece < 4; piece++)
            memcpy(to + piece * step * TILE_ROWS, &pieces[piece], sizeof(words));
    }
}

static void pack_field(uint8_t *to, const uint8_t *from, size_t stride, size_t rows, struct field f)
{
    if (rows < TILE_ROWS || (f.unit == 4 && f.count % 4) || (f.unit == 2 && f.count > 1))
        pack_some(to, from, stride, rows, f);
    else if (f.unit == 1)
        pack_bytes(to, from, stride, f.count);
    else if (f.unit == 2)
        pack_halves(to, from, stride);
    else
        for (size_t piece = 0; piece < f.count; piece += 4)
            pack_words(to + piece * f.step * TILE_ROWS, f.step, from + piece * 4, stride);
}

void tile_pack_strip(void *to, const struct matrix *w, size_t strip)
{
    const size_t row_bytes = matrix_row_bytes(w), first = strip * TILE_ROWS;
    const size_t rows = w->rows - first < TILE_ROWS ? w->rows - first : TILE_ROWS;
    const uint8_t *blocks = (const uint8_t *)w->data + first * row_bytes;
    for (size_t b = 0; b < row_bytes; b += dtype_info(w->dtype)->bytes)
        for (const struct field *f = layouts[w->dtype]; f->count; f++)
            pack_field((uint8_t *)to + (b + f->to) * TILE_ROWS, blocks + b + f->from, row_bytes,
                       rows, *f);
}

void tile_block(const struct matrix *w, size_t row, size_t block, void *out)
{
    const size_t tile_bytes = TILE_ROWS * (size_t)dtype_info(w->dtype)->bytes;
    const uint8_t *from = (const uint8_t *)tile_find(w) +
                          row / TILE_ROWS * tile_strip_bytes(w->dtype, w->cols) +
                          block * tile_bytes;
    for (const struct field *f = layouts[w->dtype]; f->count; f++)
        for (size_t piece = 0; piece < f->count; piece++)
            memcpy((uint8_t *)out + f->from + piece * f->unit,
                   from + (f->to + piece * f->step) * TILE_ROWS + row % TILE_ROWS * f->unit,
                   f->unit);
}

static void *take(char *memory, size_t *used, size_t bytes)
{
    void *piece = memory ? memory + *used : NULL;
    *used += (bytes + 63) / 64 * 64;
    return piece;
}

size_t quantized_rows_place(struct quantized_rows *rows, size_t ld, size_t cols, int planes,
                            void *memory)
{
    static const size_t spans[SUM_COUNT] = {16, 32, 256};
    const size_t padded = (cols + PANEL_COLS - 1) / PANEL_COLS * PANEL_COLS;
    size_t used = 0;
    rows->ld = ld;
    rows->high = take(memory, &used, padded * ld);
    rows->low = planes == 2 ? take(memory, &used, padded * ld) : NULL;
    rows->scale = take(memory, &used, padded / PANEL_COLS * ld * sizeof(float));
    for (int i = 0; i < SUM_COUNT; i++)
        rows->sums[i] = take(memory, &used, padded / spans[i] * ld * sizeof(float));
    return used;
}
