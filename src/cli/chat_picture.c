#include "cli/chat_picture.h"

#include "image/image.h"

#include <errno.h>
#include <openssl/evp.h>

enum status read_stream(FILE *stream, const char *name, struct buf *out, struct reason *why)
{
    char piece[65536];
    size_t n;
    while ((n = fread(piece, 1, sizeof piece, stream)) > 0 && !out->failed)
        buf_add(out, piece, n);
    if (out->failed) {
        reason_set(why, "too_large", "%s is larger than %zu MiB.", "%s 超过 %zu MiB。", name,
                   out->max >> 20);
        return STATUS_LIMIT;
    }
    if (ferror(stream)) {
        reason_set(why, "unreadable", "%s cannot be read: %s.", "无法读取 %s：%s。", name,
                   strerror(errno));
        return STATUS_IO;
    }
    return STATUS_OK;
}

static enum status read_file(const char *path, struct buf *out, struct reason *why)
{
    FILE *file = fopen(path, "re");
    if (!file) {
        reason_set(why, errno == ENOENT ? "missing_file" : "unreadable",
                   "The picture %s cannot be read: %s.", "无法读取图片 %s：%s。", path,
                   strerror(errno));
        return STATUS_IO;
    }
    const enum status status = read_stream(file, path, out, why);
    fclose(file);
    return status;
}

static const char *format_of(struct str bytes)
{
    return image_format((const uint8_t *)bytes.ptr, bytes.len);
}

bool looks_like_picture(struct str bytes)
{
    return bytes.len > 0 && format_of(bytes);
}

static enum status write_data_url(struct buf *url, struct str bytes, const char *name,
                                  struct reason *why)
{
    const char *format = bytes.len > 0 ? format_of(bytes) : NULL;
    if (!format) {
        reason_set(why, "unsupported_image", "%s is not a picture that can be sent.",
                   "%s 不是可以发送的图片。", name);
        reason_hint(why, "JPEG, PNG, WebP, GIF and BMP can be sent.",
                    "可以发送 JPEG、PNG、WebP、GIF 和 BMP。");
        return STATUS_INVALID;
    }
    const size_t encoded = (bytes.len + 2) / 3 * 4;
    buf_printf(url, "data:image/%s;base64,", format);
    if (!buf_reserve(url, encoded))
        return reason_no_memory(why, encoded);
    EVP_EncodeBlock((unsigned char *)url->data + url->len, (const unsigned char *)bytes.ptr,
                    (int)bytes.len);
    url->len += encoded;
    return STATUS_OK;
}

static bool is_url(struct str name)
{
    static const char *const schemes[] = {"http://", "https://", "data:"};
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
        if (str_ieq(str_slice(name, 0, strlen(schemes[i])), str_from(schemes[i])))
            return true;
    return false;
}

enum status picture_url(const char *name, struct buf *url, struct reason *why)
{
    if (is_url(str_from(name))) {
        buf_puts(url, name);
        return url->failed ? reason_no_memory(why, strlen(name)) : STATUS_OK;
    }
    const bool standard_input = strcmp(name, "-") == 0;
    const char *path = strncmp(name, "file://", 7) == 0 ? name + 7 : name;
    const char *shown = standard_input ? "stdin" : path;
    struct buf bytes;
    buf_init(&bytes, PICTURE_BYTES_MAX);
    enum status status =
        standard_input ? read_stream(stdin, shown, &bytes, why) : read_file(path, &bytes, why);
    if (status == STATUS_OK)
        status = write_data_url(url, buf_str(&bytes), shown, why);
    buf_release(&bytes);
    return status;
}
