/* The pictures and videos of a chat request, from their URLs to pixels. For a worker thread. */
#pragma once

#include "api/chat_request.h"
#include "engine/prompt.h"
#include "image/video.h"
#include "server/remote.h"

#include <stdatomic.h>

struct picture_limits {
    uint64_t file_bytes; /* of one file */
    uint64_t pixels;     /* of all pictures of a request together, as they are coded */
    struct pixel_sizes budget;
    const char *file_root;          /* "": no file: URLs */
    const struct remote *remote;    /* what was fetched; NULL: nothing */
    double frames_fps;              /* of videos given as frames that do not say it */
    struct video_sampling sampling; /* of video files */
    uint64_t video_bytes;           /* of one file */
    int64_t video_ms;               /* for all video files of a request together */
    const struct model *model;      /* says how large frames are kept */
    const atomic_bool *cancelled;   /* nobody waits any more */
};

struct pictures {
    struct prompt_picture *images; /* [request->image_count] */
    struct prompt_video *videos;   /* [request->video_count] */
    uint32_t image_count, video_count;
};

/* Decodes all; the subject of a failure is the path of the picture in the request. Codes: those of
 * media.h, image.h and video.h. `out` must be released in any case. */
MUST_CHECK enum status pictures_load(const struct chat_request *request,
                                     const struct picture_limits *limits, struct pictures *out,
                                     struct reason *why);
void pictures_release(struct pictures *pictures);
