/* PNG by libpng. Gamma, ICC, sRGB and cICP chunks change nothing. */
#include "image/decode.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <png.h>

enum { CHUNK_MAX_BYTES = 8 << 20, CHUNKS_MAX = 512 };

struct png {
    png_structp read;
    png_infop info;
    const uint8_t *at, *end;
    char message[160];
    bool no_memory;  /* libpng drops some chunks for lack of it, and goes on */
    uint8_t *pixels; /* RGBA or RGB rows */
    png_bytepp rows;
};

static void on_error(png_structp read, png_const_charp message)
{
    struct png *p = png_get_error_ptr(read);
    snprintf(p->message, sizeof p->message, "%s", message);
    png_longjmp(read, 1);
}

static void on_warning(png_structp read, png_const_charp message)
{
    (void)read;
    (void)message;
}

static png_voidp on_malloc(png_structp read, png_alloc_size_t bytes)
{
    struct png *p = png_get_mem_ptr(read);
    void *memory = malloc(bytes);
    p->no_memory = p->no_memory || !memory;
    return memory;
}

static void on_free(png_structp read, png_voidp memory)
{
    (void)read;
    free(memory);
}

static void on_read(png_structp read, png_bytep out, size_t len)
{
    struct png *p = png_get_io_ptr(read);
    if ((size_t)(p->end - p->at) < len)
        png_error(read, "the data end too early");
    memcpy(out, p->at, len);
    p->at += len;
}

static void see_metadata(struct decode *d, struct png *p)
{
    png_bytep exif;
    png_uint_32 exif_len;
    if (png_get_eXIf_1(p->read, p->info, &exif_len, &exif))
        decode_see_exif(d, (struct str){(const char *)exif, exif_len});
    png_textp texts;
    int count = 0;
    png_get_text(p->read, p->info, &texts, &count);
    for (int i = 0; i < count; i++)
        if (strcmp(texts[i].key, "XML:com.adobe.xmp") == 0)
            decode_see_xmp(d, str_from(texts[i].text));
}

/* Every kind of PNG becomes 8-bit RGB or RGBA; 16-bit samples keep their high byte. */
static void set_transforms(struct png *p)
{
    png_set_expand(p->read);
    png_set_strip_16(p->read);
    png_set_gray_to_rgb(p->read);
    png_set_interlace_handling(p->read);
    png_read_update_info(p->read, p->info);
}

static enum status read_rows(struct decode *d, struct png *p, struct image *out)
{
    const size_t stride = png_get_rowbytes(p->read, p->info);
    const bool alpha = png_get_channels(p->read, p->info) == 4;
    p->rows = malloc(out->height * sizeof *p->rows);
    p->pixels = alpha ? malloc(stride * out->height) : NULL;
    if (!p->rows || (alpha && !p->pixels))
        return reason_no_memory(d->why, stride * out->height);
    for (size_t y = 0; y < out->height; y++)
        p->rows[y] = (alpha ? p->pixels : out->rgb) + y * stride;
    png_read_image(p->read, p->rows);
    png_read_end(p->read, p->info);
    see_metadata(d, p);
    if (alpha)
        decode_on_white(p->pixels, out->rgb, (size_t)out->width * out->height);
    return STATUS_OK;
}

static uint32_t read32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* libpng allocates what a chunk announces before it reads, up to 2 GiB, and its own limit is only a
 * warning: no chunk up to IEND may announce more than the file has. */
static bool chunks_fit(const struct decode *d)
{
    size_t at = 8;
    while (d->len - at >= 8) {
        const size_t len = read32(d->bytes + at), left = d->len - at - 8;
        if (len > left)
            return false;
        if (memcmp(d->bytes + at + 4, "IEND", 4) == 0 || left - len < 4)
            return true;
        at += len + 12;
    }
    return true;
}

static enum status decode(struct decode *d, struct png *p, struct image *out)
{
    if (!chunks_fit(d))
        return decode_broken(d, "PNG", "the data end too early", "数据过早结束");
    png_set_read_fn(p->read, p, on_read);
    png_set_user_limits(p->read, 1 << 20, 1 << 20);
    png_set_chunk_malloc_max(p->read, CHUNK_MAX_BYTES);
    png_set_chunk_cache_max(p->read, CHUNKS_MAX);
    png_set_benign_errors(p->read, 1);
    png_read_info(p->read, p->info);
    const enum status status = decode_allocate(d, png_get_image_width(p->read, p->info),
                                               png_get_image_height(p->read, p->info), out);
    if (status)
        return status;
    set_transforms(p);
    return read_rows(d, p, out);
}

enum status png_decode(struct decode *d, struct image *out)
{
    struct png *p = calloc(1, sizeof *p);
    if (!p)
        return reason_no_memory(d->why, sizeof *p);
    p->at = d->bytes;
    p->end = d->bytes + d->len;
    p->read = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, p, on_error, on_warning, p, on_malloc,
                                       on_free);
    p->info = p->read ? png_create_info_struct(p->read) : NULL;
    enum status status;
    if (!p->info)
        status = reason_no_memory(d->why, sizeof *p);
    else if (setjmp(png_jmpbuf(p->read)))
        status = decode_broken(d, "PNG", p->message, p->message);
    else
        status = decode(d, p, out);
    if (p->no_memory)
        status = reason_no_memory(d->why, d->len);
    png_destroy_read_struct(&p->read, &p->info, NULL);
    free(p->rows);
    free(p->pixels);
    free(p);
    return status;
}
