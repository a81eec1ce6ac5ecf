#include "api/data_url.h"

bool data_url_is(struct str url)
{
    return url.len >= 5 && str_ieq(str_slice(url, 0, 5), STR("data:"));
}

static enum status invalid(struct reason *why, const char *en, const char *zh)
{
    reason_set(why, "invalid_data_url", "The data URL is malformed: %s%.0s.",
               "data URL 格式有误：%.0s%s。", en, zh);
    reason_hint(why, "Write data:image/png;base64, and the base64 of the file.",
                "格式应为 data:image/png;base64, 加上文件的 base64 编码。");
    return STATUS_INVALID;
}

static enum status too_large(const struct buf *out, struct reason *why)
{
    reason_set(why, "image_too_large", "The data URL holds more than %zu bytes.",
               "data URL 的内容超过 %zu 字节。", out->max);
    return STATUS_LIMIT;
}

enum { BAD = 0xFF };

/* Six bits of each letter. Both alphabets; mixing them is refused elsewhere. */
struct alphabet {
    uint8_t value[256];
};

static void fill_alphabet(struct alphabet *a, char last62, char last63)
{
    memset(a->value, BAD, sizeof a->value);
    for (int i = 0; i < 26; i++) {
        a->value['A' + i] = (uint8_t)i;
        a->value['a' + i] = (uint8_t)(26 + i);
    }
    for (int i = 0; i < 10; i++)
        a->value['0' + i] = (uint8_t)(52 + i);
    a->value[(unsigned char)last62] = 62;
    a->value[(unsigned char)last63] = 63;
}

/* Whole groups of four letters; false at a letter outside the alphabet. */
static bool decode_groups(const uint8_t *value, const unsigned char *in, size_t groups,
                          unsigned char *out)
{
    uint8_t seen = 0;
    for (size_t i = 0; i < groups; i++, in += 4, out += 3) {
        const uint8_t a = value[in[0]], b = value[in[1]], c = value[in[2]], d = value[in[3]];
        seen |= a | b | c | d;
        const uint32_t bits = (uint32_t)a << 18 | (uint32_t)b << 12 | (uint32_t)c << 6 | d;
        out[0] = (unsigned char)(bits >> 16);
        out[1] = (unsigned char)(bits >> 8);
        out[2] = (unsigned char)bits;
    }
    return (seen & 0xC0) == 0;
}

/* The last two or three letters, one or two bytes; unused bits must be zero. */
static bool decode_tail(const uint8_t *value, struct str tail, unsigned char out[2])
{
    uint8_t v[3] = {0};
    for (size_t i = 0; i < tail.len; i++) {
        v[i] = value[(unsigned char)tail.ptr[i]];
        if (v[i] == BAD)
            return false;
    }
    out[0] = (unsigned char)(v[0] << 2 | v[1] >> 4);
    out[1] = (unsigned char)(v[1] << 4 | v[2] >> 2);
    return tail.len == 2 ? !(v[1] & 0x0F) : !(v[2] & 0x03);
}

/* Makes room for exactly `bytes` more. */
static enum status make_room(struct buf *out, size_t bytes, struct reason *why)
{
    if (bytes > out->max - out->len)
        return too_large(out, why);
    return buf_reserve(out, bytes) ? STATUS_OK : reason_no_memory(why, bytes);
}

/* Line breaks are what most broken base64 is about: they are named before anything else. */
static enum status invalid_base64(struct str text, struct reason *why, const char *en,
                                  const char *zh)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] == ' ' || text.ptr[i] == '\n' || text.ptr[i] == '\r')
            return invalid(why, "the base64 holds blanks or line breaks", "base64 中有空格或换行");
    return invalid(why, en, zh);
}

