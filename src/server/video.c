#include "server/video.h"

#include "image/ppm.h"
#include "image/resize.h"
#include "server/video_tool.h"

#include <stdio.h>
#include <stdlib.h>

struct loader {
    int fd;
    const struct video_sampling *sampling;
    const struct model *model;
    const struct video_limits *limits;
    struct prompt_video *out; /* count: frames so far */
    uint32_t wanted;
    uint32_t height, width; /* of the frames as they are kept */
    enum status status;     /* of the reading of frames */
    struct reason *why;     /* of `status` */
    struct ppm_reader reader;
};

void video_release(struct prompt_video *video)
{
    struct image *frames = (struct image *)(uintptr_t)video->frames;
    for (uint32_t i = 0; i < video->count; i++)
        image_release(&frames[i]);
    free(frames);
    free((void *)(uintptr_t)video->frame_times);
    *video = (struct prompt_video){0};
}

/* The first frame says what size all will have. */
static enum status plan(struct loader *loader, const struct image *frame, struct reason *why)
{
    struct prompt_video *out = loader->out;
    out->source_height = frame->height;
    out->source_width = frame->width;
    const enum status status =
        prompt_video_size(loader->model, loader->wanted, frame->height, frame->width,
                          &loader->height, &loader->width, why);
    const uint64_t pixels = (uint64_t)loader->wanted * loader->height * loader->width;
    if (status || pixels <= loader->limits->kept_pixels)
        return status;
    reason_set(why, "invalid_video", "The request's videos have too many pixels in all.",
               "请求中的视频总像素数过多。");
    reason_hint(why, "Send fewer videos, or ask for fewer frames of them by max_frames.",
                "请减少视频数量，或用 max_frames 减少所取的帧数。");
    return STATUS_LIMIT;
}

static enum status keep_frame(struct loader *loader, struct image *frame, struct reason *why)
{
    struct prompt_video *out = loader->out;
    struct image *kept = (struct image *)(uintptr_t)&out->frames[out->count];
    if (frame->height != out->source_height || frame->width != out->source_width) {
        reason_set(why, "invalid_video", "The frames of a video differ in size.",
                   "视频各帧的尺寸不一致。");
        return STATUS_INVALID;
    }
    if (frame->height == loader->height && frame->width == loader->width) {
        *kept = *frame;
        *frame = (struct image){0};
    } else {
        const enum status status = resize_bicubic(frame, loader->height, loader->width, kept, why);
        if (status)
            return status;
    }
    out->count++;
    return STATUS_OK;
}

static enum status on_frame(void *arg, struct image *frame, struct reason *why)
{
    struct loader *loader = arg;
    enum status status = STATUS_OK;
    if (loader->out->count == loader->wanted) {
        image_release(frame);
        return STATUS_OK;
    }
    if (loader->out->count == 0)
        status = plan(loader, frame, why);
    if (status == STATUS_OK)
        status = keep_frame(loader, frame, why);
    image_release(frame);
    return status;
}

static bool on_output(void *arg, const void *bytes, size_t len)
{
    struct loader *loader = arg;
    loader->status = ppm_reader_add(&loader->reader, bytes, len, loader->why);
    return loader->status == STATUS_OK;
}

/* "(eq(n,0)+(eq(n,16)+eq(n,31)))": as a tree, since ffmpeg takes no sum of more than 100. */
static void write_sum(const uint32_t *indices, uint32_t count, struct buf *out)
{
    if (count == 1) {
        buf_printf(out, "eq(n,%u)", indices[0]);
        return;
    }
    buf_putc(out, '(');
    write_sum(indices, count / 2, out);
    buf_putc(out, '+');
    write_sum(indices + count / 2, count - count / 2, out);
    buf_putc(out, ')');
}

/* The filter that lets the wanted frames pass. */
static enum status write_filter(const uint32_t *indices, uint32_t count, struct buf *out,
                                struct reason *why)
{
    buf_puts(out, "select='");
    write_sum(indices, count, out);
    buf_puts(out, "'");
    return out->failed ? reason_no_memory(why, out->len) : STATUS_OK;
}

