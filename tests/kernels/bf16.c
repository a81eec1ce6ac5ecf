/* The kernels of BF16 pairs: packing, products, the softmax of columns. */
#include "check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE_MOST = 150 };

static bool same_bits(const char *what, const void *got, const void *want, size_t bytes)
{
    if (memcmp(got, want, bytes) == 0)
        return true;
    printf("  %s differs\n", what);
    return false;
}

/* Packs the same numbers with both tables; the same bits, and nothing past the end. */
static bool check_pair_rows(const struct kernels *k, const struct kernels *c, enum dtype dtype,
                            size_t width, size_t n, size_t cols)
{
    const size_t ldx = cols + random_below(3), count = (n - 1) * ldx + cols;
    const size_t pairs = (n + width - 1) / width * width * ((cols + 1) / 2);
    struct padded numbers, packed, got, want;
    const float *floats = padded_floats(&numbers, count);
    const void *x = padded_weights(&packed, floats, count, dtype);
    float *ours = padded_floats(&got, pairs), *theirs = padded_floats(&want, pairs);
    k->pair_rows[dtype]((uint32_t *)(void *)ours, width, x, ldx, n, cols);
    c->pair_rows[dtype]((uint32_t *)(void *)theirs, width, x, ldx, n, cols);
    const bool same = same_bits("pair_rows", ours, theirs, pairs * sizeof *ours);
    return padded_release(&numbers) & padded_release(&packed) & padded_release(&got) &
           padded_release(&want) & same;
}

static bool check_pair_columns(const struct kernels *k, const struct kernels *c, enum dtype dtype,
                               size_t n, size_t d)
{
    const size_t ldv = d + random_below(3), count = (n - 1) * ldv + d;
    const size_t stride = (n + 1) / 2 * PAIR_ROWS;
    const size_t pairs = (d + PAIR_ROWS - 1) / PAIR_ROWS * stride;
    struct padded numbers, packed, got, want;
    const float *floats = padded_floats(&numbers, count);
    const void *v = padded_weights(&packed, floats, count, dtype);
    float *ours = padded_floats(&got, pairs), *theirs = padded_floats(&want, pairs);
    k->pair_columns[dtype]((uint32_t *)(void *)ours, stride, v, ldv, n, d);
    c->pair_columns[dtype]((uint32_t *)(void *)theirs, stride, v, ldv, n, d);
    const bool same = same_bits("pair_columns", ours, theirs, pairs * sizeof *ours);
    return padded_release(&numbers) & padded_release(&packed) & padded_release(&got) &
           padded_release(&want) & same;
}

/* Panels of random numbers that are BF16 already. */
static uint32_t *random_panels(const struct kernels *c, struct padded *padded, size_t width,
                               size_t rows, size_t pairs)
{
    struct padded numbers;
    const size_t whole = (rows + width - 1) / width * width;
    const float *floats = padded_floats(&numbers, whole * pairs * 2);
    uint32_t *panels = (uint32_t *)(void *)padded_floats(padded, whole * pairs);
    c->pair_rows[DTYPE_F32](panels, width, floats, pairs * 2, whole, pairs * 2);
    padded_release(&numbers);
    return panels;
}

static bool check_gemm_pairs(const struct kernels *k, const struct kernels *c, size_t pairs,
                             size_t m, size_t n)
{
    const size_t ldc = n + random_below(3), count = (m - 1) * ldc + n, lda = pairs * PAIR_ROWS;
    struct padded pads[6];
    const uint32_t *a = random_panels(c, &pads[0], PAIR_ROWS, m, pairs);
    const uint32_t *b = random_panels(c, &pads[1], PAIR_COLS, n, pairs);
    float *got = padded_floats(&pads[2], count), *want = padded_floats(&pads[3], count);
    const float *keep = padded_floats(&pads[4], n), *add = padded_floats(&pads[5], n);
    bool good = true;
    for (int with = 0; with < 4; with++) {
        const float *kept = with & 1 ? keep : NULL, *added = with & 2 ? add : NULL;
        float magnitude[3 * PAIR_ROWS * (PAIR_COLS + 2)];
        memcpy(got, want, count * sizeof *got);
        for (size_t i = 0; i < count; i++)
            magnitude[i] = 3 + (float)pairs;
        k->gemm_pairs(got, ldc, a, lda, b, pairs, m, n, kept, added);
        c->gemm_pairs(want, ldc, a, lda, b, pairs, m, n, kept, added);
        good = check_close("gemm_pairs", got, want, magnitude, count, 3e-7) && good;
    }
    for (size_t i = 0; i < 6; i++)
        good = padded_release(&pads[i]) && good;
    return good;
}

