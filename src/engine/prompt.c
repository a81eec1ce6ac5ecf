#include "engine/prompt.h"

#include "image/resize.h"

#include <stdlib.h>

enum {
    TOKEN_PIXELS = 32 * 32,     /* one token: 2 × 2 patches of 16 × 16 pixels */
    SIDE_FACTOR = 32,           /* sides of a resized picture are multiples of it */
    RENDERED_BYTES = 256 << 20, /* of one rendered prompt */
};

/* The size a picture or a video's frames will have. */
struct plan {
    uint32_t height, width, tokens; /* tokens of one frame pair */
};

struct builder {
    const struct model *model;
    const struct prompt_request *request;
    struct arena *arena;
    struct plan *pictures, *videos;
    struct prompt_input *out;
};

static struct pixel_budget budget_of(struct pixel_sizes asked, struct pixel_sizes usual)
{
    return (struct pixel_budget){
        .min_pixels = asked.min_pixels ? asked.min_pixels : usual.min_pixels,
        .max_pixels = asked.max_pixels ? asked.max_pixels : usual.max_pixels,
    };
}

static void plan_tokens(struct plan *plan)
{
    plan->tokens = (uint32_t)((uint64_t)plan->height * plan->width / TOKEN_PIXELS);
}

static enum status plan_picture(const struct builder *b, size_t i, struct reason *why)
{
    const struct prompt_picture *picture = &b->request->pictures[i];
    struct plan *plan = &b->pictures[i];
    const enum status status = resize_plan_image(
        picture->image.height, picture->image.width, SIDE_FACTOR,
        budget_of(picture->budget, b->model->config.image), &plan->height, &plan->width, why);
    plan_tokens(plan);
    return status;
}

static uint32_t video_groups(const struct prompt_video *video)
{
    return video->count / 2 + video->count % 2;
}

enum status prompt_video_size(const struct model *model, uint32_t count, uint32_t source_height,
                              uint32_t source_width, uint32_t *height, uint32_t *width,
                              struct reason *why)
{
    return resize_plan_video(count, source_height, source_width, SIDE_FACTOR,
                             budget_of((struct pixel_sizes){0}, model->config.video), height, width,
                             why);
}

static enum status plan_video(const struct builder *b, size_t i, struct reason *why)
{
    const struct prompt_video *video = &b->request->videos[i];
    struct plan *plan = &b->videos[i];
    for (uint32_t f = 0; f < video->count; f++) {
        if (video->frames[f].width != video->frames[0].width ||
            video->frames[f].height != video->frames[0].height) {
            reason_set(why, "invalid_video", "The frames of a video differ in size.",
                       "视频各帧的尺寸不一致。");
            return STATUS_INVALID;
        }
    }
    struct image source = {.height = video->source_height, .width = video->source_width};
    if (source.height == 0 && video->count > 0)
        source = video->frames[0];
    const enum status status = prompt_video_size(b->model, video->count, source.height,
                                                 source.width, &plan->height, &plan->width, why);
    plan_tokens(plan);
    return status;
}

/* All sizes, before a pixel is touched: what cannot fit into the context is refused here. */
static enum status plan_all(struct builder *b, struct reason *why)
{
    const struct prompt_request *request = b->request;
    b->pictures = arena_array(b->arena, request->picture_count, sizeof *b->pictures);
    b->videos = arena_array(b->arena, request->video_count, sizeof *b->videos);
    if (!b->pictures || !b->videos)
        return reason_no_memory(why, sizeof *b->pictures);
    uint64_t tokens = 0;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < request->picture_count && status == STATUS_OK; i++) {
        status = plan_picture(b, i, why);
        tokens += b->pictures[i].tokens;
    }
    for (size_t i = 0; i < request->video_count && status == STATUS_OK; i++) {
        status = plan_video(b, i, why);
        tokens += (uint64_t)b->videos[i].tokens * video_groups(&request->videos[i]);
    }
    const uint32_t most = request->context ? request->context : b->model->config.text.max_positions;
    if (status != STATUS_OK || tokens <= most)
        return status;
    reason_set(why, "context_length_exceeded",
               "The pictures need %llu tokens, more than the %u of the context.",
               "图片需要 %llu 个 token，超过上下文的 %u 个。", (unsigned long long)tokens, most);
    reason_hint(why, "Send fewer or smaller pictures.", "请减少图片数量或缩小图片。");
    return STATUS_LIMIT;
}

