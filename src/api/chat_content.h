/* The content of one message: a string, or a list of parts. Part of chat_request.c. */
#pragma once

#include "api/chat_request.h"

enum chat_role { CHAT_SYSTEM, CHAT_USER, CHAT_ASSISTANT, CHAT_TOOL };

/* The pictures and videos found so far; the arrays grow in the arena. */
struct chat_media {
    struct arena *arena;
    struct chat_image *images;
    struct chat_video *videos;
    uint32_t image_count, video_count;
};

/* Makes `child` the last child of `parent`, whose last child so far is at *end; returns the new
 * end. `key` names a member; NULL for an element. */
struct json **chat_adopt(struct json *parent, struct json **end, const char *key,
                         struct json *child);

/* Checks `content` (a string or an array) and writes what the template reads to *out. Pictures and
 * videos may stand in messages of users and tools only: the templates leave them out of others. */
MUST_CHECK enum status chat_content_parse(const struct field *content, enum chat_role role,
                                          struct chat_media *media, struct json *out,
                                          struct reason *why);

/* invalid_value at `min_pixels` of the object if that is above max_pixels. Either may be -1. */
MUST_CHECK enum status chat_pixels_check(const struct field *object, int64_t min_pixels,
                                         int64_t max_pixels, struct reason *why);
