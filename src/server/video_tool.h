/* ffprobe and ffmpeg as children: what both are told, and what their ends mean. Part of video.c. */
#pragma once

#include "os/process.h"
#include "server/video.h"

/* The last argument of both: the file is their standard input, which can be read at any place. */
#define VIDEO_TOOL_INPUT "file:/proc/self/fd/0"
/* Only this way of opening, and only formats that hold everything themselves: no playlists, no
 * lists of pictures. */
#define VIDEO_TOOL_PROTOCOLS "file"
#define VIDEO_TOOL_FORMATS   "mov,matroska,avi,mpegts,mpeg,mpegvideo,flv,ogg,gif,ivf,asf"

/* Runs `argv` (argv[0]: "ffprobe" or "ffmpeg"), on `fd`, and hands its output to `on_output`. A
 * tool that fails says so in `result`; see video_tool_failure. Codes: invalid_video (not
 * installed), process_failed. */
MUST_CHECK enum status video_tool_run(const char *const *argv, int fd,
                                      const struct video_limits *limits,
                                      process_output_fn *on_output, void *arg,
                                      struct process_result *result, struct reason *why);

/* Why a tool did not end well; STATUS_OK if it did. Codes: invalid_video, client_closed. */
MUST_CHECK enum status video_tool_failure(const struct process_result *result, struct reason *why);

/* What a tool complained about last, as one short printable line; may be empty. */
enum { VIDEO_TOOL_WORDS = 160 };
void video_tool_words(const struct process_result *result, char out[VIDEO_TOOL_WORDS]);

struct video_facts {
    uint32_t frames; /* of the first stream that is a video; 0: not said */
    double fps;      /* on average; 0: unknown */
};

/* Asks ffprobe. `count`: decodes all, and counts, instead of believing the container. Codes:
 * invalid_video, memory_full, client_closed, process_failed. */
MUST_CHECK enum status video_probe(int fd, bool count, const struct video_limits *limits,
                                   struct video_facts *out, struct reason *why);
