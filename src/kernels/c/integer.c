/* The integer kernels in plain C: what each of their entries means. */
#include "kernels/c/c.h"
#include "kernels/half.h"

#include <math.h>

static float half_at(const uint8_t *bytes)
{
    return f16_to_f32((uint16_t)(bytes[0] | bytes[1] << 8));
}

/* Part of a tile: the row's own bytes of a field. */
struct tile_reader {
    const uint8_t *at;
};

static const uint8_t *take(struct tile_reader *reader, size_t pieces, size_t unit)
{
    const uint8_t *field = reader->at;
    reader->at += pieces * unit * TILE_ROWS;
    return field;
}

/* Byte c of piece p (a group of four columns) of row r. */
static int byte_of(const uint8_t *field, size_t p, size_t r, size_t c)
{
    return field[(p * TILE_ROWS + r) * GROUP_COLS + c];
}

static void put(struct panel *panel, size_t r, size_t col, int value)
{
    panel->values[col / GROUP_COLS][r][col % GROUP_COLS] = (uint8_t)value;
}

/* Formats of 32 values whose weight is d·value - min for the whole block. */
static void unpack_small(struct panel *panel, const void *src, size_t groups, enum dtype dtype)
{
    struct tile_reader reader = {src};
    for (size_t s = 0; s < groups / 8; s++) {
        const bool has_min = dtype == DTYPE_Q4_1 || dtype == DTYPE_Q5_1;
        const bool fifth = dtype == DTYPE_Q5_0 || dtype == DTYPE_Q5_1;
        const uint8_t *d = take(&reader, 1, 2);
        const uint8_t *m = has_min ? take(&reader, 1, 2) : NULL;
        const uint8_t *bits = fifth ? take(&reader, 1, 4) : NULL;
        const uint8_t *q = take(&reader, dtype == DTYPE_Q8_0 ? 8 : 4, 4);
        for (size_t r = 0; r < TILE_ROWS; r++) {
            const float scale = half_at(d + 2 * r);
            const float zero = dtype == DTYPE_Q8_0     ? 128
                               : dtype == DTYPE_Q4_0   ? 8
                               : dtype == DTYPE_Q5_0   ? 16
                               : dtype == DTYPE_IQ4_NL ? 127
                                                       : 0;
            panel->scale[s][r] = scale;
            panel->min[s][r] = has_min ? -half_at(m + 2 * r) : scale * zero;
            for (size_t c = 0; c < 32; c++) {
                int value = dtype == DTYPE_Q8_0
                                ? (byte_of(q, c / 4, r, c % 4) + 128) & 255
                                : byte_of(q, c % 16 / 4, r, c % 4) >> (c / 16 * 4) & 15;
                if (fifth)
                    value |= (bits[4 * r + c / 8] >> (c % 8) & 1) << 4;
                if (dtype == DTYPE_IQ4_NL)
                    value = c_iq4_levels[value] + 127;
                put(panel, r, s * 32 + c, value);
            }
        }
    }
}

void c_unpack_q8_0(struct panel *panel, const void *src, size_t groups)
{
    unpack_small(panel, src, groups, DTYPE_Q8_0);
}

void c_unpack_q4_0(struct panel *panel, const void *src, size_t groups)
{
    unpack_small(panel, src, groups, DTYPE_Q4_0);
}

void c_unpack_q4_1(struct panel *panel, const void *src, size_t groups)
{
    unpack_small(panel, src, groups, DTYPE_Q4_1);
}

void c_unpack_q5_0(struct panel *panel, const void *src, size_t groups)
{
    unpack_small(panel, src, groups, DTYPE_Q5_0);
}

void c_unpack_q5_1(struct panel *panel, const void *src, size_t groups)
{
    unpack_small(panel, src, groups, DTYPE_Q5_1);
}

void c_unpack_iq4_nl(struct panel *panel, const void *src, size_t groups)
{
    unpack_small(panel, src, groups, DTYPE_IQ4_NL);
}

