/* Small files that announce much: refused, or read, without taking the memory they ask for. */
#include "base/buf.h"
#include "base/test.h"
#include "image/image.h"

#include <sys/resource.h>
#include <zlib.h>

static const struct image_limits limits = {.max_pixels = 100000000, .max_bytes = 20 << 20};

/* The most that this process has held so far. */
static long peak_kib(void)
{
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return usage.ru_maxrss;
}

/* Decodes; a NULL code means success. The peak must not grow by more than `most_kib`. */
static void check(const char *name, struct str file, const char *code, long most_kib)
{
    struct image image;
    struct reason why = {0};
    const long before = peak_kib();
    const enum status status =
        image_decode((const uint8_t *)file.ptr, file.len, &limits, &image, &why);
    const long grown = peak_kib() - before;
    image_release(&image);
    if (code ? !status || strcmp(why.code, code) != 0 : status != STATUS_OK)
        fail_msg("%s: %s instead of %s (%s)", name, status ? why.code : "a picture",
                 code ? code : "a picture", why.message[LANG_EN]);
    if (grown > most_kib)
        fail_msg("%s: took %ld KiB", name, grown);
}

enum { LITTLE_KIB = 6 * 1024 };

static void refused(const char *name, struct str file, const char *code)
{
    check(name, file, code, LITTLE_KIB);
}

static void add32(struct buf *out, size_t value)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        buf_putc(out, (char)(value >> shift));
}

/* `announced` is the length that is written; the data are `data`. */
static void add_chunk(struct buf *png, const char *type, struct str data, size_t announced)
{
    add32(png, announced);
    const size_t begin = png->len;
    buf_puts(png, type);
    buf_add_str(png, data);
    add32(png, crc32(0, (const Bytef *)png->data + begin, (uInt)(png->len - begin)));
}

static void begin_png(struct buf *png, size_t width, size_t height)
{
    struct buf header;
    buf_init(&header, 100);
    add32(&header, width);
    add32(&header, height);
    buf_add(&header, "\x08\x02\0\0\0", 5);
    buf_clear(png);
    buf_add(png, "\x89PNG\r\n\x1A\n", 8);
    add_chunk(png, "IHDR", buf_str(&header), 13);
    buf_release(&header);
}

/* `bytes` zeros, compressed, behind `prefix`. */
static void add_zeros(struct buf *out, struct str prefix, size_t bytes)
{
    void *zeros = calloc(bytes, 1);
    uLongf len = compressBound(bytes);
    assert_non_null(zeros);
    buf_add_str(out, prefix);
    assert_true(buf_reserve(out, len));
    assert_int_equal(compress2((Bytef *)out->data + out->len, &len, zeros, bytes, 9), Z_OK);
    out->len += len;
    free(zeros);
}

static void add_pixel_and_end(struct buf *png)
{
    struct buf pixel;
    buf_init(&pixel, 1000);
    add_zeros(&pixel, STR(""), 4); /* one row: filter, red, green, blue */
    add_chunk(png, "IDAT", buf_str(&pixel), pixel.len);
    add_chunk(png, "IEND", STR(""), 0);
    buf_release(&pixel);
}

static void png_sides(void **state)
{
    (void)state;
    struct buf png;
    buf_init(&png, 1 << 20);
    begin_png(&png, 60000, 60000);
    add_pixel_and_end(&png);
    refused("60000 × 60000", buf_str(&png), "image_too_large");
    begin_png(&png, 1, 100000);
    add_pixel_and_end(&png);
    refused("rows that are not there", buf_str(&png), "invalid_image");
    begin_png(&png, 0x7FFFFFFF, 0x7FFFFFFF);
    add_pixel_and_end(&png);
    refused("2^31 × 2^31", buf_str(&png), "invalid_image");
    begin_png(&png, 0, 0);
    add_pixel_and_end(&png);
    refused("0 × 0", buf_str(&png), "invalid_image");
    buf_release(&png);
}

