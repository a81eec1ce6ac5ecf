/* BMP as Pillow reads it: headers of OS/2 1.x, Windows 3 to V5; 1 to 32 bits; RLE; bit fields. */
#include "image/decode.h"

#include <stdlib.h>

enum { FILE_HEADER = 14, RGB = 0, RLE8 = 1, RLE4 = 2, BITFIELDS = 3 };

struct bmp {
    struct decode *d;
    uint32_t header_bytes, bits, compression, colours;
    uint32_t data;     /* offset of the pixels */
    uint32_t masks[4]; /* red, green, blue, alpha */
    uint8_t palette[256][3];
    bool top_down, alpha;
    struct image *out;
};

static uint32_t read16(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static uint32_t read32(const uint8_t *p)
{
    return read16(p) | read16(p + 2) << 16;
}

static enum status broken(struct decode *d, const char *en, const char *zh)
{
    return decode_broken(d, "BMP", en, zh);
}

static enum status cut(struct decode *d)
{
    return broken(d, "its data end too early", "数据过早结束");
}

static bool is_known_header(uint32_t n)
{
    return n == 12 || n == 40 || n == 52 || n == 56 || n == 64 || n == 108 || n == 124;
}

static enum status read_size(struct bmp *b)
{
    const uint8_t *p = b->d->bytes + FILE_HEADER;
    const bool old = b->header_bytes == 12;
    uint64_t width = old ? read16(p + 4) : read32(p + 4);
    uint64_t height = old ? read16(p + 6) : read32(p + 8);
    if (!old && height > INT32_MAX) {
        b->top_down = true;
        height = (uint64_t)1 << 32 > height ? ((uint64_t)1 << 32) - height : 0;
    }
    b->bits = read16(p + (old ? 10 : 14));
    b->compression = old ? RGB : read32(p + 16);
    b->colours = old ? 0 : read32(p + 32);
    if (width == 0 || height == 0)
        return broken(b->d, "it has no pixels", "没有像素");
    return decode_allocate(b->d, width, height, b->out);
}

/* The masks of 16 and 32 bits: fixed, or in or behind the header. */
static enum status read_masks(struct bmp *b)
{
    if (b->compression != BITFIELDS) {
        static const uint32_t rgb555[4] = {0x7C00, 0x03E0, 0x001F, 0};
        static const uint32_t rgb888[4] = {0xFF0000, 0x00FF00, 0x0000FF, 0};
        memcpy(b->masks, b->bits == 16 ? rgb555 : rgb888, sizeof b->masks);
        return STATUS_OK;
    }
    const size_t at = FILE_HEADER + 40;
    const size_t count = b->header_bytes >= 56 ? 4 : 3;
    if (b->d->len < at + count * 4)
        return cut(b->d);
    for (size_t i = 0; i < count; i++)
        b->masks[i] = read32(b->d->bytes + at + i * 4);
    b->alpha = b->masks[3] != 0;
    if (!b->masks[0] || !b->masks[1] || !b->masks[2])
        return broken(b->d, "its colour masks are empty", "颜色掩码为空");
    return STATUS_OK;
}

static enum status read_palette(struct bmp *b)
{
    const size_t entry = b->header_bytes == 12 ? 3 : 4;
    const size_t most = (size_t)1 << b->bits;
    const size_t count = b->colours && b->colours < most ? b->colours : most;
    const size_t at = FILE_HEADER + b->header_bytes;
    for (size_t i = 0; i < count; i++) {
        if (at + i * entry + 3 > b->d->len)
            return cut(b->d);
        const uint8_t *bgr = b->d->bytes + at + i * entry;
        for (int c = 0; c < 3; c++)
            b->palette[i][c] = bgr[2 - c];
    }
    return STATUS_OK;
}

static uint8_t *row_of(const struct bmp *b, size_t y)
{
    const size_t line = b->top_down ? y : b->out->height - 1 - y;
    return b->out->rgb + line * b->out->width * 3;
}

/* One sample of a pixel, scaled to 8 bits. */
static uint8_t sample(uint32_t pixel, uint32_t mask)
{
    if (!mask)
        return 0;
    const uint32_t low = mask & -mask;
    const uint64_t most = mask / low;
    return (uint8_t)((uint64_t)((pixel & mask) / low) * 255 / most);
}

static void masked_row(const struct bmp *b, const uint8_t *from, uint8_t *to)
{
    const size_t bytes = b->bits / 8;
    for (size_t x = 0; x < b->out->width; x++, from += bytes, to += 3) {
        const uint32_t pixel = bytes == 2 ? read16(from) : read32(from);
        uint8_t rgba[4] = {0, 0, 0, 255};
        for (int c = 0; c < 3 + b->alpha; c++)
            rgba[c] = sample(pixel, b->masks[c]);
        decode_on_white(rgba, to, 1);
    }
}

static void plain_row(const struct bmp *b, const uint8_t *from, uint8_t *to)
{
    if (b->bits == 24) {
        for (size_t x = 0; x < b->out->width; x++)
            for (int c = 0; c < 3; c++)
                to[x * 3 + (size_t)c] = from[x * 3 + 2 - (size_t)c];
        return;
    }
    if (b->bits > 8) {
        masked_row(b, from, to);
        return;
    }
    const uint32_t mask = (1u << b->bits) - 1;
    for (size_t x = 0; x < b->out->width; x++) {
        const size_t bit = x * b->bits;
        const uint32_t shift = 8 - b->bits - (uint32_t)(bit % 8);
        memcpy(to + x * 3, b->palette[from[bit / 8] >> shift & mask], 3);
    }
}

static enum status read_plain(struct bmp *b)
{
    const uint64_t stride = ((uint64_t)b->out->width * b->bits + 31) / 32 * 4;
    const uint64_t last = ((uint64_t)b->out->width * b->bits + 7) / 8; /* its padding may lack */
    if (b->data > b->d->len || stride * (b->out->height - 1) + last > b->d->len - b->data)
        return cut(b->d);
    for (size_t y = 0; y < b->out->height; y++)
        plain_row(b, b->d->bytes + b->data + stride * y, row_of(b, y));
    return STATUS_OK;
}

/* The cursor of a run-length coded picture. */
struct run {
    const uint8_t *at, *end;
    size_t x, y;
};

static void put(const struct bmp *b, struct run *r, uint32_t index)
{
    if (r->x < b->out->width && r->y < b->out->height)
        memcpy(row_of(b, r->y) + r->x * 3, b->palette[index], 3);
    r->x++;
}

/* n pixels taken from bytes: one a byte (RLE8), or two, the high half first (RLE4). */
static void put_run(const struct bmp *b, struct run *r, const uint8_t *bytes, size_t step, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (b->bits == 8)
            put(b, r, bytes[i * step]);
        else
            put(b, r, i % 2 ? bytes[i / 2 * step] & 15u : (uint32_t)bytes[i / 2 * step] >> 4);
    }
}