static enum status new_patches(struct grid grid, struct visual *visual, struct reason *why)
{
    const size_t bytes = grid_patches(grid) * PATCH_FLOATS * sizeof(float);
    visual->patches = malloc(bytes);
    if (visual->patches)
        return STATUS_OK;
    reason_set(why, "memory_full", "There is no memory for %zu MiB of picture data.",
               "内存不足，无法容纳 %zu MiB 的图片数据。", bytes >> 20);
    return STATUS_NO_MEMORY;
}

/* *resized is `image` itself, or a new image that `made` owns. */
static enum status resized_to(const struct image *image, const struct plan *plan,
                              struct image *made, const struct image **resized, struct reason *why)
{
    *resized = image;
    if (image->height == plan->height && image->width == plan->width)
        return STATUS_OK;
    *resized = made;
    return resize_bicubic(image, plan->height, plan->width, made, why);
}

/* After the grid is known; everything that the vision tower and the positions depend on. */
static enum status take_digest(const struct image *frames, uint32_t count, struct visual *visual,
                               struct reason *why)
{
    struct hasher *hasher;
    const enum status status = hasher_create(&hasher, why);
    if (status != STATUS_OK)
        return status;
    const uint32_t head[] = {visual->is_video, visual->grid.t, visual->grid.h, visual->grid.w};
    hasher_begin(hasher);
    hasher_add(hasher, head, sizeof head);
    for (uint32_t f = 0; f < count; f++)
        hasher_add(hasher, frames[f].rgb, (size_t)frames[f].width * frames[f].height * 3);
    hasher_end(hasher, &visual->digest);
    hasher_destroy(hasher);
    return STATUS_OK;
}

static enum status add_picture(struct builder *b, size_t i, struct visual *visual,
                               struct reason *why)
{
    const struct plan *plan = &b->pictures[i];
    struct image made = {0};
    const struct image *resized;
    enum status status = resized_to(&b->request->pictures[i].image, plan, &made, &resized, why);
    if (status == STATUS_OK)
        status = new_patches((struct grid){1, plan->height / 16, plan->width / 16}, visual, why);
    if (status == STATUS_OK) {
        visual->grid = patches_from_image(resized, visual->patches);
        status = take_digest(resized, 1, visual, why);
    }
    image_release(&made);
    return status;
}

static enum status add_frames(const struct prompt_video *video, const struct plan *plan,
                              struct image *frames, struct image *made, struct visual *visual,
                              struct reason *why)
{
    for (uint32_t f = 0; f < video->count; f++) {
        const struct image *resized;
        const enum status status = resized_to(&video->frames[f], plan, &made[f], &resized, why);
        if (status != STATUS_OK)
            return status;
        frames[f] = *resized;
    }
    const struct grid grid = {video_groups(video), plan->height / 16, plan->width / 16};
    const enum status status = new_patches(grid, visual, why);
    if (status != STATUS_OK)
        return status;
    visual->grid = patches_from_frames(frames, video->count, visual->patches);
    return take_digest(frames, video->count, visual, why);
}

static enum status add_video(struct builder *b, size_t i, struct visual *visual, struct reason *why)
{
    const struct prompt_video *video = &b->request->videos[i];
    visual->is_video = true;
    struct image *frames = arena_array(b->arena, video->count, sizeof *frames);
    struct image *made = arena_array(b->arena, video->count, sizeof *made);
    if (!frames || !made)
        return reason_no_memory(why, video->count * sizeof *frames);
    const enum status status = add_frames(video, &b->videos[i], frames, made, visual, why);
    for (uint32_t f = 0; f < video->count; f++)
        image_release(&made[f]);
    return status;
}

/* The pictures and videos in the order of the prompt. */
static enum status add_visuals(struct builder *b, const struct prompt *rendered, struct reason *why)
{
    struct prompt_input *out = b->out;
    const size_t count = b->request->picture_count + b->request->video_count;
    out->visuals = calloc(count ? count : 1, sizeof *out->visuals);
    if (!out->visuals)
        return reason_no_memory(why, count * sizeof *out->visuals);
    size_t pictures = 0, videos = 0;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < rendered->count && status == STATUS_OK; i++) {
        struct visual *visual = &out->visuals[out->visual_count];
        if (rendered->pieces[i].kind == PIECE_IMAGE)
            status = add_picture(b, pictures++, visual, why);
        else if (rendered->pieces[i].kind == PIECE_VIDEO)
            status = add_video(b, videos++, visual, why);
        else
            continue;
        out->visual_count++;
        out->image_tokens += grid_patches(visual->grid) / 4;
    }
    return status;
}

