/* The body of POST /v1/chat/completions, checked and as plain values.
 *
 * What is not given stays "absent", as in generation_params.h. Unknown fields are passed over
 * (field_table.h lists them); known ones that ask for something that is not supported are refused.
 */
#pragma once

#include "api/generation_params.h"

/* A picture, at its place in the request. */
struct chat_image {
    struct str url;   /* not empty; https:, http:, data:, file: or anything else: not looked at */
    const char *path; /* "messages[0].content[1].image_url.url" */
    int64_t min_pixels, max_pixels; /* the size it is brought to: ≥ 1, min ≤ max; -1: not said */
    bool low;                       /* detail is "low": at most CHAT_LOW_PIXELS */
};

/* 512 × 512, as for OpenAI: 256 tokens of Qwen3-VL. */
enum { CHAT_LOW_PIXELS = 512 * 512 };

/* A video: a file, or its frames. */
struct chat_video {
    struct str url;                  /* of a file; empty: there are frames */
    const struct chat_image *frames; /* at least one */
    uint32_t frame_count;
    double fps;         /* 0.001 to 1000; NAN: not said. Of a file: how many to look at per second;
                         * of frames: how many stand for a second */
    int64_t max_frames; /* of a file to look at, ≥ 2; -1: not said */
    const char *path;   /* "messages[0].content[0].video", "….video_url.url" */
};

struct chat_request {
    struct generation_params params; /* max_tokens ≥ 1; max_completion_tokens wins */
    /* As chat_template.h takes them: of every message exactly what was checked. Roles are system
     * (developer too), user, assistant, tool; content is a string, null, or a list of
     * {"type":"text","text":…}, {"type":"image"}, {"type":"video"}. The k-th image and video part
     * are images[k] and videos[k]; both stand in messages of users and tools only, where the
     * templates show them. Earlier reasoning is reasoning_content. */
    const struct json *messages;
    const struct json *tools; /* a non-empty array, or NULL: none, or tool_choice is "none" */
    bool forced_call;         /* the answer must be a tool call */
    struct str forced_tool;   /* of this tool, which is in `tools`; len 0: of any */
    bool one_call;            /* at most one: parallel_tool_calls is false */

    struct chat_image *images;
    struct chat_video *videos;
    uint32_t image_count, video_count;
    int64_t min_pixels, max_pixels; /* of pictures that do not say it; -1: absent */
    double video_fps;               /* of videos that do not say it; NAN: absent */

    bool no_thinking;        /* enable_thinking is false */
    int64_t thinking_budget; /* tokens of reasoning, ≥ 0; -1: absent */

    bool add_generation_prompt; /* true if absent */
    bool add_vision_id;         /* chat_template_kwargs.add_vision_id */
};

/* The body's tables, NULL-terminated; and those of the objects in it. */
extern const struct field_row *const chat_tables[];
extern const struct field_row chat_system_rows[], chat_user_rows[], chat_assistant_rows[],
    chat_tool_rows[], chat_text_rows[], chat_image_url_part_rows[], chat_image_url_rows[],
    chat_image_rows[], chat_video_rows[], chat_video_url_part_rows[], chat_video_url_rows[],
    chat_refusal_rows[], chat_tool_definition_rows[], chat_tool_choice_rows[], chat_call_rows[];

/* `root` may be any JSON value; it and the arena outlive *out. On failure the subject is the JSON
 * path of what is wrong, and the message says what was expected there; the body itself has an empty
 * path. Codes: missing_field invalid_type invalid_value unknown_content_part unknown_role
 * memory_full (the arena is full). */
MUST_CHECK enum status chat_request_parse(const struct json *root, struct arena *arena,
                                          struct chat_request *out, struct reason *why);

/* The same for what POST /tokenize takes of a chat: messages and all that makes the prompt; the
 * model may be absent (empty). */
extern const struct field_row chat_prompt_rows[];
MUST_CHECK enum status chat_prompt_parse(const struct json *root, struct arena *arena,
                                         struct chat_request *out, struct reason *why);
