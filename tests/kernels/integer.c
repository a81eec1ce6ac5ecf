/* The integer kernels: tiles, panels, activations as integers, and their products. */
#include "check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = TILE_ROWS, COLS = 768 };

/* Relative to the sum of magnitudes of the terms. */
static const double ORDER_TOLERANCE = 1e-6, FINE_TOLERANCE = 5e-5, FAST_TOLERANCE = 2e-2;

static void put_half(uint8_t *to)
{
    const uint16_t half = (uint16_t)(0x2000 + random_below(0x400)); /* around 2^-7 */
    memcpy(to, &half, sizeof half);
}

/* Random blocks whose scales are numbers of one magnitude. */
static void fill_blocks(uint8_t *bytes, size_t count, enum dtype dtype)
{
    static const uint8_t halves_at[DTYPE_COUNT][2] = {
        [DTYPE_Q4_1] = {0, 2}, [DTYPE_Q5_1] = {0, 2},     [DTYPE_Q4_K] = {0, 2},
        [DTYPE_Q5_K] = {0, 2}, [DTYPE_Q6_K] = {208, 208},
    };
    const size_t block = dtype_info(dtype)->bytes;
    for (size_t i = 0; i < count * block; i++)
        bytes[i] = (uint8_t)random_below(256);
    for (size_t i = 0; i < count; i++) {
        put_half(bytes + i * block + halves_at[dtype][0]);
        if (halves_at[dtype][1] != halves_at[dtype][0])
            put_half(bytes + i * block + halves_at[dtype][1]);
    }
}

struct case_data {
    enum dtype dtype;
    uint8_t *blocks, *tiles;
    float *weights; /* [ROWS, COLS] */
    struct panel panel, other;
};

static void case_init(struct case_data *d, enum dtype dtype, const struct kernels *c)
{
    const struct matrix w = {.dtype = dtype, .rows = ROWS, .cols = COLS};
    d->dtype = dtype;
    d->blocks = malloc(ROWS * matrix_row_bytes(&w));
    d->tiles = aligned_alloc(64, tile_strip_bytes(dtype, COLS));
    d->weights = malloc(ROWS * COLS * sizeof(float));
    if (!d->blocks || !d->tiles || !d->weights)
        exit(2);
    fill_blocks(d->blocks, ROWS * COLS / dtype_info(dtype)->values, dtype);
    c->to_f32[dtype](d->weights, d->blocks, ROWS * COLS);
    struct matrix matrix = w;
    matrix.data = d->blocks;
    tile_pack_strip(d->tiles, &matrix, 0);
}

static void case_release(struct case_data *d)
{
    free(d->blocks);
    free(d->tiles);
    free(d->weights);
}

static void unpack(const struct kernels *k, struct panel *panel, const struct case_data *d,
                   size_t block)
{
    memset(panel, 0, sizeof *panel);
    k->unpack[d->dtype](panel, d->tiles + block * TILE_ROWS * dtype_bytes(d->dtype, PANEL_COLS),
                        PANEL_GROUPS);
}

/* A panel says what the blocks say, bit for bit in its bytes and scales. */
static bool check_unpack(const struct kernels *k, const struct kernels *c, struct case_data *d)
{
    const size_t sub = tile_sub_groups(d->dtype);
    for (size_t b = 0; b < COLS / PANEL_COLS; b++) {
        unpack(c, &d->panel, d, b);
        unpack(k, &d->other, d, b);
        if (memcmp(&d->panel, &d->other, sizeof d->panel) != 0) {
            printf("  unpack_%s differs\n", dtype_info(d->dtype)->name);
            return false;
        }
        for (size_t r = 0; r < ROWS; r++) {
            for (size_t i = 0; i < PANEL_COLS; i++) {
                const size_t s = i / GROUP_COLS / sub;
                const float got =
                    d->panel.scale[s][r] * d->panel.values[i / 4][r][i % 4] - d->panel.min[s][r];
                const float want = d->weights[r * COLS + b * PANEL_COLS + i];
                if (fabsf(got - want) > 1e-6f * (fabsf(want) + fabsf(d->panel.min[s][r]))) {
                    printf("  unpack_%s: [%zu, %zu] is %g, not %g\n", dtype_info(d->dtype)->name, r,
                           i, (double)got, (double)want);
                    return false;
                }
            }
        }
    }
    return true;
}

