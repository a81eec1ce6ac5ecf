#include "base/json_text.h"

#include "base/utf8.h"

static void add_escaped(struct buf *out, unsigned char c)
{
    static const char letters[] = "\b\f\n\r\t\"\\";
    static const char escapes[] = "bfnrt\"\\";
    const char *at = memchr(letters, c, sizeof letters - 1);
    if (at) {
        const char pair[2] = {'\\', escapes[at - letters]};
        buf_add(out, pair, 2);
    } else {
        buf_printf(out, "\\u%04x", c);
    }
}

static size_t plain_prefix(struct str text, size_t at)
{
    size_t i = at;
    while (i < text.len) {
        const unsigned char c = (unsigned char)text.ptr[i];
        if (c < 0x20 || c == '"' || c == '\\')
            break;
        if (c < 0x80) {
            i++;
            continue;
        }
        const struct utf8_step step = utf8_decode(text.ptr + i, text.len - i);
        if (step.code == UTF8_INVALID)
            break;
        i += step.len;
    }
    return i;
}

void json_text_string(struct buf *out, struct str text)
{
    buf_putc(out, '"');
    for (size_t i = 0; i < text.len;) {
        const size_t end = plain_prefix(text, i);
        buf_add(out, text.ptr + i, end - i);
        i = end;
        if (i == text.len)
            break;
        const unsigned char c = (unsigned char)text.ptr[i];
        if (c < 0x80) {
            add_escaped(out, c);
            i++;
        } else {
            buf_puts(out, "\xEF\xBF\xBD");
            i += utf8_decode(text.ptr + i, text.len - i).len;
        }
    }
    buf_putc(out, '"');
}
