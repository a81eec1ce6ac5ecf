/* A video file, to the frames that the model looks at.
 *
 * ffprobe says how many frames there are, ffmpeg decodes those that video_sample_indices chooses;
 * both are children under limits (os/process.h) that read one descriptor, open no network, and know
 * no format that leads to other files. Each frame is brought to the size the model wants as it
 * arrives, so that large ones are in memory one at a time. For a worker thread. */
#pragma once

#include "engine/prompt.h"
#include "image/video.h"

#include <stdatomic.h>

struct video_limits {
    uint64_t pixels;              /* of a frame as it is coded */
    uint64_t kept_pixels;         /* of all frames, as the model wants them */
    int64_t end_ns;               /* of the monotonic clock; no child runs longer */
    const atomic_bool *cancelled; /* nobody waits any more; NULL: somebody always does */
};

/* Takes what stands at the file's beginning or after; `out` must be released in any case. Codes:
 * invalid_video (also if ffmpeg is not installed), memory_full, client_closed (cancelled),
 * process_failed. */
MUST_CHECK enum status video_load(int fd, const struct video_sampling *sampling,
                                  const struct model *model, const struct video_limits *limits,
                                  struct prompt_video *out, struct reason *why);
/* Frames and times. */
void video_release(struct prompt_video *video);
