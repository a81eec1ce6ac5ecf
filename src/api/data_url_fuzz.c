/* Any text: what is taken as a data URL comes back the same when its content is written anew. */
#include "api/data_url.h"

#include <stdlib.h>

enum { CONTENT_MAX = 1 << 16 };

/* RFC 4648, section 4, written as plainly as it can be. */
static void write_base64(struct buf *out, struct str content)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < content.len; i += 3) {
        uint32_t bits = 0;
        for (size_t k = 0; k < 3; k++)
            bits = bits << 8 | (i + k < content.len ? (unsigned char)content.ptr[i + k] : 0u);
        for (size_t k = 0; k < 4; k++)
            buf_putc(out, i + k > content.len ? '=' : letters[bits >> (18 - 6 * k) & 63]);
    }
}

/* The letters as the standard alphabet has them, with padding. */
static void normalise(struct buf *out, struct str base64)
{
    for (size_t i = 0; i < base64.len; i++) {
        const char c = base64.ptr[i];
        buf_putc(out, (char)(c == '-' ? '+' : c == '_' ? '/' : c));
    }
    while (out->len % 4)
        buf_putc(out, '=');
}

static void check_base64(struct str text, struct str content)
{
    struct buf given, written;
    buf_init(&given, 2 * CONTENT_MAX);
    buf_init(&written, 2 * CONTENT_MAX);
    normalise(&given, text);
    write_base64(&written, content);
    if (!str_eq(buf_str(&given), buf_str(&written)))
        abort();
    buf_release(&given);
    buf_release(&written);
}

static void check_percent(struct str content)
{
    struct buf url, again;
    buf_init(&url, 4 * CONTENT_MAX);
    buf_init(&again, CONTENT_MAX);
    buf_puts(&url, "data:,");
    for (size_t i = 0; i < content.len; i++)
        buf_printf(&url, "%%%02X", (unsigned char)content.ptr[i]);
    if (data_url_decode(buf_str(&url), &again, NULL) || !str_eq(buf_str(&again), content))
        abort();
    buf_release(&url);
    buf_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct str url = {(const char *)data, size};
    struct buf out;
    struct reason why = {0};
    buf_init(&out, CONTENT_MAX);
    buf_puts(&out, "kept");
    if (data_url_decode(url, &out, &why) == STATUS_OK) {
        const struct str content = str_slice(buf_str(&out), 4, out.len);
        const size_t comma = (size_t)((const char *)memchr(url.ptr, ',', url.len) - url.ptr);
        const struct str marker = str_slice(url, comma < 7 ? 0 : comma - 7, comma);
        if (comma >= 12 && str_ieq(marker, STR(";base64")))
            check_base64(str_slice(url, comma + 1, url.len), content);
        else
            check_percent(content);
    } else if (out.len != 4 || !why.code || !why.message[LANG_ZH][0]) {
        abort();
    }
    if (memcmp(out.data, "kept", 4) != 0 || out.data[out.len] != '\0')
        abort();
    buf_release(&out);
    return 0;
}
