#include "http/chunked.h"

#include "http/line.h"
#include "http/refuse.h"
#include "http/request.h"

/* A size line without extension: sixteen digits and CRLF. */
enum { SIZE_DIGITS_MAX = 16, SIZE_LINE_BYTES = SIZE_DIGITS_MAX + 2 };

void http_chunked_init(struct http_chunked *chunked, uint64_t limit, uint32_t overhead)
{
    *chunked = (struct http_chunked){.limit = limit, .overhead_left = overhead};
    buf_init(&chunked->line, (size_t)overhead + SIZE_LINE_BYTES);
}

void http_chunked_release(struct http_chunked *chunked)
{
    buf_release(&chunked->line);
}

static enum http_chunked_event bad(struct reason *why, const char *en, const char *zh)
{
    (void)http_refuse(why, en, zh);
    return CHUNKED_ERROR;
}

static enum http_chunked_event too_much_overhead(struct reason *why)
{
    reason_set(why, "headers_too_large",
               "The extensions or trailers of the chunked body are too large.",
               "分块请求体的扩展或尾部字段过大。");
    return CHUNKED_ERROR;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Takes `name` or `name=value` or `name="quoted"` off the front of an extension. */
static bool take_extension(struct str *text)
{
    size_t at = 0;
    while (at < text->len && http_is_token_char(text->ptr[at]))
        at++;
    bool good = at > 0;
    if (good && at < text->len && text->ptr[at] == '=') {
        const size_t begin = ++at;
        if (at < text->len && text->ptr[at] == '"') {
            for (at++; at < text->len && text->ptr[at] != '"'; at++)
                at += text->ptr[at] == '\\' && at + 1 < text->len;
            at++; /* beyond the text if the quote is not closed */
        } else {
            while (at < text->len && http_is_token_char(text->ptr[at]))
                at++;
        }
        good = at > begin && at <= text->len;
    }
    *text = str_slice(*text, at, text->len);
    return good;
}

/* What may follow the size: ";name", ";name=value", any number of times (RFC 9112, 7.1.1). The
 * blanks that old senders put there are not taken: programs differ about them. */
static bool is_extension(struct str text)
{
    if (!http_is_field_text(text))
        return false;
    while (text.len > 0) {
        if (text.ptr[0] != ';')
            return false;
        text = str_slice(text, 1, text.len);
        if (!take_extension(&text))
            return false;
    }
    return true;
}

static enum http_chunked_event begin_chunk(struct http_chunked *chunked, struct str line,
                                           struct reason *why)
{
    uint64_t size = 0;
    size_t digits = 0;
    while (digits < line.len && hex_digit(line.ptr[digits]) >= 0) {
        if (digits == SIZE_DIGITS_MAX)
            return bad(why, "The size of a chunk has too many digits.", "分块大小的位数过多。");
        size = size << 4 | (uint64_t)hex_digit(line.ptr[digits++]);
    }
    const struct str extension = str_slice(line, digits, line.len);
    if (digits == 0)
        return bad(why, "A chunk does not begin with its size in hexadecimal digits.",
                   "分块没有以十六进制大小开头。");
    if (!is_extension(extension))
        return bad(why, "The size of a chunk is followed by something that is no extension.",
                   "分块大小之后的内容不是合法的扩展。");
    if (extension.len > chunked->overhead_left)
        return too_much_overhead(why);
    chunked->overhead_left -= (uint32_t)extension.len;
    if (size > chunked->limit - chunked->total) {
        reason_set(why, "body_too_large",
                   "The request body is larger than the limit of %llu bytes.",
                   "请求体超过 %llu 字节的上限。", (unsigned long long)chunked->limit);
        return CHUNKED_ERROR;
    }
    chunked->total += size;
    chunked->left = size;
    chunked->state = size ? CHUNK_DATA : CHUNK_TRAILER;
    return CHUNKED_MORE;
}

/* Trailers are dropped, so they are only checked: a framing field there is an attempt. */
static enum http_chunked_event take_trailer(struct http_chunked *chunked, struct str line,
                                            struct reason *why)
{
    static const char *const forbidden[] = {"content-length", "transfer-encoding", "host",
                                            "trailer",        "connection",        "te"};
    if (line.len == 0)
        return CHUNKED_END;
    if (line.len > chunked->overhead_left)
        return too_much_overhead(why);
    chunked->overhead_left -= (uint32_t)line.len;
    struct str name, value;
    if (http_field_split(line, &name, &value, why) != STATUS_OK)
        return CHUNKED_ERROR;
    for (size_t i = 0; i < ARRAY_LEN(forbidden); i++)
        if (str_ieq(name, str_from(forbidden[i])))
            return bad(why, "A trailer of the chunked body changes how the message is framed.",
                       "分块请求体的尾部字段试图改变消息的分帧方式。");
    return CHUNKED_MORE;
}

static enum http_chunked_event take_line(struct http_chunked *chunked, struct str *input,
                                         struct reason *why)
{
    const size_t room = chunked->line.max - chunked->line.len;
    switch (http_line_take(&chunked->line, input, room)) {
    case LINE_PARTIAL: return CHUNKED_MORE;
    case LINE_TOO_LONG: return too_much_overhead(why);
    case LINE_NO_MEMORY: (void)reason_no_memory(why, chunked->line.max); return CHUNKED_ERROR;
    case LINE_COMPLETE: break;
    }
    struct str line;
    if (http_line_check(buf_str(&chunked->line), &line, why) != STATUS_OK)
        return CHUNKED_ERROR;
    const enum http_chunked_event event = chunked->state == CHUNK_SIZE
                                              ? begin_chunk(chunked, line, why)
                                              : take_trailer(chunked, line, why);
    buf_clear(&chunked->line);
    return event;
}

static enum http_chunked_event take_data(struct http_chunked *chunked, struct str *input,
                                         struct str *piece)
{
    const size_t len = input->len < chunked->left ? input->len : (size_t)chunked->left;
    *piece = str_slice(*input, 0, len);
    *input = str_slice(*input, len, input->len);
    chunked->left -= len;
    if (chunked->left == 0) {
        chunked->state = CHUNK_DATA_END;
        chunked->end_seen = 0;
    }
    return CHUNKED_DATA;
}

static enum http_chunked_event take_data_end(struct http_chunked *chunked, struct str *input,
                                             struct reason *why)
{
    if (input->ptr[0] != "\r\n"[chunked->end_seen])
        return bad(why, "The data of a chunk is not followed by CRLF.", "分块数据之后缺少 CRLF。");
    *input = str_slice(*input, 1, input->len);
    if (++chunked->end_seen == 2)
        chunked->state = CHUNK_SIZE;
    return CHUNKED_MORE;
}

enum http_chunked_event http_chunked_next(struct http_chunked *chunked, struct str *input,
                                          struct str *piece, struct reason *why)
{
    while (input->len > 0) {
        enum http_chunked_event event = CHUNKED_MORE;
        switch (chunked->state) {
        case CHUNK_SIZE:
        case CHUNK_TRAILER: event = take_line(chunked, input, why); break;
        case CHUNK_DATA: event = take_data(chunked, input, piece); break;
        case CHUNK_DATA_END: event = take_data_end(chunked, input, why); break;
        }
        if (event != CHUNKED_MORE)
            return event;
    }
    return CHUNKED_MORE;
}
