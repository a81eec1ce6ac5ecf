#include "image/ppm.h"

#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>

static enum status broken(struct reason *why)
{
    reason_set(why, "invalid_video", "The decoder of the video gave something else than pictures.",
               "视频解码器输出的不是图像。");
    return STATUS_INVALID;
}

static enum status begin_picture(struct ppm_reader *reader, uint64_t width, uint64_t height,
                                 struct reason *why)
{
    if (width == 0 || height == 0)
        return broken(why);
    if (width > reader->max_pixels || height > reader->max_pixels / width) {
        reason_set(why, "invalid_video",
                   "The video has %llu × %llu pixels; at most %llu in all are allowed.",
                   "视频为 %llu × %llu 像素；总像素数最多允许 %llu。", (unsigned long long)width,
                   (unsigned long long)height, (unsigned long long)reader->max_pixels);
        return STATUS_LIMIT;
    }
    reader->picture = (struct image){
        .width = (uint32_t)width, .height = (uint32_t)height, .rgb = malloc(width * height * 3)};
    reader->filled = 0;
    return reader->picture.rgb ? STATUS_OK : reason_no_memory(why, width * height * 3);
}

/* Takes bytes of "P6\nWIDTH HEIGHT\n255\n"; how many is added to *used. */
static enum status read_head(struct ppm_reader *reader, struct str bytes, size_t *used,
                             struct reason *why)
{
    for (; *used < bytes.len && !reader->picture.rgb; ++*used) {
        if (reader->head_len == PPM_HEAD_BYTES - 1)
            return broken(why);
        reader->head[reader->head_len++] = bytes.ptr[*used];
        reader->head[reader->head_len] = '\0';
        int lines = 0;
        for (size_t i = 0; i < reader->head_len; i++)
            lines += reader->head[i] == '\n';
        if (lines < 3)
            continue;
        unsigned width, height;
        int end = 0;
        if (sscanf(reader->head, "P6 %9u %9u 255%n", &width, &height, &end) != 2 ||
            (size_t)end + 1 != reader->head_len)
            return broken(why);
        reader->head_len = 0;
        const enum status status = begin_picture(reader, width, height, why);
        if (status)
            return status;
    }
    return STATUS_OK;
}

static enum status read_pixels(struct ppm_reader *reader, struct str bytes, size_t *used,
                               struct reason *why)
{
    const size_t whole = (size_t)reader->picture.width * reader->picture.height * 3;
    const struct str rest = str_slice(bytes, *used, *used + whole - reader->filled);
    memcpy(reader->picture.rgb + reader->filled, rest.ptr, rest.len);
    reader->filled += rest.len;
    *used += rest.len;
    if (reader->filled < whole)
        return STATUS_OK;
    struct image picture = reader->picture;
    reader->picture = (struct image){0};
    return reader->on_picture(reader->arg, &picture, why);
}

enum status ppm_reader_add(struct ppm_reader *reader, const void *bytes, size_t len,
                           struct reason *why)
{
    const struct str all = {bytes, len};
    enum status status = STATUS_OK;
    for (size_t used = 0; used < len && status == STATUS_OK;) {
        status = read_head(reader, all, &used, why);
        if (status == STATUS_OK && used < len)
            status = read_pixels(reader, all, &used, why);
    }
    return status;
}

bool ppm_reader_is_between(const struct ppm_reader *reader)
{
    return reader->head_len == 0 && !reader->picture.rgb;
}

void ppm_reader_release(struct ppm_reader *reader)
{
    image_release(&reader->picture);
}
