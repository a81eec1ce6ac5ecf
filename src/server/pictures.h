/* The pictures of a chat request, from their URLs to pixels. For a worker thread. */
#pragma once

#include "api/chat_request.h"
#include "engine/prompt.h"

struct picture_limits {
    uint64_t file_bytes; /* of one file */
    uint64_t pixels;     /* of all pictures of a request together, as they are coded */
    double usual_fps;    /* of videos that do not say it */
    struct pixel_sizes budget;
};

struct pictures {
    struct prompt_picture *images; /* [request->image_count] */
    struct prompt_video *videos;   /* [request->video_count] */
    uint32_t image_count, video_count;
};

/* Decodes all; the subject of a failure is the path of the picture in the request. Codes: those of
 * data_url.h and image.h, image_fetch_disabled, image_scheme_not_supported, memory_full. `out` must
 * be released in any case. */
MUST_CHECK enum status pictures_load(const struct chat_request *request,
                                     const struct picture_limits *limits, struct pictures *out,
                                     struct reason *why);
void pictures_release(struct pictures *pictures);
