#include "http/proxy_line.h"

#include <arpa/inet.h>
#include <string.h>

static const uint8_t signature[12] = "\r\n\r\n\0\r\nQUIT\n";
static const char word[6] = "PROXY ";

enum {
    V2_HEAD_BYTES = 16,
    V2_LOCAL = 0x20,
    V2_PROXY = 0x21,
    V2_TCP4 = 0x11,
    V2_TCP6 = 0x21,
    V2_TCP4_BYTES = 12,
    V2_TCP6_BYTES = 36,
};

static bool is_prefix(struct str input, const void *of, size_t size)
{
    const size_t len = input.len < size ? input.len : size;
    return memcmp(input.ptr, of, len) == 0;
}

bool proxy_line_begins(struct str input)
{
    return input.len > 0 &&
           (is_prefix(input, signature, sizeof signature) || is_prefix(input, word, sizeof word));
}

static enum proxy_event refuse(struct reason *why)
{
    reason_set(why, "bad_request",
               "The connection does not begin with a line of the PROXY protocol.",
               "连接没有以 PROXY 协议行开头。");
    reason_hint(why,
                "Let the proxy send it (HAProxy: send-proxy; nginx: proxy_protocol on), or set "
                "access.proxy_protocol: false.",
                "请让代理发送该行（HAProxy：send-proxy；nginx：proxy_protocol on），或设置 "
                "access.proxy_protocol: false。");
    return PROXY_ERROR;
}

/* Digits without leading zeros, to 65535. */
static bool read_port(struct str text, uint16_t *out)
{
    uint32_t value = 0;
    if (text.len == 0 || text.len > 5 || (text.len > 1 && text.ptr[0] == '0'))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        value = value * 10 + (uint32_t)(text.ptr[i] - '0');
    }
    *out = (uint16_t)value;
    return value <= UINT16_MAX;
}

/* The next word; words are parted by one space. */
static struct str next_word(struct str *text)
{
    const char *space = text->len ? memchr(text->ptr, ' ', text->len) : NULL;
    const size_t len = space ? (size_t)(space - text->ptr) : text->len;
    const struct str found = str_slice(*text, 0, len);
    *text = str_slice(*text, len + (space ? 1 : 0), text->len);
    return found;
}

/* "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443", without its CRLF. */
static enum proxy_event finish_v1(struct proxy_line *line, struct reason *why)
{
    struct str text = {(const char *)line->head + sizeof word, line->len - sizeof word - 2};
    const struct str family = next_word(&text);
    if (str_is(family, "UNKNOWN"))
        return PROXY_DONE; /* whatever follows is to be ignored */
    const bool v4 = str_is(family, "TCP4");
    struct address destination;
    uint16_t destination_port;
    const struct str from = next_word(&text), to = next_word(&text), port = next_word(&text);
    const bool right = (v4 || str_is(family, "TCP6")) && address_parse(from, &line->address) &&
                       address_parse(to, &destination) && read_port(port, &line->port) &&
                       read_port(text, &destination_port) &&
                       (memchr(from.ptr, ':', from.len) == NULL) == v4;
    if (!right)
        return refuse(why);
    line->has_client = true;
    return PROXY_DONE;
}

static enum proxy_event take_v1(struct proxy_line *line, struct str *input, struct reason *why)
{
    while (input->len > 0) {
        if (line->len == PROXY_LINE_V1_MAX)
            return refuse(why);
        const char c = input->ptr[0];
        *input = str_slice(*input, 1, input->len);
        line->head[line->len++] = (uint8_t)c;
        if (line->len <= sizeof word && memcmp(line->head, word, line->len) != 0)
            return refuse(why);
        if (c != '\n')
            continue;
        const bool ended = line->len > sizeof word + 2 && line->head[line->len - 2] == '\r';
        return ended ? finish_v1(line, why) : refuse(why);
    }
    return PROXY_MORE;
}

static size_t v2_length(const struct proxy_line *line)
{
    return (size_t)line->head[14] << 8 | line->head[15];
}

/* The bytes of the addresses of this family; what is behind them is skipped. */
static size_t v2_address_bytes(const struct proxy_line *line)
{
    if (line->head[12] != V2_PROXY)
        return 0;
    return line->head[13] == V2_TCP4   ? V2_TCP4_BYTES
           : line->head[13] == V2_TCP6 ? V2_TCP6_BYTES
                                       : 0;
}

static bool v2_head_is_right(const struct proxy_line *line)
{
    const uint8_t command = line->head[12];
    return (command == V2_LOCAL || command == V2_PROXY) &&
           v2_length(line) >= v2_address_bytes(line) &&
           v2_length(line) + V2_HEAD_BYTES <= PROXY_LINE_V2_MAX;
}

static void read_v2_addresses(struct proxy_line *line)
{
    const uint8_t *bytes = line->head + V2_HEAD_BYTES;
    const size_t size = v2_address_bytes(line);
    char text[INET6_ADDRSTRLEN];
    if (size == 0)
        return;
    const bool v4 = size == V2_TCP4_BYTES;
    inet_ntop(v4 ? AF_INET : AF_INET6, bytes, text, sizeof text);
    line->has_client = address_parse(str_from(text), &line->address);
    const uint8_t *port = bytes + (v4 ? 8 : 32);
    line->port = (uint16_t)(port[0] << 8 | port[1]);
}

/* Moves bytes to the head until it has `want`; true if it has. */
static bool fill(struct proxy_line *line, struct str *input, size_t want)
{
    const size_t missing = want - line->len;
    const size_t n = input->len < missing ? input->len : missing;
    memcpy(line->head + line->len, input->ptr, n);
    line->len += n;
    *input = str_slice(*input, n, input->len);
    return line->len == want;
}

static enum proxy_event take_v2(struct proxy_line *line, struct str *input, struct reason *why)
{
    if (line->len < V2_HEAD_BYTES) {
        const bool whole = fill(line, input, V2_HEAD_BYTES);
        const size_t seen = line->len < sizeof signature ? line->len : sizeof signature;
        if (memcmp(line->head, signature, seen) != 0 || (whole && !v2_head_is_right(line)))
            return refuse(why);
        if (!whole)
            return PROXY_MORE;
        line->skip = v2_length(line) - v2_address_bytes(line);
    }
    const size_t want = V2_HEAD_BYTES + v2_address_bytes(line);
    if (line->len < want && !fill(line, input, want))
        return PROXY_MORE;
    const size_t n = input->len < line->skip ? input->len : line->skip;
    *input = str_slice(*input, n, input->len);
    line->skip -= n;
    if (line->skip > 0)
        return PROXY_MORE;
    read_v2_addresses(line);
    return PROXY_DONE;
}

enum proxy_event proxy_line_next(struct proxy_line *line, struct str *input, struct reason *why)
{
    if (input->len == 0)
        return PROXY_MORE;
    const uint8_t first = line->len ? line->head[0] : (uint8_t)input->ptr[0];
    return first == signature[0] ? take_v2(line, input, why) : take_v1(line, input, why);
}