/* Q4_K and Q5_K: six-bit scales and minima of eight sub-blocks. */
static void unpack_k(struct panel *panel, const void *src, bool fifth)
{
    struct tile_reader reader = {src};
    const uint8_t *d = take(&reader, 1, 2), *dmin = take(&reader, 1, 2);
    const uint8_t *s = take(&reader, 12, 1);
    const uint8_t *high = fifth ? take(&reader, 8, 4) : NULL;
    const uint8_t *q = take(&reader, 32, 4);
    for (size_t r = 0; r < TILE_ROWS; r++) {
        for (size_t j = 0; j < 8; j++) {
            const uint8_t *a = s + j % 4 * TILE_ROWS + r, *b = a + 4 * TILE_ROWS,
                          *c = a + 8 * TILE_ROWS;
            const int scale = j < 4 ? *a & 63 : (*c & 15) | *a >> 6 << 4;
            const int min = j < 4 ? *b & 63 : *c >> 4 | *b >> 6 << 4;
            panel->scale[j][r] = half_at(d + 2 * r) * (float)scale;
            panel->min[j][r] = half_at(dmin + 2 * r) * (float)min;
            for (size_t l = 0; l < 32; l++) {
                int value = byte_of(q, j / 2 * 8 + l / 4, r, l % 4) >> (j % 2 * 4) & 15;
                if (fifth)
                    value |= (byte_of(high, l / 4, r, l % 4) >> j & 1) << 4;
                put(panel, r, j * 32 + l, value);
            }
        }
    }
}

void c_unpack_q4_k(struct panel *panel, const void *src, size_t groups)
{
    (void)groups; /* always whole */
    unpack_k(panel, src, false);
}

void c_unpack_q5_k(struct panel *panel, const void *src, size_t groups)
{
    (void)groups;
    unpack_k(panel, src, true);
}

void c_unpack_q6_k(struct panel *panel, const void *src, size_t groups)
{
    (void)groups;
    struct tile_reader reader = {src};
    const uint8_t *d = take(&reader, 1, 2), *scales = take(&reader, 16, 1);
    const uint8_t *q = take(&reader, 48, 4);
    for (size_t r = 0; r < TILE_ROWS; r++) {
        for (size_t j = 0; j < 16; j++) {
            const float scale = half_at(d + 2 * r) * (float)(int8_t)scales[j * TILE_ROWS + r];
            panel->scale[j][r] = scale;
            panel->min[j][r] = scale * 32;
        }
        for (size_t col = 0; col < 256; col++) {
            const size_t h = col / 128, k = col % 128 / 32, l = col % 32;
            const size_t piece = (h * 8 + l / 4) * 3;
            const int bits = byte_of(q, piece + k % 2, r, l % 4) >> (k / 2 * 4) & 15;
            const int top = byte_of(q, piece + 2, r, l % 4) >> (2 * k) & 3;
            put(panel, r, col, bits | top << 4);
        }
    }
}

void c_unpack_iq4_xs(struct panel *panel, const void *src, size_t groups)
{
    (void)groups;
    struct tile_reader reader = {src};
    const uint8_t *d = take(&reader, 1, 2), *high = take(&reader, 1, 2), *low = take(&reader, 4, 1);
    const uint8_t *q = take(&reader, 32, 4);
    for (size_t r = 0; r < TILE_ROWS; r++) {
        const int tops = high[2 * r] | high[2 * r + 1] << 8;
        for (size_t j = 0; j < 8; j++) {
            const int bits = low[j / 2 * TILE_ROWS + r] >> (j % 2 * 4) & 15;
            const float scale =
                half_at(d + 2 * r) * (float)((bits | (tops >> (2 * j) & 3) << 4) - 32);
            panel->scale[j][r] = scale;
            panel->min[j][r] = scale * 127;
            for (size_t l = 0; l < 32; l++) {
                const int index = byte_of(q, j * 4 + l % 16 / 4, r, l % 4) >> (l / 16 * 4) & 15;
                put(panel, r, j * 32 + l, c_iq4_levels[index] + 127);
            }
        }
    }
}