/* What follows a zero: end of line, end of picture, a move, or literal pixels padded to a word.
 * Returns false at the end of the picture or of the data. */
static bool escape(const struct bmp *b, struct run *r)
{
    const uint8_t code = *r->at++;
    if (code == 0) {
        r->x = 0;
        r->y++;
        return true;
    }
    if (code == 1)
        return false;
    if (code == 2) {
        if (r->end - r->at < 2)
            return false;
        r->x += r->at[0];
        r->y += r->at[1];
        r->at += 2;
        return true;
    }
    const size_t bytes = b->bits == 8 ? code : (code + 1u) / 2;
    if ((size_t)(r->end - r->at) < bytes)
        return false;
    put_run(b, r, r->at, 1, code);
    const size_t padded = (bytes + 1) / 2 * 2;
    r->at += (size_t)(r->end - r->at) < padded ? bytes : padded;
    return true;
}

static enum status read_runs(struct bmp *b)
{
    if (b->data > b->d->len)
        return cut(b->d);
    struct run r = {b->d->bytes + b->data, b->d->bytes + b->d->len, 0, 0};
    for (size_t i = 0; i < (size_t)b->out->width * b->out->height; i++)
        memcpy(b->out->rgb + i * 3, b->palette[0], 3);
    while (r.end - r.at >= 2 && r.y < b->out->height) {
        const uint8_t count = *r.at++;
        if (count) {
            put_run(b, &r, r.at++, 0, count);
            continue;
        }
        if (!escape(b, &r))
            return r.at[-1] == 1 ? STATUS_OK : cut(b->d);
    }
    return r.y + 1 >= b->out->height ? STATUS_OK : cut(b->d);
}

static enum status read_pixels(struct bmp *b)
{
    const bool runs =
        (b->compression == RLE8 && b->bits == 8) || (b->compression == RLE4 && b->bits == 4);
    const bool plain =
        b->compression == RGB || (b->compression == BITFIELDS && (b->bits == 16 || b->bits == 32));
    const bool bits = b->bits == 1 || b->bits == 4 || b->bits == 8 || b->bits == 16 ||
                      b->bits == 24 || b->bits == 32;
    if ((!runs && !plain) || !bits)
        return broken(b->d, "its number of bits or its compression is unknown",
                      "位数或压缩方式未知");
    const enum status status = b->bits <= 8 ? read_palette(b) : read_masks(b);
    if (status)
        return status;
    return runs ? read_runs(b) : read_plain(b);
}

enum status bmp_decode(struct decode *d, struct image *out)
{
    struct bmp b = {.d = d, .out = out};
    if (d->len < FILE_HEADER + 12)
        return cut(d);
    b.data = read32(d->bytes + 10);
    b.header_bytes = read32(d->bytes + FILE_HEADER);
    if (!is_known_header(b.header_bytes))
        return broken(d, "its header is of no known kind", "头部类型未知");
    if (d->len < FILE_HEADER + b.header_bytes)
        return cut(d);
    const enum status status = read_size(&b);
    return status ? status : read_pixels(&b);
}