static const double *group_times(struct arena *arena, const struct prompt_video *video)
{
    double *times = arena_array(arena, video_groups(video), sizeof *times);
    for (uint32_t g = 0; times && g < video_groups(video); g++) {
        const uint32_t second = 2 * g + 1 < video->count ? 2 * g + 1 : 2 * g;
        times[g] = (video->frame_times[2 * g] + video->frame_times[second]) / 2;
    }
    return times;
}

static enum status add_tokens(struct builder *b, const struct prompt *rendered, struct reason *why)
{
    const struct prompt_request *request = b->request;
    uint32_t *image_tokens = arena_array(b->arena, request->picture_count, sizeof *image_tokens);
    struct video_layout *layouts = arena_array(b->arena, request->video_count, sizeof *layouts);
    if (!image_tokens || !layouts)
        return reason_no_memory(why, sizeof *layouts);
    for (size_t i = 0; i < request->picture_count; i++)
        image_tokens[i] = b->pictures[i].tokens;
    for (size_t i = 0; i < request->video_count; i++) {
        const struct prompt_video *video = &request->videos[i];
        layouts[i] = (struct video_layout){
            .times = group_times(b->arena, video),
            .groups = video_groups(video),
            .tokens_per_group = b->videos[i].tokens,
            .keep_outer = video->keep_outer,
        };
        if (!layouts[i].times)
            return reason_no_memory(why, video->count * sizeof(double));
    }
    return prompt_tokens(rendered, b->model->tokenizer, image_tokens, layouts, &b->out->tokens,
                         why);
}

static enum status check_counts(const struct prompt *rendered, const struct prompt_request *request,
                                struct reason *why)
{
    if (rendered->images == request->picture_count && rendered->videos == request->video_count)
        return STATUS_OK;
    reason_set(why, "invalid_value",
               "The messages show %u images and %u videos, but %zu and %zu are given.",
               "消息中有 %u 张图片和 %u 个视频，但提供了 %zu 张和 %zu 个。", rendered->images,
               rendered->videos, request->picture_count, request->video_count);
    return STATUS_INVALID;
}

static enum status build(struct builder *b, const struct prompt *rendered, struct reason *why)
{
    *b->out = (struct prompt_input){0};
    enum status status = check_counts(rendered, b->request, why);
    if (status == STATUS_OK)
        status = plan_all(b, why);
    if (status == STATUS_OK)
        status = add_tokens(b, rendered, why);
    if (status == STATUS_OK)
        status = add_visuals(b, rendered, why);
    if (status != STATUS_OK)
        prompt_input_release(b->out);
    return status;
}

enum status prompt_build_rendered(const struct model *model, const struct prompt *rendered,
                                  const struct prompt_request *request, struct prompt_input *out,
                                  struct reason *why)
{
    struct arena arena;
    arena_init(&arena, RENDERED_BYTES);
    struct builder b = {.model = model, .request = request, .arena = &arena, .out = out};
    const enum status status = build(&b, rendered, why);
    arena_release(&arena);
    return status;
}

enum status prompt_build(const struct model *model, const struct prompt_request *request,
                         struct prompt_input *out, struct reason *why)
{
    *out = (struct prompt_input){0};
    struct arena arena;
    arena_init(&arena, RENDERED_BYTES);
    struct prompt rendered;
    enum status status =
        chat_template_render(model->template_kind, request->messages, request->tools,
                             request->options, &arena, &rendered, why);
    if (status == STATUS_OK)
        status = prompt_build_rendered(model, &rendered, request, out, why);
    arena_release(&arena);
    return status;
}

enum status prompt_build_text(const struct model *model, struct str text, bool parse_special,
                              struct prompt_input *out, struct reason *why)
{
    *out = (struct prompt_input){0};
    const enum status status =
        tokenizer_encode(model->tokenizer, text, parse_special, &out->tokens, why);
    if (status != STATUS_OK)
        prompt_input_release(out);
    return status;
}

void prompt_input_release(struct prompt_input *input)
{
    for (size_t i = 0; i < input->visual_count; i++)
        free(input->visuals[i].patches);
    free(input->visuals);
    token_list_release(&input->tokens);
    *input = (struct prompt_input){0};
}