/* What a panel of the softmax holds as numbers. */
static float pair_number(const uint32_t *p, size_t j, size_t lane)
{
    const uint32_t pair = p[j / 2 * PAIR_COLS + lane];
    const uint32_t bits = j % 2 ? pair & 0xffff0000 : pair << 16;
    float number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

/* Two steps, so that the second one rescales; probabilities within a rounding to BF16. */
static bool check_softmax_pairs(const struct kernels *k, const struct kernels *c, size_t n,
                                bool masked)
{
    struct padded scores, got, want;
    uint32_t *ours = (uint32_t *)(void *)padded_floats(&got, (n + 1) / 2 * PAIR_COLS);
    uint32_t *theirs = (uint32_t *)(void *)padded_floats(&want, (n + 1) / 2 * PAIR_COLS);
    float state[2][3][PAIR_COLS] = {0}; /* max, sum, keep */
    uint32_t visible[PAIR_COLS];
    bool good = true;
    for (size_t i = 0; i < PAIR_COLS; i++)
        state[0][0][i] = state[1][0][i] = PAIRS_MAX_START;
    for (int step = 0; step < 2; step++) {
        float *s = padded_floats(&scores, n * PAIR_COLS);
        for (size_t i = 0; i < n * PAIR_COLS; i++)
            s[i] *= 20;
        for (size_t i = 0; i < PAIR_COLS; i++)
            visible[i] = (uint32_t)random_below(n + 2);
        const uint32_t *mask = masked ? visible : NULL;
        k->softmax_pairs(ours, s, n, mask, 0.7f, state[0][0], state[0][1], state[0][2]);
        c->softmax_pairs(theirs, s, n, mask, 0.7f, state[1][0], state[1][1], state[1][2]);
        for (size_t i = 0; i < (n + n % 2) * PAIR_COLS; i++) {
            const float a = pair_number(ours, i / PAIR_COLS, i % PAIR_COLS);
            const float b = pair_number(theirs, i / PAIR_COLS, i % PAIR_COLS);
            if (!(fabsf(a - b) <= 0.008f * b + 1e-37f)) {
                printf("  softmax_pairs: %g, not %g\n", (double)a, (double)b);
                return false;
            }
        }
        good = check_close("softmax_pairs (max, sum, keep)", state[0][0], state[1][0], NULL,
                           sizeof state[0] / sizeof(float), 2e-4) &&
               good;
        good = padded_release(&scores) && good;
    }
    return padded_release(&got) & padded_release(&want) & good;
}

static bool check_divide_lanes(const struct kernels *k, const struct kernels *c, size_t n, size_t d)
{
    const size_t ldo = d + random_below(3), count = (n - 1) * ldo + d;
    struct padded pads[4];
    const float *acc = padded_floats(&pads[0], d * PAIR_COLS);
    float *sum = padded_floats(&pads[1], PAIR_COLS);
    float *got = padded_floats(&pads[2], count), *want = padded_floats(&pads[3], count);
    for (size_t i = 0; i < PAIR_COLS; i++)
        sum[i] += 2;
    memcpy(got, want, count * sizeof *got);
    k->divide_lanes(got, ldo, acc, sum, n, d);
    c->divide_lanes(want, ldo, acc, sum, n, d);
    bool good = check_close("divide_lanes", got, want, NULL, count, 3e-7);
    for (size_t i = 0; i < 4; i++)
        good = padded_release(&pads[i]) && good;
    return good;
}

bool check_bf16(const struct level *level, const struct kernels *c)
{
    const struct kernels *k = &level->kernels;
    bool good = true;
    for (int round = 0; round < 60; round++) {
        const size_t n = 1 + random_below(SIZE_MOST), d = 1 + random_below(SIZE_MOST);
        for (enum dtype dtype = 0; dtype < DTYPE_PLAIN_COUNT; dtype++) {
            good = check_pair_rows(k, c, dtype, PAIR_ROWS, n, d) && good;
            good = check_pair_rows(k, c, dtype, PAIR_COLS, n, d) && good;
            if (k->pair_columns[dtype])
                good = check_pair_columns(k, c, dtype, n, d) && good;
        }
        good = check_gemm_pairs(k, c, d, 1 + random_below(3 * PAIR_ROWS),
                                1 + random_below(PAIR_COLS)) &&
               good;
        good = check_gemm_pairs(k, c, d, 3 * PAIR_ROWS, PAIR_COLS) && good;
        good = check_softmax_pairs(k, c, n, round % 2) && good;
        good = check_divide_lanes(k, c, 1 + random_below(PAIR_COLS), d) && good;
    }
    return good;
}
