#include "server/pictures.h"

#include "base/clock.h"
#include "server/media.h"
#include "server/video.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

struct loader {
    const struct picture_limits *limits;
    uint64_t pixels_left;
    int64_t video_end_ns; /* of the monotonic clock */
    struct buf bytes;     /* of the file that is decoded */
};

/* What a host sent is not what its URL seems to promise. */
static void add_source(const struct fetched *file, struct reason *why)
{
    const char *comma = file->type[0] ? ", " : "";
    reason_context(why, "%s%s%s", "%s%s%s", file->source, comma, file->type);
}

static enum status load_image(struct loader *loader, const struct chat_image *source,
                              struct image *out, struct reason *why)
{
    const struct fetched *file = remote_find(loader->limits->remote, source->url, FETCH_PICTURE);
    const struct buf *bytes = file ? &file->bytes : &loader->bytes;
    enum status status = STATUS_OK;
    buf_clear(&loader->bytes);
    if (!file)
        status = media_read_picture(source->url, loader->limits->file_root, &loader->bytes, why);
    if (status == STATUS_OK) {
        const struct image_limits limits = {loader->pixels_left, loader->limits->file_bytes};
        status = image_decode((const uint8_t *)bytes->data, bytes->len, &limits, out, why);
        if (status != STATUS_OK && file)
            add_source(file, why);
    }
    if (status == STATUS_OK)
        loader->pixels_left -= (uint64_t)out->width * out->height;
    else
        reason_subject(why, "%s", source->path);
    return status;
}

/* A request may ask for less than the usual most, not for more. */
static struct pixel_sizes budget_of(const struct chat_image *source,
                                    const struct picture_limits *limits)
{
    const struct pixel_sizes own = limits->model->config.image, set = limits->budget;
    const uint64_t most = set.max_pixels ? set.max_pixels : own.max_pixels;
    struct pixel_sizes budget = {
        .min_pixels = set.min_pixels ? set.min_pixels : own.min_pixels,
        .max_pixels = most,
    };
    if (source->max_pixels > 0 && (uint64_t)source->max_pixels < most)
        budget.max_pixels = (uint64_t)source->max_pixels;
    if (source->low && budget.max_pixels > CHAT_LOW_PIXELS)
        budget.max_pixels = CHAT_LOW_PIXELS;
    if (source->min_pixels > 0)
        budget.min_pixels = (uint64_t)source->min_pixels;
    if (budget.min_pixels > budget.max_pixels)
        budget.min_pixels = budget.max_pixels;
    return budget;
}

static enum status load_images(struct loader *loader, const struct chat_request *request,
                               struct pictures *out, struct reason *why)
{
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < request->image_count && status == STATUS_OK; i++) {
        out->images[i].budget = budget_of(&request->images[i], loader->limits);
        status = load_image(loader, &request->images[i], &out->images[i].image, why);
    }
    return status;
}

static enum status load_frames(struct loader *loader, const struct chat_video *source,
                               struct prompt_video *out, struct reason *why)
{
    struct image *frames = calloc(source->frame_count, sizeof *frames);
    double *times = calloc(source->frame_count, sizeof *times);
    out->frames = frames;
    out->frame_times = times;
    if (!frames || !times)
        return reason_no_memory(why, source->frame_count * sizeof *frames);
    out->count = source->frame_count;
    const double fps = isnan(source->fps) ? loader->limits->frames_fps : source->fps;
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < source->frame_count && status == STATUS_OK; i++) {
        times[i] = i / fps;
        status = load_image(loader, &source->frames[i], &frames[i], why);
    }
    return status;
}

static struct video_sampling sampling_of(const struct loader *loader,
                                         const struct chat_video *source)
{
    struct video_sampling sampling = loader->limits->sampling;
    if (!isnan(source->fps))
        sampling.fps = source->fps;
    if (source->max_frames >= 0 && source->max_frames < sampling.max_frames)
        sampling.max_frames = (uint32_t)source->max_frames;
    return sampling;
}

static enum status load_file(struct loader *loader, const struct chat_video *source,
                             struct prompt_video *out, struct reason *why)
{
    const struct picture_limits *limits = loader->limits;
    const struct video_sampling sampling = sampling_of(loader, source);
    const struct video_limits video = {.pixels = limits->pixels,
                                       .kept_pixels = loader->pixels_left,
                                       .end_ns = loader->video_end_ns,
                                       .cancelled = limits->cancelled};
    const struct fetched *file = remote_find(limits->remote, source->url, FETCH_VIDEO);
    int fd = file ? file->fd : -1;
    enum status status = STATUS_OK;
    if (!file)
        status = media_open_video(source->url, limits->file_root, limits->video_bytes, &fd, why);
    if (status == STATUS_OK)
        status = video_load(fd, &sampling, limits->model, &video, out, why);
    if (file && status != STATUS_OK)
        add_source(file, why);
    if (!file && fd >= 0)
        close(fd);
    for (uint32_t i = 0; i < out->count; i++)
        loader->pixels_left -= (uint64_t)out->frames[i].width * out->frames[i].height;
    if (status != STATUS_OK)
        reason_subject(why, "%s", source->path);
    return status;
}

enum status pictures_load(const struct chat_request *request, const struct picture_limits *limits,
                          struct pictures *out, struct reason *why)
{
    *out = (struct pictures){
        .images = calloc(request->image_count + 1, sizeof *out->images),
        .videos = calloc(request->video_count + 1, sizeof *out->videos),
        .image_count = request->image_count,
        .video_count = request->video_count,
    };
    if (!out->images || !out->videos) {
        out->image_count = out->video_count = 0;
        return reason_no_memory(why, sizeof *out->images);
    }
    struct loader loader = {
        .limits = limits,
        .pixels_left = limits->pixels,
        .video_end_ns = clock_ns(&clock_system) + limits->video_ms * 1000000,
    };
    buf_init(&loader.bytes, limits->file_bytes);
    enum status status = load_images(&loader, request, out, why);
    for (uint32_t i = 0; i < request->video_count && status == STATUS_OK; i++) {
        const struct chat_video *video = &request->videos[i];
        status = video->url.len > 0 ? load_file(&loader, video, &out->videos[i], why)
                                    : load_frames(&loader, video, &out->videos[i], why);
    }
    buf_release(&loader.bytes);
    return status;
}

void pictures_release(struct pictures *pictures)
{
    for (uint32_t i = 0; i < pictures->image_count; i++)
        image_release(&pictures->images[i].image);
    for (uint32_t i = 0; i < pictures->video_count; i++)
        video_release(&pictures->videos[i]);
    free(pictures->images);
    free(pictures->videos);
}
