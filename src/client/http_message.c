#include "client/http_message.h"

enum { HEAD_MAX = 256 << 10 };

void http_response_init(struct http_response *response, size_t max_body_bytes)
{
    *response = (struct http_response){0};
    buf_init(&response->head, HEAD_MAX);
    buf_init(&response->body, max_body_bytes);
    buf_init(&response->sent, HEAD_MAX);
}

void http_response_release(struct http_response *response)
{
    buf_release(&response->head);
    buf_release(&response->body);
    buf_release(&response->sent);
}

void http_response_clear(struct http_response *response)
{
    buf_clear(&response->head);
    buf_clear(&response->body);
    buf_clear(&response->sent);
    *response = (struct http_response){
        .head = response->head, .body = response->body, .sent = response->sent};
}

/* Takes the next line, without its end, from *text. */
static bool next_line(struct str *text, struct str *line)
{
    if (text->len == 0)
        return false;
    const char *end = memchr(text->ptr, '\n', text->len);
    const size_t len = end ? (size_t)(end - text->ptr) : text->len;
    *line = str_trim(str_slice(*text, 0, len));
    *text = str_slice(*text, len + 1, text->len);
    return true;
}

/* False: the line has no colon, it is a request or status line. */
static bool split(struct str line, struct str *name, struct str *value)
{
    const char *colon = line.len > 0 ? memchr(line.ptr, ':', line.len) : NULL;
    if (!colon)
        return false;
    const size_t at = (size_t)(colon - line.ptr);
    *name = str_slice(line, 0, at);
    *value = str_trim(str_slice(line, at + 1, line.len));
    return !memchr(name->ptr, ' ', name->len);
}

struct str http_header(const struct http_response *response, const char *name)
{
    struct str rest = buf_str(&response->head), line, key, value;
    while (next_line(&rest, &line))
        if (split(line, &key, &value) && str_ieq(key, str_from(name)))
            return value;
    return (struct str){0};
}

bool http_content_is(const struct http_response *response, const char *media_type)
{
    const struct str type = http_header(response, "content-type");
    const char *end = type.len > 0 ? memchr(type.ptr, ';', type.len) : NULL;
    const size_t len = end ? (size_t)(end - type.ptr) : type.len;
    return str_ieq(str_trim(str_slice(type, 0, len)), str_from(media_type));
}

bool http_header_secret(struct str name)
{
    static const char *const names[] = {"authorization", "proxy-authorization", "cookie",
                                        "set-cookie",    "x-api-key",           "api-key",
                                        "x-auth-token"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_ieq(name, str_from(names[i])))
            return true;
    return false;
}

static void write_text(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] >= 0x20 && text.ptr[i] != 0x7f)
            buf_putc(out, text.ptr[i]);
}

static void write_masked(struct buf *out, struct str name, struct str value)
{
    const char *blank = value.len > 0 ? memchr(value.ptr, ' ', value.len) : NULL;
    const bool has_scheme = blank && str_ends(name, "uthorization");
    write_text(out, name);
    buf_puts(out, ": ");
    if (has_scheme)
        write_text(out, str_slice(value, 0, (size_t)(blank - value.ptr) + 1));
    buf_puts(out, "***");
}

void http_head_write(struct buf *out, struct str head, const char *prefix)
{
    struct str line, name, value;
    while (next_line(&head, &line)) {
        if (line.len == 0)
            continue;
        buf_puts(out, prefix);
        if (split(line, &name, &value) && http_header_secret(name))
            write_masked(out, name, value);
        else
            write_text(out, line);
        buf_putc(out, '\n');
    }
}