/* Found by the fuzzer: libpng allocated and cleared what a text chunk announced. */
static void png_chunk_lengths(void **state)
{
    (void)state;
    static const char *const types[] = {"tEXt", "zTXt", "iTXt", "iCCP", "eXIf",
                                        "sPLT", "PLTE", "IDAT", "hIST", "abcd"};
    static const size_t announced[] = {1593835521, 0x7FFFFFFF, 0xFFFFFFFF, 0xFFFFFFF4, 1000};
    struct buf png;
    buf_init(&png, 1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        for (size_t k = 0; k < ARRAY_LEN(announced); k++) {
            begin_png(&png, 1, 1);
            add_chunk(&png, types[i], STR("abc"), announced[k]);
            add_pixel_and_end(&png);
            refused(types[i], buf_str(&png), "invalid_image");
        }
    buf_release(&png);
}

/* 64 MiB of zeros in 64 KiB: what surrounds the picture is given up, the picture is read. */
static void png_compressed_metadata(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        struct str prefix;
    } chunks[] = {
        {"zTXt", {"k\0\0", 3}},
        {"iTXt", {"XML:com.adobe.xmp\0\1\0\0\0", 22}},
        {"iCCP", {"k\0\0", 3}},
    };
    for (size_t i = 0; i < ARRAY_LEN(chunks); i++) {
        struct buf png, data;
        buf_init(&png, 1 << 20);
        buf_init(&data, 128 << 20);
        const size_t bytes = (size_t)64 << 20;
        add_zeros(&data, chunks[i].prefix, bytes); /* raises the peak before it is measured */
        begin_png(&png, 1, 1);
        add_chunk(&png, chunks[i].type, buf_str(&data), data.len);
        add_pixel_and_end(&png);
        check(chunks[i].type, buf_str(&png), NULL, LITTLE_KIB);
        buf_release(&data);
        buf_release(&png);
    }
}

#define FRAME_HEADER(sof)                                                                          \
    "\xFF\xD8\xFF" sof "\0\x11\x08\xEA\x60\xEA\x60\3\1\x11\0\2\x11\0\3\x11\0"                      \
    "\xFF\xDA\0\x0C\3\1\0\2\0\3\0\0\x3F\0\0\0"

static void jpeg_sides(void **state)
{
    (void)state;
    refused("baseline", STR(FRAME_HEADER("\xC0")), "image_too_large");
    refused("progressive", STR(FRAME_HEADER("\xC2")), "image_too_large");
    refused("arithmetic", STR(FRAME_HEADER("\xC9")), "image_too_large");
}

static void gif_sides(void **state)
{
    (void)state;
    refused("screen", STR("GIF89a\x60\xEA\x60\xEA\0\0\0,\0\0\0\0\1\0\1\0\0\2\2\x44\1\0;"),
            "image_too_large");
    refused("frame", STR("GIF89a\1\0\1\0\0\0\0,\0\0\0\0\x60\xEA\x60\xEA\0\2\2\x44\1\0;"),
            "image_too_large");
    refused("place", STR("GIF89a\1\0\1\0\0\0\0,\x60\xEA\x60\xEA\1\0\1\0\0\2\2\x44\1\0;"),
            "image_too_large");
}

#define BMP(bits, compression)                                                                     \
    "BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x60\xEA\0\0\x60\xEA\0\0\1\0" bits "\0" compression     \
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\1"

static void bmp_sides(void **state)
{
    (void)state;
    refused("24 bits", STR(BMP("\x18", "\0")), "image_too_large");
    refused("runs", STR(BMP("\x08", "\1")), "image_too_large");
    refused("OS/2", STR("BM\0\0\0\0\0\0\0\0\x1A\0\0\0\x0C\0\0\0\x60\xEA\x60\xEA\1\0\x18\0\0\0\0\0"),
            "image_too_large");
    refused("height of -2^31",
            STR("BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\1\0\0\0\0\0\0\x80\1\0\x18\0\0\0\0\0\0\0\0\0"
                "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
            "image_too_large");
}

/* Canvas sides less one in 24 bits; a lossless frame has 14 bits a side. */
static void webp_sides(void **state)
{
    (void)state;
    refused("animation",
            STR("RIFF\x5A\0\0\0WEBPVP8X\x0A\0\0\0\2\0\0\0\x5F\xEA\0\x5F\xEA\0"
                "ANIM\6\0\0\0\xFF\xFF\xFF\xFF\0\0"
                "ANMF\x28\0\0\0\0\0\0\0\0\0\x5F\xEA\0\x5F\xEA\0\x64\0\0\0"
                "VP8L\x0E\0\0\0\x2F\0\0\0\0\7\x50\x64\xFF\xFE\xF8\x1F\0\0\0"),
            "image_too_large");
    refused("lossless, 16384 × 16384",
            STR("RIFF\x1A\0\0\0WEBPVP8L\x0E\0\0\0\x2F\xFF\xFF\xFF\x0F\7\x50\x64\xFF\xFE\xF8\x1F\0"
                "\0"),
            "image_too_large");
    refused("lossy, 16383 × 16383",
            STR("RIFF\x2A\0\0\0WEBPVP8 \x1E\0\0\0\x10\2\0\x9D\1\x2A\xFF\x3F\xFF\x3F\0\0\0\0\0\0\0\0"
                "\0\0\0\0\0\0\0\0\0\0\0\0"),
            "image_too_large");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(png_sides),
        cmocka_unit_test(png_chunk_lengths),
        cmocka_unit_test(jpeg_sides),
        cmocka_unit_test(gif_sides),
        cmocka_unit_test(bmp_sides),
        cmocka_unit_test(webp_sides),
        cmocka_unit_test(png_compressed_metadata),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