/* One scale for all columns of the panel: value = 128 + round(weight / scale), |…| ≤ 127. */
void c_requantize(struct panel *panel, size_t groups, size_t sub_groups)
{
    for (size_t r = 0; r < TILE_ROWS; r++) {
        float weights[PANEL_COLS], most = 0;
        for (size_t c = 0; c < groups * GROUP_COLS; c++) {
            const size_t s = c / GROUP_COLS / sub_groups;
            weights[c] = panel->scale[s][r] * panel->values[c / 4][r][c % 4] - panel->min[s][r];
            most = fmaxf(most, fabsf(weights[c]));
        }
        const float scale = most / 127, inverse = most > 0 ? 127 / most : 0;
        for (size_t c = 0; c < groups * GROUP_COLS; c++)
            put(panel, r, c, (int)rintf(weights[c] * inverse) + 128);
        panel->scale[0][r] = scale;
        panel->min[0][r] = scale * 128;
    }
}

static void quantize_block(struct quantized_rows *out, size_t i, const float *x, size_t block,
                           size_t n)
{
    const float levels = out->low ? 127 * 128 : 127;
    const size_t ld = out->ld;
    float most = 0;
    for (size_t c = 0; c < n; c++)
        most = fmaxf(most, fabsf(x[c]));
    const float inverse = most > 0 ? levels / most : 0;
    out->scale[block * ld + i] = most / levels;
    for (size_t c = 0; c < PANEL_COLS; c++) {
        const int q = c < n ? (int)rintf(x[c] * inverse) : 0;
        const int high = out->low ? (q + 64) >> 7 : q;
        const size_t at = ((block * PANEL_COLS + c) / 4 * ld + i) * 4 + c % 4;
        ((int8_t *)out->high)[at] = (int8_t)high;
        if (out->low)
            ((int8_t *)out->low)[at] = (int8_t)(q - high * 128);
        const size_t col = block * PANEL_COLS + c;
        static const size_t spans[SUM_COUNT] = {16, 32, 256};
        for (int k = 0; k < SUM_COUNT; k++)
            out->sums[k][col / spans[k] * ld + i] =
                (c % spans[k] ? out->sums[k][col / spans[k] * ld + i] : 0) + (float)q;
    }
}

void c_quantize_rows(struct quantized_rows *out, const float *x, size_t ldx, size_t n, size_t cols)
{
    for (size_t i = 0; i < out->ld; i++)
        for (size_t b = 0; b * PANEL_COLS < cols; b++) {
            const size_t left = cols - b * PANEL_COLS;
            quantize_block(out, i, x + (i < n ? i * ldx + b * PANEL_COLS : 0), b,
                           i >= n              ? 0
                           : left < PANEL_COLS ? left
                                               : PANEL_COLS);
        }
}

void c_dot_panel(float *c, size_t ldc, const struct panel *w, size_t groups, size_t sub_groups,
                 const struct quantized_rows *x, size_t n, size_t block, size_t outputs,
                 int accumulate)
{
    const enum sum_span span = sub_groups == 4 ? SUM_16 : sub_groups == 8 ? SUM_32 : SUM_256;
    const size_t subs = (groups + sub_groups - 1) / sub_groups, ld = x->ld;
    for (size_t i = 0; i < n; i++) {
        for (size_t r = 0; r < outputs; r++) {
            float total = 0;
            for (size_t s = 0; s < subs; s++) {
                int32_t dot = 0;
                const size_t end = (s + 1) * sub_groups < groups ? (s + 1) * sub_groups : groups;
                for (size_t g = s * sub_groups; g < end; g++) {
                    const size_t at = (block * PANEL_GROUPS + g) * ld + i;
                    const int8_t *high = (const int8_t *)&x->high[at];
                    const int8_t *low = x->low ? (const int8_t *)&x->low[at] : NULL;
                    for (size_t k = 0; k < GROUP_COLS; k++)
                        dot += w->values[g][r][k] * (low ? high[k] * 128 + low[k] : high[k]);
                }
                const size_t sum = (block * PANEL_GROUPS / sub_groups + s) * ld + i;
                total += (float)dot * w->scale[s][r] - x->sums[span][sum] * w->min[s][r];
            }
            float *to = &c[i * ldc + r];
            *to = (accumulate ? *to : 0) + total * x->scale[block * ld + i];
        }
    }
}
