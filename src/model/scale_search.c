#include "model/scale_search.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

enum { STEPS = 20, LANES = 4 };

/* Four numbers at once, on every processor. */
typedef float lanes __attribute__((vector_size(LANES * sizeof(float))));
typedef int32_t lane_masks __attribute__((vector_size(LANES * sizeof(float))));

static inline lanes load(const float *x)
{
    lanes v;
    memcpy(&v, x, sizeof v);
    return v;
}

static inline lanes choose(lane_masks which, lanes a, lanes b)
{
    return (lanes)((which & (lane_masks)a) | (~which & (lane_masks)b));
}

/* Numbers below 2^22 lose their fraction when they are added to 1.5 · 2^23. */
static inline lanes nearest(lanes x)
{
    return x + 0x1.8p23f - 0x1.8p23f;
}

static inline float sum_of(lanes v)
{
    return (v[0] + v[1]) + (v[2] + v[3]);
}

/* What least squares needs to know of the integers for one span. */
struct sums {
    float q, qq, xq;
};

static struct sums sums_of(const float *x, size_t n, float by, float least, float most)
{
    lanes q_sum = {0}, qq_sum = {0}, xq_sum = {0};
    const lanes low = {least, least, least, least}, high = {most, most, most, most};
    for (size_t i = 0; i < n; i += LANES) {
        const lanes v = load(x + i);
        lanes q = nearest(v * by);
        q = choose(q < low, low, q);
        q = choose(q > high, high, q);
        q_sum += q;
        qq_sum += q * q;
        xq_sum += q * v;
    }
    return (struct sums){sum_of(q_sum), sum_of(qq_sum), sum_of(xq_sum)};
}

/* The sub-block moved and stretched to [0, 1]. */
struct unit_block {
    float y[FIT_VALUES_MAX];
    size_t n;
    double sum, squares;
    double offset_max; /* of y ≈ scale · q + offset */
};

struct line {
    double scale, offset, error;
};

static double error_of(const struct unit_block *b, const struct sums *s, double scale,
                       double offset)
{
    return b->squares + scale * scale * s->qq + offset * offset * (double)b->n - 2 * scale * s->xq -
           2 * offset * b->sum + 2 * scale * offset * s->q;
}

/* The best line for given integers; `span` levels are those of the block's whole range. */
static struct line least_squares(const struct unit_block *b, const struct sums *s, double span)
{
    const double n = (double)b->n, q = s->q, qq = s->qq, xq = s->xq;
    const double determinant = n * qq - q * q;
    struct line line = {1 / span, 0, 0};
    if (determinant > 0) {
        line.scale = (n * xq - b->sum * q) / determinant;
        line.offset = (qq * b->sum - q * xq) / determinant;
    }
    if (line.offset > b->offset_max) {
        line.offset = b->offset_max;
        line.scale = qq > 0 ? (xq - line.offset * q) / qq : 0;
    }
    if (!(line.scale > 0))
        line = (struct line){1 / span, 0, 0};
    line.error = error_of(b, s, line.scale, line.offset);
    return line;
}

static struct line best_line(const struct unit_block *b, int levels)
{
    struct line best = {.error = INFINITY};
    for (int step = 0; step <= STEPS; step++) { /* from a level fewer to a level more */
        const float span = (float)levels + 0.1f * (float)(step - STEPS / 2);
        const struct sums s = sums_of(b->y, b->n, span, 0, (float)levels);
        const struct line line = least_squares(b, &s, span);
        if (line.error < best.error)
            best = line;
    }
    return best;
}

struct affine_fit fit_affine(const float *x, size_t n, int levels, bool positive_min)
{
    float low = x[0], high = x[0];
    for (size_t i = 1; i < n; i++) {
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
    }
    if (positive_min && low > 0)
        low = 0;
    const float range = high - low;
    if (range <= 0 || isinf(1 / range))
        return (struct affine_fit){0, -low};
    struct unit_block b = {.n = n, .offset_max = positive_min ? -(double)low / range : INFINITY};
    for (size_t i = 0; i < n; i++) {
        b.y[i] = (x[i] - low) * (1 / range);
        b.sum += b.y[i];
        b.squares += (double)b.y[i] * b.y[i];
    }
    const struct line line = best_line(&b, levels);
    return (struct affine_fit){(float)(line.scale * range), (float)-(low + line.offset * range)};
}

float fit_signed(const float *x, size_t n, int half)
{
    float most = 0, y[FIT_VALUES_MAX];
    for (size_t i = 0; i < n; i++)
        most = fabsf(x[i]) > fabsf(most) ? x[i] : most;
    if (most == 0 || isinf(1 / most))
        return 0;
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] * (1 / most);
    double scale = 0, gain = -1; /* the squares less the error */
    for (int step = -STEPS / 2; step <= STEPS / 2; step++) {
        const float span = -(float)half + 0.1f * (float)step;
        const struct sums s = sums_of(y, n, span, -(float)half, (float)half - 1);
        const double here = (double)s.xq * s.xq / s.qq;
        if (here > gain) {
            gain = here;
            scale = (double)s.xq / s.qq;
        }
    }
    return (float)(scale * most);
}
