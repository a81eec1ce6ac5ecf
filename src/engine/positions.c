#include "engine/positions.h"

#include <assert.h>

size_t segment_count(const struct prompt_input *prompt)
{
    size_t count = 0;
    for (size_t i = 0; i < prompt->visual_count; i++)
        count += prompt->visuals[i].grid.t;
    return count;
}

static void list_segments(const struct prompt_input *prompt, struct segment *segments)
{
    for (size_t i = 0; i < prompt->visual_count; i++) {
        const struct visual *visual = &prompt->visuals[i];
        const size_t patches = (size_t)visual->grid.h * visual->grid.w;
        for (uint32_t t = 0; t < visual->grid.t; t++)
            *segments++ = (struct segment){
                .patches = visual->patches + t * patches * PATCH_FLOATS,
                .h = visual->grid.h,
                .w = visual->grid.w,
                .group = t,
                .visual = visual,
            };
    }
}

struct scan {
    const struct prompt_input *prompt;
    const struct model_config *config;
    int32_t *t, *h, *w;
    size_t at;
    int32_t next; /* the position after everything so far */
};

/* Places one segment's pads at scan->at; false if it finds other tokens there. */
static bool place_segment(struct scan *scan, struct segment *segment, int32_t pad)
{
    const struct token_list *tokens = &scan->prompt->tokens;
    const uint32_t rows = segment->h / 2, columns = segment->w / 2;
    if (tokens->count - scan->at < (size_t)rows * columns)
        return false;
    segment->first = (uint32_t)scan->at;
    for (uint32_t y = 0; y < rows; y++) {
        for (uint32_t x = 0; x < columns; x++, scan->at++) {
            if (tokens->ids[scan->at] != pad)
                return false;
            scan->t[scan->at] = scan->next;
            scan->h[scan->at] = scan->next + (int32_t)y;
            scan->w[scan->at] = scan->next + (int32_t)x;
        }
    }
    scan->next += (int32_t)(rows > columns ? rows : columns);
    return true;
}

static void place_text_until(struct scan *scan, int32_t pad)
{
    const struct token_list *tokens = &scan->prompt->tokens;
    for (; scan->at < tokens->count && tokens->ids[scan->at] != pad; scan->at++)
        scan->t[scan->at] = scan->h[scan->at] = scan->w[scan->at] = scan->next++;
}

static bool is_pad(const struct model_config *config, int32_t id)
{
    return id == config->image_token || id == config->video_token;
}

static enum status mismatch(struct reason *why, size_t pictures)
{
    reason_set(why, "invalid_value",
               "The places for pictures in the prompt do not match the %zu pictures given.",
               "提示中的图片占位与给出的 %zu 张图片不一致。", pictures);
    return STATUS_INVALID;
}

/* No pad may be left over between or after the segments. */
static bool all_pads_placed(const struct scan *scan, const struct segment *segments, size_t count)
{
    const struct token_list *tokens = &scan->prompt->tokens;
    size_t segment = 0;
    for (size_t i = 0; i < tokens->count; i++) {
        if (segment < count && i == segments[segment].first) {
            i += segment_tokens(&segments[segment++]) - 1;
            continue;
        }
        if (is_pad(scan->config, tokens->ids[i]))
            return false;
    }
    return true;
}

enum status positions_build(const struct prompt_input *prompt, const struct model_config *config,
                            int32_t *positions, int32_t *delta, struct segment *segments,
                            struct reason *why)
{
    const size_t n = prompt->tokens.count;
    assert(n <= INT32_MAX / 2);
    struct scan scan = {prompt,  config,   positions, positions + n, positions + 2 * n,
                        .at = 0, .next = 0};
    list_segments(prompt, segments);
    size_t placed = 0;
    for (size_t i = 0; i < prompt->visual_count; i++) {
        const struct visual *visual = &prompt->visuals[i];
        const int32_t pad = visual->is_video ? config->video_token : config->image_token;
        for (uint32_t t = 0; t < visual->grid.t; t++) {
            place_text_until(&scan, pad);
            if (!place_segment(&scan, &segments[placed++], pad))
                return mismatch(why, prompt->visual_count);
        }
    }
    place_text_until(&scan, -1);
    if (placed > 0 && !all_pads_placed(&scan, segments, placed))
        return mismatch(why, prompt->visual_count);
    *delta = scan.next - (int32_t)n;
    return STATUS_OK;
}
