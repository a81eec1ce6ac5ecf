/* JPEG by libjpeg-turbo with its defaults: slow integer IDCT, fancy upsampling. */
#include "image/decode.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <jerror.h>
#include <jpeglib.h>

/* A progressive file may hold thousands of scans over the whole picture. */
enum { SCANS_MAX = 200 };

struct jpeg {
    struct jpeg_decompress_struct info;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf failed;
    char message[JMSG_LENGTH_MAX];
    bool no_memory;
    uint8_t *row; /* one row of CMYK */
};

static void fail(j_common_ptr info)
{
    struct jpeg *j = info->client_data;
    info->err->format_message(info, j->message);
    j->no_memory = info->err->msg_code == JERR_OUT_OF_MEMORY;
    longjmp(j->failed, 1);
}

/* Warnings are let pass, except that the data end too early. */
static void on_message(j_common_ptr info, int level)
{
    if (level < 0 && info->err->msg_code == JWRN_JPEG_EOF)
        fail(info);
}

static void on_output(j_common_ptr info)
{
    (void)info;
}

static void on_progress(j_common_ptr info)
{
    struct jpeg *j = info->client_data;
    if (j->info.input_scan_number > SCANS_MAX) {
        snprintf(j->message, sizeof j->message, "it has more than %d scans", SCANS_MAX);
        longjmp(j->failed, 1);
    }
}

static void see_markers(struct decode *d, const struct jpeg *j)
{
    static const char xmp[] = "http://ns.adobe.com/xap/1.0/";
    for (jpeg_saved_marker_ptr m = j->info.marker_list; m; m = m->next) {
        const struct str data = {(const char *)m->data, m->data_length};
        if (str_starts(data, "Exif"))
            decode_see_exif(d, data);
        else if (str_starts(data, xmp))
            decode_see_xmp(d, str_slice(data, sizeof xmp, data.len));
    }
}

static uint8_t scale(uint32_t a, uint32_t b)
{
    const uint32_t t = a * b + 128;
    return (uint8_t)(((t >> 8) + t) >> 8);
}

/* Files hold CMYK inverted; n is what the black leaves. */
static void cmyk_to_rgb(const uint8_t *cmyk, uint8_t *rgb, size_t pixels)
{
    for (size_t i = 0; i < pixels; i++, cmyk += 4, rgb += 3) {
        const uint8_t n = cmyk[3];
        for (int c = 0; c < 3; c++) {
            const uint8_t ink = scale(255u - cmyk[c], n);
            rgb[c] = ink < n ? (uint8_t)(n - ink) : 0;
        }
    }
}

static enum status read_rows(struct decode *d, struct jpeg *j, struct image *out)
{
    const bool cmyk = j->info.out_color_space == JCS_CMYK;
    const size_t stride = (size_t)out->width * 3;
    if (cmyk) {
        j->row = malloc((size_t)out->width * 4);
        if (!j->row)
            return reason_no_memory(d->why, (size_t)out->width * 4);
    }
    while (j->info.output_scanline < j->info.output_height) {
        uint8_t *to = out->rgb + j->info.output_scanline * stride;
        JSAMPROW row = cmyk ? j->row : to;
        if (jpeg_read_scanlines(&j->info, &row, 1) == 1 && cmyk)
            cmyk_to_rgb(j->row, to, out->width);
    }
    return STATUS_OK;
}

static enum status decode(struct decode *d, struct jpeg *j, struct image *out)
{
    jpeg_create_decompress(&j->info);
    j->progress.progress_monitor = on_progress;
    j->info.progress = &j->progress;
    jpeg_mem_src(&j->info, d->bytes, d->len);
    jpeg_save_markers(&j->info, JPEG_APP0 + 1, 0xFFFF);
    jpeg_read_header(&j->info, TRUE);
    see_markers(d, j);
    const bool cmyk = j->info.num_components == 4;
    j->info.out_color_space = cmyk ? JCS_CMYK : JCS_RGB;
    const enum status status = decode_allocate(d, j->info.image_width, j->info.image_height, out);
    if (status)
        return status;
    jpeg_start_decompress(&j->info);
    return read_rows(d, j, out);
}

enum status jpeg_decode(struct decode *d, struct image *out)
{
    struct jpeg *j = calloc(1, sizeof *j);
    if (!j)
        return reason_no_memory(d->why, sizeof *j);
    j->info.client_data = j;
    j->info.err = jpeg_std_error(&j->errors);
    j->errors.error_exit = fail;
    j->errors.emit_message = on_message;
    j->errors.output_message = on_output;
    enum status status;
    if (setjmp(j->failed))
        status = j->no_memory ? reason_no_memory(d->why, d->len)
                              : decode_broken(d, "JPEG", j->message, j->message);
    else
        status = decode(d, j, out);
    jpeg_destroy_decompress(&j->info);
    free(j->row);
    free(j);
    return status;
}
