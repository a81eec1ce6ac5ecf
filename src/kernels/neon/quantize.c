/* Activations as integers (tile.h), in NEON. */
#include "kernels/neon/quantize.h"
#include "kernels/neon/vec.h"

/* Four floats of x from column c on; those past n are zero. */
static vec four_floats(const float *x, size_t c, size_t n)
{
    return c + LANES <= n ? vec_load(x + c) : c < n ? vec_load_part(x + c, n - c) : vec_zero();
}

static float magnitude(const float *x, size_t n)
{
    vec most = vec_zero();
    for (size_t c = 0; c < n; c += LANES)
        most = vec_max(most, vec_abs(four_floats(x, c, n)));
    return vec_highest(most);
}

/* The lowest bytes of four numbers. */
static int32_t bytes_of(int32x4_t q)
{
    const int16x4_t words = vmovn_s32(q);
    return vget_lane_s32(vreinterpret_s32_s8(vmovn_s16(vcombine_s16(words, words))), 0);
}

static void quantize_block(struct quantized_rows *out, size_t i, const float *x, size_t block,
                           size_t n)
{
    const float levels = out->low ? 127 * 128 : 127, most = magnitude(x, n);
    const size_t ld = out->ld;
    const vec inverse = vec_set(most > 0 ? levels / most : 0);
    out->scale[block * ld + i] = most / levels;
    int sums[PANEL_COLS / 16] = {0}, total = 0;
    for (size_t c = 0; c < PANEL_COLS; c += LANES) {
        const int32x4_t q = vcvtnq_s32_f32(vec_mul(four_floats(x, c, n), inverse));
        const size_t at = (block * PANEL_GROUPS + c / GROUP_COLS) * ld + i;
        int32x4_t high = q;
        if (out->low) {
            high = vshrq_n_s32(vaddq_s32(q, vdupq_n_s32(64)), 7);
            out->low[at] = bytes_of(vsubq_s32(q, vshlq_n_s32(high, 7)));
        }
        out->high[at] = bytes_of(high);
        sums[c / 16] += vaddvq_s32(q);
    }
    for (size_t s = 0; s < PANEL_COLS / 16; s++) {
        const size_t at = block * (PANEL_COLS / 16) + s;
        out->sums[SUM_16][at * ld + i] = (float)sums[s];
        if (s % 2)
            out->sums[SUM_32][at / 2 * ld + i] = (float)(sums[s - 1] + sums[s]);
        total += sums[s];
    }
    out->sums[SUM_256][block * ld + i] = (float)total;
}

void neon_quantize_rows(struct quantized_rows *out, const float *x, size_t ldx, size_t n,
                        size_t cols)
{
    for (size_t i = 0; i < out->ld; i++) {
        const float *from = i < n ? x + i * ldx : x;
        for (size_t b = 0; b * PANEL_COLS < cols; b++) {
            const size_t left = cols - b * PANEL_COLS;
            const size_t count = i >= n ? 0 : left < PANEL_COLS ? left : PANEL_COLS;
            quantize_block(out, i, from + b * PANEL_COLS, b, count);
        }
    }
}