struct rows_data {
    struct quantized_rows rows;
    void *memory;
    size_t bytes;
};

static void rows_init(struct rows_data *d, const struct kernels *k, const float *x, size_t n,
                      size_t ld, int planes)
{
    d->bytes = quantized_rows_place(&d->rows, ld, COLS, planes, NULL);
    d->memory = aligned_alloc(64, d->bytes);
    if (!d->memory)
        exit(2);
    memset(d->memory, 0x55, d->bytes);
    quantized_rows_place(&d->rows, ld, COLS, planes, d->memory);
    k->quantize_rows(&d->rows, x, COLS, n, COLS);
}

/* Words as the planes that the portable kernels have: x = 128 · high + low. */
static void planes_of_words(struct quantized_rows *rows)
{
    for (size_t at = 0; at < COLS / GROUP_COLS * rows->ld; at++) {
        int16_t words[2][2];
        memcpy(words[0], &rows->high[at], sizeof words[0]);
        memcpy(words[1], &rows->low[at], sizeof words[1]);
        int8_t high[GROUP_COLS], low[GROUP_COLS];
        for (size_t c = 0; c < GROUP_COLS; c++) {
            const int q = words[c % 2][c / 2];
            high[c] = (int8_t)((q + 64) >> 7);
            low[c] = (int8_t)(q - high[c] * 128);
        }
        memcpy(&rows->high[at], high, sizeof high);
        memcpy(&rows->low[at], low, sizeof low);
    }
}

/* The product of a panel's rows over all blocks. */
static void product(const struct kernels *k, const struct case_data *d, struct panel *panel,
                    const struct quantized_rows *rows, size_t n, bool requantize, float *y)
{
    const size_t sub = requantize ? PANEL_GROUPS : tile_sub_groups(d->dtype);
    for (size_t b = 0; b < COLS / PANEL_COLS; b++) {
        unpack(k, panel, d, b);
        if (requantize)
            k->requantize(panel, PANEL_GROUPS, tile_sub_groups(d->dtype));
        k->dot_panel(y, ROWS, panel, PANEL_GROUPS, sub, rows, n, b, ROWS, b > 0);
    }
}

/* A strip where it lies in memory says what its panels say; bit for bit where both are in use. */
static bool check_strip(const struct kernels *k, const struct case_data *d,
                        const struct quantized_rows *rows, size_t n, const float *want,
                        const float *magnitude)
{
    float got[ROWS_MAX * ROWS];
    if (!k->dot_strip[d->dtype])
        return true;
    k->dot_strip[d->dtype](got, d->tiles, COLS, rows, n);
    if (k->strip_rows < SIZE_MAX && memcmp(got, want, n * ROWS * sizeof *got) != 0) {
        printf("  dot_strip of %s differs, n=%zu\n", dtype_info(d->dtype)->name, n);
        return false;
    }
    return check_close("dot_strip", got, want, magnitude, n * ROWS, ORDER_TOLERANCE * 10);
}

