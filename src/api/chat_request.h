/* The body of POST /v1/chat/completions, checked and as plain values.
 *
 * Everything borrows from the JSON tree or lives in the arena. What is not given stays "absent", so
 * that the server can fill in its own defaults: absent numbers are negative (integers whose range
 * begins at 0 or 1) or NAN (floats). null counts as absent everywhere. Unknown fields are ignored,
 * as OpenAI's servers do; known ones that ask for something this version cannot do are refused. */
#pragma once

#include "base/arena.h"
#include "json/json.h"

enum {
    CHAT_STOP_MAX = 16,
    CHAT_N_MAX = 16,
    CHAT_BIAS_MOST = 100,
    CHAT_BIAS_COUNT_MAX = 1024,
    CHAT_IDS_MAX = 1024,
    CHAT_TOP_LOGPROBS_MAX = 20,
};

/* A picture, at its place in the request. */
struct chat_image {
    struct str url;   /* not empty; https:, http:, data:, file: or anything else: not looked at */
    const char *path; /* "messages[0].content[1].image_url.url" */
};

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

/* Token ids, not negative. */
struct chat_ids {
    const int32_t *ids;
    uint32_t count;
};

/* What is added to the logit of a token: -CHAT_BIAS_MOST to CHAT_BIAS_MOST. */
struct chat_bias {
    int32_t id; /* not negative */
    float bias;
};

/* What form the answer must have. */
enum chat_format { CHAT_FORMAT_TEXT, CHAT_FORMAT_JSON_OBJECT, CHAT_FORMAT_JSON_SCHEMA };

struct chat_request {
    struct str model; /* not empty */
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

    enum chat_format format;
    const struct json *schema; /* JSON_SCHEMA: an object; not checked further */

    const struct chat_image *images;
    const struct chat_video *videos;
    uint32_t image_count, video_count;

    bool stream, include_usage;
    int64_t max_tokens; /* ≥ 1; max_completion_tokens wins; -1: absent */
    int64_t min_tokens; /* ≥ 0, not above max_tokens if that is given; 0 if absent */
    int64_t n;          /* 1 to CHAT_N_MAX; 1 if absent */

    double temperature;                         /* 0 to 2 */
    double top_p;                               /* above 0, to 1 */
    double min_p;                               /* 0 to 1 */
    double presence_penalty, frequency_penalty; /* -2 to 2 */
    double repetition_penalty;                  /* above 0, to 10 */
    int64_t top_k; /* ≥ 0, 0: off (-1 in the request too); -1: absent */
    int64_t seed;  /* any, if has_seed */
    bool has_seed;

    struct str stop[CHAT_STOP_MAX]; /* not empty */
    uint32_t stop_count;

    const struct chat_bias *biases;
    uint32_t bias_count;
    struct chat_ids stop_ids; /* tokens that end the answer */
    struct chat_ids allowed;  /* the only tokens that may be drawn; none: all */
    bool logprobs;
    int64_t top_logprobs; /* 0 to CHAT_TOP_LOGPROBS_MAX; 0 without logprobs */

    bool no_thinking;        /* enable_thinking is false */
    int64_t thinking_budget; /* tokens of reasoning, ≥ 0; -1: absent */

    bool ignore_eos, return_token_ids;
    bool add_generation_prompt; /* true if absent */
    bool add_vision_id;         /* chat_template_kwargs.add_vision_id */
};

/* `root` may be any JSON value; it and the arena outlive *out. On failure the subject is the JSON
 * path of what is wrong, and the message says what was expected there; the body itself has an empty
 * path. A picture's `detail` is checked and changes nothing. Codes: missing_field invalid_type
 * invalid_value unknown_content_part unknown_role memory_full (the arena is full). */
MUST_CHECK enum status chat_request_parse(const struct json *root, struct arena *arena,
                                          struct chat_request *out, struct reason *why);
