#include "image/resize.h"

#include <math.h>

enum { RATIO_MAX = 200 };

static double larger(double a, double b)
{
    return a > b ? a : b;
}

static enum status check_ratio(double h, double w, const char *code, struct reason *why)
{
    if (larger(h, w) / (h < w ? h : w) <= RATIO_MAX)
        return STATUS_OK;
    reason_set(why, code,
               "One side is more than %d times the other; the model cannot look at that.",
               "一边超过另一边的 %d 倍，模型无法处理。", RATIO_MAX);
    reason_hint(why, "Crop the picture, or cut it into several.", "请裁剪图片，或切分为多张。");
    return STATUS_INVALID;
}

/* Both sides to multiples of `factor`; `count` frames share the budget (specification 4.2, 4.6).
 * `rounded` is the count after rounding to pairs. */
static void plan(double count, double rounded, double h, double w, double factor,
                 struct pixel_budget budget, uint32_t *out_h, uint32_t *out_w)
{
    const double min = (double)budget.min_pixels, max = (double)budget.max_pixels;
    double hb = rint(h / factor) * factor, wb = rint(w / factor) * factor;
    if (rounded * hb * wb > max) {
        const double beta = sqrt(count * h * w / max);
        hb = larger(factor, floor(h / beta / factor) * factor);
        wb = larger(factor, floor(w / beta / factor) * factor);
    } else if (rounded * hb * wb < min) {
        const double beta = sqrt(min / (count * h * w));
        hb = ceil(h * beta / factor) * factor;
        wb = ceil(w * beta / factor) * factor;
    }
    *out_h = (uint32_t)hb;
    *out_w = (uint32_t)wb;
}

enum status resize_plan_image(uint32_t height, uint32_t width, uint32_t factor,
                              struct pixel_budget budget, uint32_t *out_height, uint32_t *out_width,
                              struct reason *why)
{
    const enum status status = check_ratio(height, width, "invalid_image", why);
    if (!status)
        plan(1, 1, height, width, factor, budget, out_height, out_width);
    return status;
}

enum status resize_plan_video(uint32_t frames, uint32_t height, uint32_t width, uint32_t factor,
                              struct pixel_budget budget, uint32_t *out_height, uint32_t *out_width,
                              struct reason *why)
{
    if (frames < 2) {
        reason_set(why, "invalid_video", "A video needs at least two frames.",
                   "视频至少需要两帧。");
        return STATUS_INVALID;
    }
    double h = height, w = width;
    if (h < factor || w < factor) {
        const double scale = larger(factor / h, factor / w);
        h = trunc(h * scale);
        w = trunc(w * scale);
    }
    const enum status status = check_ratio(h, w, "invalid_video", why);
    if (!status)
        plan(frames, rint(frames / 2.0) * 2, h, w, factor, budget, out_height, out_width);
    return status;
}
