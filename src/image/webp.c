/* WebP by libwebp; of an animation the first frame on its canvas. */
#include "image/decode.h"

#include <stdlib.h>

#include <webp/decode.h>
#include <webp/demux.h>

static void see_chunk(struct decode *d, const WebPDemuxer *demux, const char *name,
                      void (*see)(struct decode *, struct str))
{
    WebPChunkIterator chunk;
    if (WebPDemuxGetChunk(demux, name, 1, &chunk)) {
        see(d, (struct str){(const char *)chunk.chunk.bytes, chunk.chunk.size});
        WebPDemuxReleaseChunkIterator(&chunk);
    }
}

static void see_metadata(struct decode *d, const WebPDemuxer *demux)
{
    see_chunk(d, demux, "EXIF", decode_see_exif);
    see_chunk(d, demux, "XMP ", decode_see_xmp);
}

/* Into rows of RGB or RGBA. */
static enum status decode_bitstream(struct decode *d, const uint8_t *bytes, size_t len, bool alpha,
                                    uint32_t width, uint32_t height, uint8_t *pixels)
{
    const size_t stride = (size_t)width * (alpha ? 4 : 3);
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config))
        return STATUS_INTERNAL;
    config.output.colorspace = alpha ? MODE_RGBA : MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA = (WebPRGBABuffer){pixels, (int)stride, stride * height};
    VP8StatusCode code = WebPDecode(bytes, len, &config);
    if (code == VP8_STATUS_BITSTREAM_ERROR) /* some tables found no memory? libwebp does not say */
        code = WebPDecode(bytes, len, &config);
    WebPFreeDecBuffer(&config.output);
    if (code == VP8_STATUS_OUT_OF_MEMORY)
        return reason_no_memory(d->why, stride * height);
    return code == VP8_STATUS_OK
               ? STATUS_OK
               : decode_broken(d, "WebP", "its data are cut or damaged", "数据不完整或已损坏");
}

static enum status decode_still(struct decode *d, bool alpha, struct image *out)
{
    const size_t pixels = (size_t)out->width * out->height;
    if (!alpha)
        return decode_bitstream(d, d->bytes, d->len, false, out->width, out->height, out->rgb);
    uint8_t *rgba = malloc(pixels * 4);
    if (!rgba)
        return reason_no_memory(d->why, pixels * 4);
    const enum status status =
        decode_bitstream(d, d->bytes, d->len, true, out->width, out->height, rgba);
    if (!status)
        decode_on_white(rgba, out->rgb, pixels);
    free(rgba);
    return status;
}

/* A frame at its place on the canvas, which is transparent: white. */
static enum status decode_frame(struct decode *d, const WebPIterator *frame, struct image *out)
{
    const uint32_t width = (uint32_t)frame->width, height = (uint32_t)frame->height;
    const size_t x = (size_t)frame->x_offset, y = (size_t)frame->y_offset;
    if (x + width > out->width || y + height > out->height)
        return decode_broken(d, "WebP", "its first frame lies outside of the picture",
                             "第一帧超出画布");
    uint8_t *rgba = malloc((size_t)width * height * 4);
    if (!rgba)
        return reason_no_memory(d->why, (size_t)width * height * 4);
    const enum status status =
        decode_bitstream(d, frame->fragment.bytes, frame->fragment.size, true, width, height, rgba);
    memset(out->rgb, 255, (size_t)out->width * out->height * 3);
    for (size_t row = 0; row < height && !status; row++)
        decode_on_white(rgba + row * width * 4, out->rgb + ((y + row) * out->width + x) * 3, width);
    free(rgba);
    return status;
}

static enum status decode_first_frame(struct decode *d, const WebPDemuxer *demux, struct image *out)
{
    WebPIterator frame;
    if (!demux || !WebPDemuxGetFrame(demux, 1, &frame))
        return decode_broken(d, "WebP", "its first frame is cut or damaged",
                             "第一帧不完整或已损坏");
    const enum status status = decode_frame(d, &frame, out);
    WebPDemuxReleaseIterator(&frame);
    return status;
}

/* libwebp does not say whether data or memory were at fault; it needs a few hundred bytes. */
static WebPDemuxer *demux_create(const WebPData *data)
{
    WebPDemuxer *demux = WebPDemux(data);
    return demux ? demux : WebPDemux(data);
}

enum status webp_decode(struct decode *d, struct image *out)
{
    WebPBitstreamFeatures features;
    if (WebPGetFeatures(d->bytes, d->len, &features) != VP8_STATUS_OK)
        return decode_broken(d, "WebP", "its header is cut or damaged", "头部不完整或已损坏");
    enum status status =
        decode_allocate(d, (uint64_t)features.width, (uint64_t)features.height, out);
    if (status)
        return status;
    const WebPData data = {d->bytes, d->len};
    WebPDemuxer *demux = demux_create(&data);
    if (demux)
        see_metadata(d, demux);
    status = features.has_animation ? decode_first_frame(d, demux, out)
                                    : decode_still(d, features.has_alpha, out);
    WebPDemuxDelete(demux);
    return status;
}
