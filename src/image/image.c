#include "image/image.h"

#include "image/decode.h"

#include <stdlib.h>

static const struct format {
    const char *name;
    enum status (*decode)(struct decode *, struct image *);
    struct str magic;
} formats[] = {
    {"jpeg", jpeg_decode, {"\xFF\xD8\xFF", 3}},
    {"png", png_decode, {"\x89PNG\r\n\x1A\n", 8}},
    {"gif", gif_decode, {"GIF87a", 6}},
    {"gif", gif_decode, {"GIF89a", 6}},
    {"bmp", bmp_decode, {"BM", 2}},
    {"webp", webp_decode, {"RIFF", 4}},
};

static const struct format *find_format(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        const struct format *f = &formats[i];
        if (len < f->magic.len || memcmp(bytes, f->magic.ptr, f->magic.len) != 0)
            continue;
        const bool riff = f->decode == webp_decode;
        if (!riff || (len >= 12 && memcmp(bytes + 8, "WEBP", 4) == 0))
            return f;
    }
    return NULL;
}

const char *image_format(const uint8_t *bytes, size_t len)
{
    const struct format *f = find_format(bytes, len);
    return f ? f->name : NULL;
}

enum status decode_broken(struct decode *d, const char *format, const char *en, const char *zh)
{
    reason_set(d->why, "invalid_image", "The %s picture is broken: %s%.0s.",
               "%s 图片已损坏：%.0s%s。", format, en, zh);
    reason_hint(d->why, "Open the picture in a viewer and save it again.",
                "请用看图软件打开该图片并重新保存。");
    return STATUS_INVALID;
}

enum status decode_check_size(struct decode *d, uint64_t width, uint64_t height)
{
    if (width <= d->limits->max_pixels && height <= d->limits->max_pixels &&
        width * height <= d->limits->max_pixels && width <= 1 << 20 && height <= 1 << 20)
        return STATUS_OK;
    reason_set(d->why, "image_too_large",
               "The picture has %llu × %llu pixels; at most %llu in all are allowed.",
               "图片为 %llu × %llu 像素；总像素数最多允许 %llu。", (unsigned long long)width,
               (unsigned long long)height, (unsigned long long)d->limits->max_pixels);
    reason_hint(d->why, "Make the picture smaller before sending it.", "请先缩小图片再发送。");
    return STATUS_LIMIT;
}

enum status decode_allocate(struct decode *d, uint64_t width, uint64_t height, struct image *out)
{
    const enum status status = decode_check_size(d, width, height);
    if (status)
        return status;
    out->width = (uint32_t)width;
    out->height = (uint32_t)height;
    out->rgb = malloc((size_t)width * height * 3);
    return out->rgb ? STATUS_OK : reason_no_memory(d->why, (size_t)width * height * 3);
}

/* Each product keeps 7 further bits, the division by 255 is rounded (Pillow's AlphaComposite.c with
 * an opaque background). */
static uint8_t blend_on_white(uint32_t value, uint32_t alpha)
{
    const uint32_t sum = value * alpha * 128 + 255 * (255 - alpha) * 128 + (0x80 << 7);
    return (uint8_t)((((sum >> 8) + sum) >> 8) >> 7);
}

void decode_on_white(const uint8_t *rgba, uint8_t *rgb, size_t pixels)
{
    for (size_t i = 0; i < pixels; i++, rgba += 4, rgb += 3)
        for (int c = 0; c < 3; c++)
            rgb[c] = rgba[3] == 255 ? rgba[c] : blend_on_white(rgba[c], rgba[3]);
}

static enum status refuse_unknown(const uint8_t *bytes, size_t len, struct reason *why)
{
    static const struct {
        size_t at;
        struct str magic;
        const char *name;
    } others[] = {
        {0, {"II*\0", 4}, "TIFF"},    {0, {"MM\0*", 4}, "TIFF"},       {4, {"ftypavif", 8}, "AVIF"},
        {4, {"ftypheic", 8}, "HEIC"}, {4, {"ftypmif1", 8}, "HEIF"},    {0, {"%PDF", 4}, "PDF"},
        {0, {"\0\0\1\0", 4}, "ICO"},  {0, {"\xFF\x0A", 2}, "JPEG XL"}, {0, {"<svg", 4}, "SVG"},
        {0, {"8BPS", 4}, "PSD"},
    };
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        const size_t at = others[i].at, n = others[i].magic.len;
        if (len < at + n || memcmp(bytes + at, others[i].magic.ptr, n) != 0)
            continue;
        reason_set(why, "unsupported_image", "The picture is %s, which is not supported.",
                   "图片格式为 %s，暂不支持。", others[i].name);
        reason_hint(why, "Send JPEG, PNG, WebP, GIF or BMP.",
                    "请发送 JPEG、PNG、WebP、GIF 或 BMP。");
        return STATUS_INVALID;
    }
    reason_set(why, "image_not_an_image", "The data are not a picture of any known format.",
               "数据不是任何已知格式的图片。");
    reason_hint(why, "Send JPEG, PNG, WebP, GIF or BMP.", "请发送 JPEG、PNG、WebP、GIF 或 BMP。");
    return STATUS_INVALID;
}

enum status image_decode(const uint8_t *bytes, size_t len, const struct image_limits *limits,
                         struct image *out, struct reason *why)
{
    *out = (struct image){0};
    if (len > limits->max_bytes) {
        reason_set(why, "image_too_large", "The picture has %zu bytes; at most %llu are allowed.",
                   "图片大小为 %zu 字节；最多允许 %llu 字节。", len,
                   (unsigned long long)limits->max_bytes);
        return STATUS_LIMIT;
    }
    const struct format *format = find_format(bytes, len);
    if (!format)
        return refuse_unknown(bytes, len, why);
    struct decode d = {bytes, len, limits, 0, why};
    enum status status = format->decode(&d, out);
    if (!status)
        status = decode_orient(out, d.orientation, why);
    if (status)
        image_release(out);
    return status;
}

void image_release(struct image *image)
{
    free(image->rgb);
    *image = (struct image){0};
}
