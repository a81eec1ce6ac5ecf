/* From a conversation and its pictures to what the engine runs: token ids and patch matrices. */
#pragma once

#include "engine/digest.h"
#include "engine/model.h"
#include "image/image.h"
#include "image/patches.h"

/* One image or one video, ready for the vision tower. */
struct visual {
    struct grid grid;
    float *patches; /* [grid_patches, 1536], owned */
    bool is_video;
    struct digest digest; /* of its kind, its grid and the resized pixels */
};

struct prompt_input {
    struct token_list tokens; /* pads repeated */
    struct visual *visuals;   /* in prompt order, images and videos together */
    size_t visual_count;
    size_t image_tokens; /* how many of the tokens are image or video pads */
};

/* A picture of the conversation: decoded RGB; the k-th image part of the messages. */
struct prompt_picture {
    struct image image;
    struct pixel_sizes budget; /* zeros: the checkpoint's */
};

/* A video of the conversation as decoded frames; the k-th video part of the messages. */
struct prompt_video {
    const struct image *frames;
    const double *frame_times; /* seconds, one per frame */
    uint32_t count;
    uint32_t source_height, source_width; /* before the caller brought the frames to
                                           * prompt_video_size; 0: they are as they came */
    bool keep_outer;                      /* transformers 5.x layout, see chat_template.h */
};

/* The size that the frames of a video are brought to, so that a caller with many large ones can do
 * it one by one. Codes: those of resize_plan_video. */
MUST_CHECK enum status prompt_video_size(const struct model *model, uint32_t count,
                                         uint32_t source_height, uint32_t source_width,
                                         uint32_t *height, uint32_t *width, struct reason *why);

struct prompt_request {
    const struct json *messages, *tools; /* see chat_template.h; tools may be NULL */
    struct template_options options;
    const struct prompt_picture *pictures;
    size_t picture_count; /* must equal the image parts: else invalid_value */
    const struct prompt_video *videos;
    size_t video_count;
    uint32_t context; /* most tokens of the pictures; 0: the model's context */
};

/* Any thread. On failure nothing is left in *out. Codes: those of chat_template.h and resize.h,
 * invalid_value, context_length_exceeded (the pictures alone are too many tokens), memory_full. */
MUST_CHECK enum status prompt_build(const struct model *model, const struct prompt_request *request,
                                    struct prompt_input *out, struct reason *why);

/* The second half of prompt_build: a rendered prompt with the request's pictures and videos
 * (messages, tools and options are not looked at). */
MUST_CHECK enum status prompt_build_rendered(const struct model *model,
                                             const struct prompt *rendered,
                                             const struct prompt_request *request,
                                             struct prompt_input *out, struct reason *why);

/* A prompt without template: text only (completions). */
MUST_CHECK enum status prompt_build_text(const struct model *model, struct str text,
                                         bool parse_special, struct prompt_input *out,
                                         struct reason *why);
void prompt_input_release(struct prompt_input *input); /* takes a zeroed one too */
