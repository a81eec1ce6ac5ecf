#include "server/pictures.h"

#include "api/data_url.h"

#include <math.h>
#include <stdlib.h>

struct loader {
    const struct picture_limits *limits;
    uint64_t pixels_left;
    struct buf bytes; /* of the file that is decoded */
};

static bool has_scheme(struct str url, const char *scheme)
{
    return str_ieq(str_slice(url, 0, strlen(scheme)), str_from(scheme));
}

/* Where the picture would have to be fetched from. */
static enum status refuse_url(struct str url, struct reason *why)
{
    if (has_scheme(url, "http://") || has_scheme(url, "https://")) {
        reason_set(why, "image_fetch_disabled",
                   "This service does not fetch pictures from the network.",
                   "本服务不会从网络获取图片。");
        reason_hint(why, "Send the picture itself as a data URL: data:image/png;base64,…",
                    "请以 data URL 的形式直接发送图片：data:image/png;base64,…");
        return STATUS_INVALID;
    }
    const char *colon = memchr(url.ptr, ':', url.len < 32 ? url.len : 32);
    if (!colon) {
        reason_set(why, "invalid_value", "The picture's URL has no scheme such as data:.",
                   "图片地址缺少 data: 这样的协议前缀。");
        return STATUS_INVALID;
    }
    reason_set(why, "image_scheme_not_supported",
               "Pictures come as data: URLs; the scheme %.*s is not supported.",
               "图片应以 data: URL 发送；不支持 %.*s 协议。", (int)(colon - url.ptr), url.ptr);
    return STATUS_INVALID;
}

static enum status load_image(struct loader *loader, const struct chat_image *source,
                              struct image *out, struct reason *why)
{
    buf_clear(&loader->bytes);
    enum status status = data_url_is(source->url)
                             ? data_url_decode(source->url, &loader->bytes, why)
                             : refuse_url(source->url, why);
    if (status == STATUS_OK) {
        const struct image_limits limits = {loader->pixels_left, loader->limits->file_bytes};
        status =
            image_decode((const uint8_t *)loader->bytes.data, loader->bytes.len, &limits, out, why);
    }
    if (status == STATUS_OK)
        loader->pixels_left -= (uint64_t)out->width * out->height;
    else
        reason_subject(why, "%s", source->path);
    return status;
}

static enum status load_images(struct loader *loader, const struct chat_request *request,
                               struct pictures *out, struct reason *why)
{
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < request->image_count && status == STATUS_OK; i++) {
        out->images[i].budget = loader->limits->budget;
        status = load_image(loader, &request->images[i], &out->images[i].image, why);
    }
    return status;
}

static enum status load_video(struct loader *loader, const struct chat_video *source,
                              struct prompt_video *out, struct reason *why)
{
    struct image *frames = calloc(source->frame_count, sizeof *frames);
    double *times = calloc(source->frame_count, sizeof *times);
    out->frames = frames;
    out->frame_times = times;
    if (!frames || !times)
        return reason_no_memory(why, source->frame_count * sizeof *frames);
    out->count = source->frame_count;
    const double fps = isnan(source->fps) ? loader->limits->usual_fps : source->fps;
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < source->frame_count && status == STATUS_OK; i++) {
        times[i] = i / fps;
        status = load_image(loader, &source->frames[i], &frames[i], why);
    }
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
    struct loader loader = {.limits = limits, .pixels_left = limits->pixels};
    buf_init(&loader.bytes, limits->file_bytes);
    enum status status = load_images(&loader, request, out, why);
    for (uint32_t i = 0; i < request->video_count && status == STATUS_OK; i++)
        status = load_video(&loader, &request->videos[i], &out->videos[i], why);
    buf_release(&loader.bytes);
    return status;
}

static void release_video(struct prompt_video *video)
{
    struct image *frames = (struct image *)(uintptr_t)video->frames;
    for (uint32_t i = 0; i < video->count; i++)
        image_release(&frames[i]);
    free(frames);
    free((void *)(uintptr_t)video->frame_times);
}

void pictures_release(struct pictures *pictures)
{
    for (uint32_t i = 0; i < pictures->image_count; i++)
        image_release(&pictures->images[i].image);
    for (uint32_t i = 0; i < pictures->video_count; i++)
        release_video(&pictures->videos[i]);
    free(pictures->images);
    free(pictures->videos);
}