static enum status decode_base64(struct str text, struct buf *out, struct reason *why)
{
    const size_t full = text.len;
    for (int i = 0; i < 2 && text.len && text.ptr[text.len - 1] == '='; i++)
        text.len--;
    if ((full != text.len && full % 4) || text.len % 4 == 1)
        return invalid_base64(text, why, "the base64 has the wrong length", "base64 的长度不对");
    const size_t groups = text.len / 4;
    const struct str tail = str_slice(text, groups * 4, text.len);
    unsigned char rest[2];
    const size_t rest_len = tail.len ? tail.len - 1 : 0;
    const enum status status = make_room(out, groups * 3 + rest_len, why);
    if (status)
        return status;
    const bool url_safe = memchr(text.ptr, '-', text.len) || memchr(text.ptr, '_', text.len);
    struct alphabet alphabet;
    fill_alphabet(&alphabet, url_safe ? '-' : '+', url_safe ? '_' : '/');
    unsigned char *to = (unsigned char *)out->data + out->len;
    if (!decode_groups(alphabet.value, (const unsigned char *)text.ptr, groups, to))
        return invalid_base64(text, why, "it holds a letter outside the base64 alphabet",
                              "含有 base64 字母表之外的字符");
    if (tail.len && !decode_tail(alphabet.value, tail, rest))
        return invalid_base64(text, why, "its last letters are not base64",
                              "结尾不是合法的 base64");
    out->len += groups * 3;
    buf_add(out, rest, rest_len);
    return STATUS_OK;
}

static int hex(char c)
{
    return c >= '0' && c <= '9'                     ? c - '0'
           : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                    : -1;
}

/* What may stand for itself: RFC 3986's unreserved and reserved characters, less those that a
 * fragment or an address would begin with. */
static bool is_url_character(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
           (c && strchr("-._~!$&'()*+,;=:@/?", c));
}

/* The bytes of text[*at…], one character or escape; false if malformed. */
static bool next_byte(struct str text, size_t *at, char *out)
{
    const char c = text.ptr[*at];
    if (c != '%') {
        ++*at;
        *out = c;
        return is_url_character(c);
    }
    if (text.len - *at < 3)
        return false;
    const int high = hex(text.ptr[*at + 1]), low = hex(text.ptr[*at + 2]);
    *at += 3;
    *out = (char)(high * 16 + low);
    return high >= 0 && low >= 0;
}

static enum status decode_percent(struct str text, struct buf *out, struct reason *why)
{
    for (size_t at = 0; at < text.len;) {
        char c;
        const bool escape = text.ptr[at] == '%';
        enum status status = make_room(out, 1, why);
        if (!status && !next_byte(text, &at, &c))
            status = escape ? invalid(why, "a % is not followed by two hexadecimal digits",
                                      "% 后面不是两位十六进制数字")
                            : invalid(why, "it holds a character that must be escaped with %",
                                      "含有必须用 % 转义的字符");
        if (status)
            return status;
        buf_putc(out, c);
    }
    return STATUS_OK;
}

enum status data_url_decode(struct str url, struct buf *out, struct reason *why)
{
    const char *comma = url.len ? memchr(url.ptr, ',', url.len) : NULL;
    if (!data_url_is(url))
        return invalid(why, "its scheme is not data", "协议不是 data");
    if (!comma)
        return invalid(why, "it has no comma in front of the content", "内容之前没有逗号");
    const struct str head = str_slice(url, 5, (size_t)(comma - url.ptr));
    const struct str content = str_slice(url, (size_t)(comma - url.ptr) + 1, url.len);
    if (content.len == 0)
        return invalid(why, "it is empty", "内容为空");
    const struct str marker = str_slice(head, head.len > 7 ? head.len - 7 : 0, head.len);
    const size_t begin = out->len;
    const enum status status = str_ieq(marker, STR(";base64")) ? decode_base64(content, out, why)
                                                               : decode_percent(content, out, why);
    if (status)
        out->len = begin;
    if (out->data)
        out->data[out->len] = '\0';
    return status;
}
