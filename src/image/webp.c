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

static void see_metadata(struct decode *d, const WebPData *data)
{
    WebPDemuxer *demux = WebPDemux(data);
    if (!demux)
        return;
    see_chunk(d, demux, "EXIF", decode_see_exif);
    see_chunk(d, demux, "XMP ", decode_see_xmp);
    WebPDemuxDelete(demux);
}

static enum status decode_still(struct decode *d, bool alpha, struct image *out)
{
    const size_t pixels = (size_t)out->width * out->height;
    const int stride = (int)(out->width * (alpha ? 4 : 3));
    uint8_t *rgba = alpha ? malloc(pixels * 4) : NULL;
    if (alpha && !rgba)
        return reason_no_memory(d->why, pixels * 4);
    const uint8_t *done = alpha ? WebPDecodeRGBAInto(d->bytes, d->len, rgba, pixels * 4, stride)
                                : WebPDecodeRGBInto(d->bytes, d->len, out->rgb, pixels * 3, stride);
    if (done && alpha)
        decode_on_white(rgba, out->rgb, pixels);
    free(rgba);
    return done ? STATUS_OK
                : decode_broken(d, "WebP", "its data are cut or damaged", "数据不完整或已损坏");
}

static enum status decode_first_frame(struct decode *d, const WebPData *data, struct image *out)
{
    WebPAnimDecoderOptions options;
    if (!WebPAnimDecoderOptionsInit(&options))
        return STATUS_INTERNAL;
    options.color_mode = MODE_RGBA;
    WebPAnimDecoder *decoder = WebPAnimDecoderNew(data, &options);
    uint8_t *rgba;
    int timestamp;
    enum status status = STATUS_OK;
    if (!decoder || !WebPAnimDecoderGetNext(decoder, &rgba, &timestamp))
        status =
            decode_broken(d, "WebP", "its first frame is cut or damaged", "第一帧不完整或已损坏");
    else
        decode_on_white(rgba, out->rgb, (size_t)out->width * out->height);
    WebPAnimDecoderDelete(decoder);
    return status;
}

enum status webp_decode(struct decode *d, struct image *out)
{
    WebPBitstreamFeatures features;
    if (WebPGetFeatures(d->bytes, d->len, &features) != VP8_STATUS_OK)
        return decode_broken(d, "WebP", "its header is cut or damaged", "头部不完整或已损坏");
    const enum status status =
        decode_allocate(d, (uint64_t)features.width, (uint64_t)features.height, out);
    if (status)
        return status;
    const WebPData data = {d->bytes, d->len};
    see_metadata(d, &data);
    return features.has_animation ? decode_first_frame(d, &data, out)
                                  : decode_still(d, features.has_alpha, out);
}
