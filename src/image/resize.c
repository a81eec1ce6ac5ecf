/* Pillow's antialiased bicubic (Resample.c) in 22-bit fixed point. */
#include "image/resize.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { PRECISION = 22, HALF = 1 << (PRECISION - 1) };

/* The source pixels of one target pixel and their weights. */
struct window {
    uint32_t first, count;
};

struct weights {
    struct window *windows; /* [target size] */
    int32_t *taps;          /* [target size × most] */
    uint32_t most;          /* taps of the widest window */
};

static double cubic(double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (x < 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    if (x < 2)
        return (((x - 5) * x + 8) * x - 4) * a;
    return 0;
}

static void weights_release(struct weights *w)
{
    free(w->windows);
    free(w->taps);
}

static void fill_window(struct weights *w, uint32_t index, uint32_t from, double scale,
                        double stretch, double *real)
{
    const double support = 2 * stretch, centre = (index + 0.5) * scale;
    const int low = (int)(centre - support + 0.5), high = (int)(centre + support + 0.5);
    const uint32_t first = low > 0 ? (uint32_t)low : 0;
    const uint32_t end = (uint32_t)high < from ? (uint32_t)high : from;
    double sum = 0;
    for (uint32_t k = 0; k < end - first; k++) {
        real[k] = cubic((k + first - centre + 0.5) / stretch);
        sum += real[k];
    }
    int32_t *taps = w->taps + (size_t)index * w->most;
    for (uint32_t k = 0; k < end - first; k++) {
        const double scaled = (sum != 0 ? real[k] / sum : real[k]) * (1 << PRECISION);
        taps[k] = (int32_t)(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
    }
    w->windows[index] = (struct window){first, end - first};
}

static bool weights_init(struct weights *w, uint32_t from, uint32_t to)
{
    const double scale = (double)from / to, stretch = scale > 1 ? scale : 1;
    w->most = (uint32_t)ceil(2 * stretch) * 2 + 1;
    w->windows = malloc(to * sizeof *w->windows);
    w->taps = malloc((size_t)to * w->most * sizeof *w->taps);
    double *real = malloc(w->most * sizeof *real);
    const bool ok = w->windows && w->taps && real;
    for (uint32_t i = 0; ok && i < to; i++)
        fill_window(w, i, from, scale, stretch, real);
    free(real);
    return ok;
}

static uint8_t clip(int32_t sum)
{
    const int32_t value = sum >> PRECISION;
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

static void resize_rows(const struct image *in, const struct weights *w, struct image *out)
{
    for (uint32_t y = 0; y < in->height; y++) {
        const uint8_t *row = in->rgb + (size_t)y * in->width * 3;
        uint8_t *to = out->rgb + (size_t)y * out->width * 3;
        for (uint32_t x = 0; x < out->width; x++, to += 3) {
            const uint8_t *from = row + (size_t)w->windows[x].first * 3;
            const int32_t *taps = w->taps + (size_t)x * w->most;
            int32_t r = HALF, g = HALF, b = HALF;
            for (uint32_t k = 0; k < w->windows[x].count; k++, from += 3) {
                r += from[0] * taps[k];
                g += from[1] * taps[k];
                b += from[2] * taps[k];
            }
            to[0] = clip(r);
            to[1] = clip(g);
            to[2] = clip(b);
        }
    }
}

/* `sums` holds one row of accumulators. */
static void resize_columns(const struct image *in, const struct weights *w, int32_t *sums,
                           struct image *out)
{
    const size_t n = (size_t)in->width * 3;
    for (uint32_t y = 0; y < out->height; y++) {
        const int32_t *taps = w->taps + (size_t)y * w->most;
        for (size_t i = 0; i < n; i++)
            sums[i] = HALF;
        for (uint32_t k = 0; k < w->windows[y].count; k++) {
            const uint8_t *from = in->rgb + (w->windows[y].first + k) * n;
            const int32_t tap = taps[k];
            for (size_t i = 0; i < n; i++)
                sums[i] += from[i] * tap;
        }
        uint8_t *to = out->rgb + y * n;
        for (size_t i = 0; i < n; i++)
            to[i] = clip(sums[i]);
    }
}

static enum status allocate(struct image *out, uint32_t height, uint32_t width, struct reason *why)
{
    const size_t bytes = (size_t)height * width * 3;
    *out = (struct image){width, height, malloc(bytes)};
    return out->rgb ? STATUS_OK : reason_no_memory(why, bytes);
}

static enum status pass_rows(const struct image *in, uint32_t width, struct image *out,
                             struct reason *why)
{
    struct weights w = {0};
    enum status status = allocate(out, in->height, width, why);
    if (!status && !weights_init(&w, in->width, width))
        status = reason_no_memory(why, (size_t)width * w.most * sizeof *w.taps);
    if (!status)
        resize_rows(in, &w, out);
    weights_release(&w);
    return status;
}

static enum status pass_columns(const struct image *in, uint32_t height, struct image *out,
                                struct reason *why)
{
    struct weights w = {0};
    int32_t *sums = malloc((size_t)in->width * 3 * sizeof *sums);
    enum status status = allocate(out, height, in->width, why);
    if (!status && (!sums || !weights_init(&w, in->height, height)))
        status = reason_no_memory(why, (size_t)height * w.most * sizeof *w.taps);
    if (!status)
        resize_columns(in, &w, sums, out);
    weights_release(&w);
    free(sums);
    return status;
}

enum status resize_bicubic(const struct image *in, uint32_t height, uint32_t width,
                           struct image *out, struct reason *why)
{
    *out = (struct image){0};
    struct image between = {0};
    const bool rows = width != in->width, columns = height != in->height;
    enum status status = STATUS_OK;
    if (rows)
        status = pass_rows(in, width, columns ? &between : out, why);
    if (!status && columns)
        status = pass_columns(rows ? &between : in, height, out, why);
    if (!status && !rows && !columns) {
        status = allocate(out, height, width, why);
        if (!status)
            memcpy(out->rgb, in->rgb, (size_t)height * width * 3);
    }
    image_release(&between);
    if (status)
        image_release(out);
    return status;
}