static enum status run_ffmpeg(struct loader *loader, const char *filter,
                              struct process_result *result, struct reason *why)
{
    char max_pixels[24], wanted[16];
    snprintf(max_pixels, sizeof max_pixels, "%llu", (unsigned long long)loader->limits->pixels);
    snprintf(wanted, sizeof wanted, "%u", loader->wanted);
    const char *argv[] = {"ffmpeg",
                          "-nostdin",
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
                          "-i",
                          VIDEO_TOOL_INPUT,
                          "-map",
                          "0:V:0",
                          "-filter_threads",
                          "1",
                          "-vf",
                          filter,
                          "-fps_mode",
                          "passthrough",
                          "-frames:v",
                          wanted,
                          "-f",
                          "image2pipe",
                          "-c:v",
                          "ppm",
                          "pipe:1",
                          NULL};
    loader->status = STATUS_OK;
    loader->why = why;
    loader->reader = (struct ppm_reader){
        .max_pixels = loader->limits->pixels, .on_picture = on_frame, .arg = loader};
    enum status status =
        video_tool_run(argv, loader->fd, loader->limits, on_output, loader, result, why);
    ppm_reader_release(&loader->reader);
    if (status == STATUS_OK)
        status = loader->status;
    return status ? status : video_tool_failure(result, why);
}

static enum status prepare(struct loader *loader, uint32_t count, struct reason *why)
{
    video_release(loader->out);
    loader->wanted = count;
    loader->out->frames = calloc(count, sizeof *loader->out->frames);
    loader->out->frame_times = calloc(count, sizeof *loader->out->frame_times);
    return loader->out->frames && loader->out->frame_times
               ? STATUS_OK
               : reason_no_memory(why, count * sizeof *loader->out->frames);
}

static void set_times(struct prompt_video *out, const uint32_t *indices, uint32_t count, double fps)
{
    double *times = (double *)(uintptr_t)out->frame_times;
    for (uint32_t i = 0; i < count; i++)
        times[i] = indices[i] / video_known_fps(fps);
}

/* Decodes the frames that are sampled of so many; the stream may end before, see `result`. */
static enum status decode(struct loader *loader, const struct video_facts *facts,
                          struct process_result *result, struct reason *why)
{
    const uint32_t count = video_sample_count(loader->sampling, facts->frames, facts->fps);
    uint32_t *indices = calloc(count, sizeof *indices);
    struct buf filter;
    buf_init(&filter, 128 << 10); /* the longest argument that Linux passes on */
    enum status status =
        indices ? prepare(loader, count, why) : reason_no_memory(why, count * sizeof *indices);
    if (status == STATUS_OK) {
        video_sample_indices(facts->frames, count, indices);
        set_times(loader->out, indices, count, facts->fps);
        status = write_filter(indices, count, &filter, why);
    }
    if (status == STATUS_OK)
        status = run_ffmpeg(loader, filter.data, result, why);
    free(indices);
    buf_release(&filter);
    return status;
}

static enum status count_frames(struct loader *loader, struct video_facts *facts,
                                struct reason *why)
{
    const enum status status = video_probe(loader->fd, true, loader->limits, facts, why);
    if (status || facts->frames > 0)
        return status;
    reason_set(why, "invalid_video", "The video has no frame that can be decoded.",
               "视频中没有可解码的帧。");
    return STATUS_INVALID;
}

static enum status cut_short(const struct loader *loader, const struct process_result *result,
                             struct reason *why)
{
    char words[VIDEO_TOOL_WORDS];
    video_tool_words(result, words);
    reason_set(why, "invalid_video",
               "The video is cut or broken: %u of the %u frames to look at could be decoded%s%s.",
               "视频不完整或已损坏：只解码出 %u 帧，需要查看 %u 帧%s%s。", loader->out->count,
               loader->wanted, words[0] ? ": " : "", words);
    return STATUS_INVALID;
}

/* A container may announce frames that an edit list hides: then, without a complaint, fewer come,
 * and they are counted. With one, the file is broken. */
static enum status load(struct loader *loader, struct reason *why)
{
    struct video_facts facts = {0};
    struct process_result result;
    enum status status = video_probe(loader->fd, false, loader->limits, &facts, why);
    const bool announced = facts.frames > 0;
    if (status == STATUS_OK && !announced)
        status = count_frames(loader, &facts, why);
    if (status == STATUS_OK)
        status = decode(loader, &facts, &result, why);
    if (status || loader->out->count == loader->wanted)
        return status;
    if (!announced || result.errors[0])
        return cut_short(loader, &result, why);
    status = count_frames(loader, &facts, why);
    if (status == STATUS_OK)
        status = decode(loader, &facts, &result, why);
    return status || loader->out->count == loader->wanted ? status
                                                          : cut_short(loader, &result, why);
}

enum status video_load(int fd, const struct video_sampling *sampling, const struct model *model,
                       const struct video_limits *limits, struct prompt_video *out,
                       struct reason *why)
{
    *out = (struct prompt_video){0};
    struct loader loader = {
        .fd = fd, .sampling = sampling, .model = model, .limits = limits, .out = out};
    return load(&loader, why);
}
