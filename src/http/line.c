#include "http/line.h"

#include "http/refuse.h"
#include "http/request.h"

enum http_line http_line_take(struct buf *out, struct str *input, size_t room)
{
    const size_t looked_at = input->len < room ? input->len : room;
    const char *lf = looked_at ? memchr(input->ptr, '\n', looked_at) : NULL;
    if (!lf && input->len >= room)
        return LINE_TOO_LONG;
    const size_t taken = lf ? (size_t)(lf - input->ptr) + 1 : looked_at;
    buf_add(out, input->ptr, taken);
    *input = str_slice(*input, taken, input->len);
    if (out->failed)
        return LINE_NO_MEMORY;
    return lf ? LINE_COMPLETE : LINE_PARTIAL;
}

enum status http_line_check(struct str raw, struct str *line, struct reason *why)
{
    if (!str_ends(raw, "\r\n"))
        return http_refuse(why, "A line of the request ends in LF without CR.",
                           "请求中有一行以单独的 LF 结尾，缺少 CR。");
    *line = str_slice(raw, 0, raw.len - 2);
    if (memchr(line->ptr, '\r', line->len))
        return http_refuse(why, "A line of the request holds a CR that does not end it.",
                           "请求中有一行在行尾以外出现了 CR。");
    if (memchr(line->ptr, '\0', line->len))
        return http_refuse(why, "The head of the request holds a NUL byte.",
                           "请求头部包含 NUL 字节。");
    return STATUS_OK;
}

static struct str trim_blanks(struct str text)
{
    while (text.len > 0 && (text.ptr[0] == ' ' || text.ptr[0] == '\t'))
        text = str_slice(text, 1, text.len);
    while (text.len > 0 && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t'))
        text.len--;
    return text;
}

/* Why the part before the colon is no name. */
static enum status bad_name(struct str name, struct reason *why)
{
    if (name.len == 0)
        return http_refuse(why, "A header has no name before its colon.",
                           "有一个请求头在冒号前没有名称。");
    if (name.ptr[name.len - 1] == ' ' || name.ptr[name.len - 1] == '\t')
        return http_refuse(why, "A header name is followed by a blank before its colon.",
                           "请求头名称与冒号之间有空白字符。");
    return http_refuse(why, "A header name holds a character that is not allowed there.",
                       "请求头名称中含有不允许的字符。");
}

void http_field_parts(struct str line, struct str *name, struct str *value)
{
    const char *colon = memchr(line.ptr, ':', line.len);
    const size_t at = (size_t)(colon - line.ptr);
    *name = str_slice(line, 0, at);
    *value = trim_blanks(str_slice(line, at + 1, line.len));
}

enum status http_field_split(struct str line, struct str *name, struct str *value,
                             struct reason *why)
{
    if (line.len > 0 && (line.ptr[0] == ' ' || line.ptr[0] == '\t')) {
        return http_refuse(why,
                           "A header line begins with a blank; folded headers are not accepted.",
                           "有一行请求头以空白开头；不接受折行的请求头。");
    }
    if (line.len == 0 || !memchr(line.ptr, ':', line.len))
        return http_refuse(why, "A header line has no colon.", "有一行请求头缺少冒号。");
    http_field_parts(line, name, value);
    if (!http_is_token(*name))
        return bad_name(*name, why);
    if (!http_is_field_text(*value)) {
        reason_set(why, "bad_request", "The header %.*s holds a control character.",
                   "请求头 %.*s 中含有控制字符。", (int)(name->len < 64 ? name->len : 64),
                   name->ptr);
        return STATUS_INVALID;
    }
    return STATUS_OK;
}
