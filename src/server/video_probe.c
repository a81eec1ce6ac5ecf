#include "server/video_tool.h"

#include "json/json.h"

#include <stdio.h>
#include <stdlib.h>

enum { REPORT_BYTES = 64 << 10, FPS_MAX = 240 };

static bool keep(void *arg, const void *bytes, size_t len)
{
    struct buf *report = arg;
    buf_add(report, bytes, len);
    return !report->failed;
}

/* "90"; 0 if it is something else. */
static uint32_t count_of(const struct json *text)
{
    char digits[24];
    if (!json_is(text, JSON_STRING) || text->text.len >= sizeof digits)
        return 0;
    memcpy(digits, text->text.ptr, text->text.len);
    digits[text->text.len] = '\0';
    char *end;
    const unsigned long long n = strtoull(digits, &end, 10);
    return *end || n > UINT32_MAX ? 0 : (uint32_t)n;
}

/* "30000/1001"; 0 if it is something else, or not a rate. */
static double rate_of(const struct json *text)
{
    char digits[48];
    if (!json_is(text, JSON_STRING) || text->text.len >= sizeof digits)
        return 0;
    memcpy(digits, text->text.ptr, text->text.len);
    digits[text->text.len] = '\0';
    char *slash;
    const double above = strtod(digits, &slash);
    const double below = *slash == '/' ? strtod(slash + 1, NULL) : 0;
    return above > 0 && below > 0 ? above / below : 0;
}

/* The average; where the container has none, the base rate, unless it is only the tick of a clock.
 */
static double fps_of(const struct json *stream)
{
    const double average = rate_of(json_get(stream, "avg_frame_rate"));
    const double base = rate_of(json_get(stream, "r_frame_rate"));
    return average > 0 ? average : base <= FPS_MAX ? base : 0;
}

static enum status read_report(struct buf *report, bool count, struct video_facts *out,
                               struct reason *why)
{
    struct arena arena;
    struct json *root;
    arena_init(&arena, 1 << 20);
    enum status status =
        json_parse(report->data, report->len, (struct json_limits){0}, &arena, &root, why);
    const struct json *streams = status ? NULL : json_get(root, "streams");
    const struct json *stream = json_is(streams, JSON_ARRAY) ? streams->first : NULL;
    if (stream) {
        out->frames = count_of(json_get(stream, count ? "nb_read_frames" : "nb_frames"));
        out->fps = fps_of(stream);
    } else if (status != STATUS_NO_MEMORY) {
        reason_set(why, "invalid_video", "ffprobe finds no video stream in the file.",
                   "ffprobe 在文件中找不到视频流。");
        status = STATUS_INVALID;
    }
    arena_release(&arena);
    return status;
}

static enum status run(int fd, bool count, const struct video_limits *limits, struct buf *report,
                       struct reason *why)
{
    char max_pixels[24];
    snprintf(max_pixels, sizeof max_pixels, "%llu", (unsigned long long)limits->pixels);
    const char *argv[] = {"ffprobe",
                          "-v",
                          "error",
                          "-protocol_whitelist",
                          VIDEO_TOOL_PROTOCOLS,
                          "-format_whitelist",
                          VIDEO_TOOL_FORMATS,
                          "-max_pixels",
                          max_pixels,
                          "-threads",
                          "2",
                          "-select_streams",
                          "V:0",
                          "-show_entries",
                          "stream=nb_frames,nb_read_frames,avg_frame_rate,r_frame_rate",
                          "-of",
                          "json",
                          count ? "-count_frames" : "-hide_banner",
                          "-i",
                          VIDEO_TOOL_INPUT,
                          NULL};
    struct process_result result;
    const enum status status = video_tool_run(argv, fd, limits, keep, report, &result, why);
    if (status == STATUS_OK && report->failed)
        return reason_no_memory(why, REPORT_BYTES);
    return status ? status : video_tool_failure(&result, why);
}

enum status video_probe(int fd, bool count, const struct video_limits *limits,
                        struct video_facts *out, struct reason *why)
{
    struct buf report;
    buf_init(&report, REPORT_BYTES);
    enum status status = run(fd, count, limits, &report, why);
    if (status == STATUS_OK)
        status = read_report(&report, count, out, why);
    buf_release(&report);
    return status;
}