/* Fewer outputs are the first ones, and nothing else is written. */
static bool check_outputs(const struct kernels *k, const struct case_data *d,
                          const struct quantized_rows *rows, size_t n)
{
    const size_t sub = tile_sub_groups(d->dtype), outputs = 1 + random_below(ROWS);
    float all[ROWS_MAX * ROWS], some[ROWS_MAX * ROWS];
    for (size_t i = 0; i < n * ROWS; i++)
        all[i] = some[i] = random_float();
    k->dot_panel(all, ROWS, &d->panel, PANEL_GROUPS, sub, rows, n, 0, ROWS, 0);
    for (size_t i = 0; i < n; i++)
        memcpy(all + i * ROWS + outputs, some + i * ROWS + outputs, (ROWS - outputs) * sizeof *all);
    k->dot_panel(some, ROWS, &d->panel, PANEL_GROUPS, sub, rows, n, 0, outputs, 0);
    if (memcmp(all, some, n * ROWS * sizeof *all) == 0)
        return true;
    printf("  dot_panel of %zu outputs differs, n=%zu\n", outputs, n);
    return false;
}

static bool check_product(const struct kernels *k, const struct kernels *c, struct case_data *d,
                          size_t n, bool fast)
{
    float x[ROWS_MAX * COLS], got[ROWS_MAX * ROWS], want[ROWS_MAX * ROWS], exact[ROWS_MAX * ROWS];
    float magnitude[ROWS_MAX * ROWS];
    for (size_t i = 0; i < n * COLS; i++)
        x[i] = random_float() * random_float() * 4;
    struct rows_data ours, theirs;
    rows_init(&ours, k, x, n, n, fast ? 1 : 2);
    rows_init(&theirs, c, x, n, n, fast ? 1 : 2);
    const bool requantize = fast && k->requantize;
    product(k, d, &d->panel, &ours.rows, n, requantize, got);
    product(c, d, &d->other, &theirs.rows, n, requantize, want);
    for (size_t i = 0; i < n; i++) {
        for (size_t r = 0; r < ROWS; r++) {
            double sum = 0, squares = 0;
            for (size_t p = 0; p < COLS; p++) {
                const double term = (double)d->weights[r * COLS + p] * (double)x[i * COLS + p];
                sum += term;
                squares += fabs(term);
            }
            exact[i * ROWS + r] = (float)sum;
            magnitude[i * ROWS + r] = (float)squares;
        }
    }
    bool good = fast || (check_strip(k, d, &ours.rows, n, got, magnitude) &&
                         check_outputs(k, d, &ours.rows, n));
    if (!fast && k->words)
        planes_of_words(&ours.rows);
    if (memcmp(ours.memory, theirs.memory, ours.bytes) != 0) {
        printf("  quantize_rows differs, n=%zu\n", n);
        good = false;
    }
    char what[64];
    snprintf(what, sizeof what, "%s %s n=%zu", fast ? "fast" : "fine", dtype_info(d->dtype)->name,
             n);
    /* Fast panels may differ by one step of rounding where a weight lies between two. */
    good = check_close(what, got, want, magnitude, n * ROWS,
                       requantize ? 1e-3 : ORDER_TOLERANCE * 10) &&
           good;
    good = check_close(what, got, exact, magnitude, n * ROWS,
                       fast ? FAST_TOLERANCE : FINE_TOLERANCE) &&
           good;
    free(ours.memory);
    free(theirs.memory);
    return good;
}

bool check_integer(const struct level *level, const struct kernels *c)
{
    static const enum dtype dtypes[] = {
        DTYPE_Q8_0, DTYPE_Q4_0, DTYPE_Q4_1, DTYPE_Q5_0,   DTYPE_Q5_1,
        DTYPE_Q4_K, DTYPE_Q5_K, DTYPE_Q6_K, DTYPE_IQ4_NL, DTYPE_IQ4_XS,
    };
    bool good = true;
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++) {
        struct case_data *data = aligned_alloc(64, (sizeof *data + 63) / 64 * 64);
        if (!data)
            exit(2);
        case_init(data, dtypes[i], c);
        good = check_unpack(&level->kernels, c, data) && good;
        for (size_t n = 1; n <= ROWS_MAX; n++) {
            good = check_product(&level->kernels, c, data, n, false) && good;
            if (!level->kernels.fine_only[dtypes[i]])
                good = check_product(&level->kernels, c, data, n, true) && good;
        }
        case_release(data);
        free(data);
    }
    return good;
}
