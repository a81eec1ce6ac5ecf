/* The first frame of a GIF by giflib, on its screen. */
#include "image/decode.h"

#include <stdlib.h>

#include <gif_lib.h>

struct gif {
    GifFileType *file;
    const uint8_t *at, *end;
    int transparent; /* index, or NO_TRANSPARENT_COLOR */
    uint8_t *line;
};

static int on_read(GifFileType *file, GifByteType *out, int len)
{
    struct gif *g = file->UserData;
    const size_t left = (size_t)(g->end - g->at);
    const int n = (size_t)len < left ? len : (int)left;
    memcpy(out, g->at, (size_t)n);
    g->at += n;
    return n;
}

/* `error` is giflib's. */
static enum status refuse(struct decode *d, int error)
{
    if (error == D_GIF_ERR_NOT_ENOUGH_MEM)
        return reason_no_memory(d->why, d->len);
    return decode_broken(d, "GIF", "its data are cut or damaged", "数据不完整或已损坏");
}

static bool read_extension(struct gif *g)
{
    int code;
    GifByteType *block;
    if (DGifGetExtension(g->file, &code, &block) == GIF_ERROR)
        return false;
    while (block) {
        GraphicsControlBlock control;
        if (code == GRAPHICS_EXT_FUNC_CODE &&
            DGifExtensionToGCB(block[0], block + 1, &control) == GIF_OK)
            g->transparent = control.TransparentColor;
        if (DGifGetExtensionNext(g->file, &block) == GIF_ERROR)
            return false;
    }
    return true;
}

/* Moves to the first image descriptor. */
static bool find_frame(struct gif *g)
{
    for (;;) {
        GifRecordType type;
        if (DGifGetRecordType(g->file, &type) == GIF_ERROR)
            return false;
        if (type == IMAGE_DESC_RECORD_TYPE)
            return DGifGetImageDesc(g->file) == GIF_OK;
        if (type != EXTENSION_RECORD_TYPE || !read_extension(g))
            return false;
    }
}

/* RGB of an index: transparent is white, beyond the palette black, no palette grey. */
static void lookup(const struct gif *g, const ColorMapObject *map, int index, uint8_t *rgb)
{
    if (index == g->transparent) {
        memset(rgb, 255, 3);
    } else if (!map) {
        memset(rgb, index, 3);
    } else if (index >= map->ColorCount) {
        memset(rgb, 0, 3);
    } else {
        const GifColorType c = map->Colors[index];
        rgb[0] = c.Red;
        rgb[1] = c.Green;
        rgb[2] = c.Blue;
    }
}

/* Around the frame the screen shows the transparent index if there is one, else index 0. */
static void fill(const struct gif *g, const ColorMapObject *map, struct image *out)
{
    uint8_t rgb[3];
    lookup(g, map, g->transparent == NO_TRANSPARENT_COLOR ? 0 : g->transparent, rgb);
    for (size_t i = 0; i < (size_t)out->width * out->height; i++)
        memcpy(out->rgb + i * 3, rgb, 3);
}

static bool read_line(struct gif *g, const ColorMapObject *map, int y, struct image *out)
{
    const GifImageDesc *frame = &g->file->Image;
    if (DGifGetLine(g->file, g->line, frame->Width) == GIF_ERROR)
        return false;
    uint8_t *to = out->rgb + ((size_t)(frame->Top + y) * out->width + (size_t)frame->Left) * 3;
    for (int x = 0; x < frame->Width; x++, to += 3)
        lookup(g, map, g->line[x], to);
    return true;
}

static bool read_lines(struct gif *g, const ColorMapObject *map, struct image *out)
{
    static const struct {
        int first, step;
    } passes[] = {{0, 8}, {4, 8}, {2, 4}, {1, 2}};
    const GifImageDesc *frame = &g->file->Image;
    if (!frame->Interlace) {
        for (int y = 0; y < frame->Height; y++)
            if (!read_line(g, map, y, out))
                return false;
        return true;
    }
    for (size_t p = 0; p < ARRAY_LEN(passes); p++)
        for (int y = passes[p].first; y < frame->Height; y += passes[p].step)
            if (!read_line(g, map, y, out))
                return false;
    return true;
}

static uint64_t larger(int a, int b)
{
    return (uint64_t)(a > b ? a : b);
}

static enum status decode(struct decode *d, struct gif *g, struct image *out)
{
    if (!find_frame(g))
        return refuse(d, g->file->Error);
    const GifImageDesc *frame = &g->file->Image;
    if (frame->Width <= 0 || frame->Height <= 0)
        return decode_broken(d, "GIF", "its first frame has no pixels", "第一帧没有像素");
    const enum status status =
        decode_allocate(d, larger(g->file->SWidth, frame->Left + frame->Width),
                        larger(g->file->SHeight, frame->Top + frame->Height), out);
    if (status)
        return status;
    g->line = malloc((size_t)frame->Width + 1);
    if (!g->line)
        return reason_no_memory(d->why, (size_t)frame->Width);
    const ColorMapObject *map = frame->ColorMap ? frame->ColorMap : g->file->SColorMap;
    fill(g, map, out);
    return read_lines(g, map, out) ? STATUS_OK : refuse(d, g->file->Error);
}

/* Opening fails alike for broken data and for a lack of memory, of which it needs a few KiB. */
static void open_file(struct decode *d, struct gif *g, int *error)
{
    for (int attempt = 0; attempt < 2 && !g->file; attempt++) {
        g->at = d->bytes;
        g->file = DGifOpen(g, on_read, error);
    }
}

enum status gif_decode(struct decode *d, struct image *out)
{
    struct gif g = {NULL, d->bytes, d->bytes + d->len, NO_TRANSPARENT_COLOR, NULL};
    int error;
    open_file(d, &g, &error);
    if (!g.file)
        return refuse(d, error);
    const enum status status = decode(d, &g, out);
    DGifCloseFile(g.file, &error);
    free(g.line);
    return status;
}
