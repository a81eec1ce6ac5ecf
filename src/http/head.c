#include "http/head.h"

#include "http/refuse.h"

enum { METHOD_MAX_BYTES = 32, LENGTH_DIGITS_MAX = 19 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static enum status refuse_version(struct str version, struct reason *why)
{
    reason_set(why, "http_version_not_supported",
               "This server speaks HTTP/1.1 and HTTP/1.0, not %.*s.",
               "本服务器支持 HTTP/1.1 和 HTTP/1.0，不支持 %.*s。", STR_ARG(version));
    reason_hint(why, "Let the client, or the proxy in front of this server, use HTTP/1.1.",
                "请让客户端或本服务器前面的代理使用 HTTP/1.1。");
    return STATUS_INVALID;
}

static enum status parse_version(struct str text, struct http_request *request, struct reason *why)
{
    if (text.len != 8 || !str_starts(text, "HTTP/") || !is_digit(text.ptr[5]) ||
        text.ptr[6] != '.' || !is_digit(text.ptr[7]))
        return http_refuse(why,
                           "The request line does not end in an HTTP version such as HTTP/1.1.",
                           "请求行末尾不是 HTTP/1.1 这样的 HTTP 版本。");
    if (str_is(text, "HTTP/1.1")) {
        request->version = HTTP_1_1;
        return STATUS_OK;
    }
    if (str_is(text, "HTTP/1.0")) {
        request->version = HTTP_1_0;
        return STATUS_OK;
    }
    return refuse_version(text, why);
}

/* RFC 3986 allows fewer characters, but clients send "{", "|" and the like in queries; blanks,
 * controls, bytes beyond ASCII and fragments have no place. */
static bool is_target_text(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] <= ' ' || text.ptr[i] >= 0x7f || text.ptr[i] == '#')
            return false;
    return true;
}

/* host[:port] with a registered name, an IPv4 address, or an IPv6 address in brackets. */
static bool is_authority(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        const char c = text.ptr[i];
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c);
        if (!letter && (c == '\0' || !strchr("-._~!$&'()*+;=%:[]", c)))
            return false;
    }
    return true;
}

/* "http://host/path" without its scheme and authority. False if it is no such thing. */
static bool take_authority(struct str target, struct str *authority, struct str *rest)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        const size_t len = strlen(schemes[i]);
        if (!str_ieq(str_slice(target, 0, len), str_from(schemes[i])))
            continue;
        *rest = str_slice(target, len, target.len);
        size_t end = 0;
        while (end < rest->len && rest->ptr[end] != '/' && rest->ptr[end] != '?')
            end++;
        *authority = str_slice(*rest, 0, end);
        *rest = str_slice(*rest, end, rest->len);
        return authority->len > 0 && is_authority(*authority);
    }
    return false;
}

static enum status parse_target(struct http_request *request, struct reason *why)
{
    struct str path = request->target, authority;
    if (!is_target_text(path))
        return http_refuse(
            why, "The path of the request holds a character that must be percent-encoded.",
            "请求路径中含有必须进行百分号编码的字符。");
    if (str_is(path, "*") && str_is(request->method, "OPTIONS")) {
        request->path = path;
        return STATUS_OK;
    }
    if (path.len > 0 && path.ptr[0] != '/' && !take_authority(path, &authority, &path))
        return http_refuse(why,
                           "The target of the request is neither a path nor a complete http URL.",
                           "请求目标既不是路径，也不是完整的 http URL。");
    const char *mark = path.len ? memchr(path.ptr, '?', path.len) : NULL;
    const size_t end = mark ? (size_t)(mark - path.ptr) : path.len;
    request->query = str_slice(path, mark ? end + 1 : end, path.len);
    request->path = end ? str_slice(path, 0, end) : STR("/");
    return STATUS_OK;
}

enum status http_head_request_line(struct str line, struct http_request *request,
                                   struct reason *why)
{
    const char *first = memchr(line.ptr, ' ', line.len);
    if (!first)
        return http_refuse(why, "The request line does not hold a method, a path and a version.",
                           "请求行没有同时包含方法、路径和版本。");
    const size_t method = (size_t)(first - line.ptr);
    const struct str rest = str_slice(line, method + 1, line.len);
    const char *second = memchr(rest.ptr, ' ', rest.len);
    if (!second || second == rest.ptr)
        return http_refuse(why, "The request line does not hold a method, a path and a version.",
                           "请求行没有同时包含方法、路径和版本。");
    const size_t target = (size_t)(second - rest.ptr);
    request->method = str_slice(line, 0, method);
    request->target = str_slice(rest, 0, target);
    if (!http_is_token(request->method) || method > METHOD_MAX_BYTES)
        return http_refuse(why, "The method of the request is not valid.", "请求方法无效。");
    if (str_is(request->method, "PRI")) /* reserved for the preface (RFC 9113, 3.4) */
        return refuse_version(STR("HTTP/2"), why);
    const enum status status = parse_version(str_slice(rest, target + 1, rest.len), request, why);
    return status == STATUS_OK ? parse_target(request, why) : status;
}

/* The only header of that name; *found is NULL if there is none. Two are refused. */
static enum status only(const struct http_request *request, const char *name,
                        const struct http_header **found, struct reason *why)
{
    *found = NULL;
    for (size_t i = 0; i < request->header_count; i++) {
        if (!str_ieq(request->headers[i].name, str_from(name)))
            continue;
        if (*found) {
            reason_set(why, "bad_request", "The request has more than one %s header.",
                       "请求中有多个 %s 头。", name);
            return STATUS_INVALID;
        }
        *found = &request->headers[i];
    }
    return STATUS_OK;
}

static enum status read_host(const struct http_request *request, struct reason *why)
{
    const struct http_header *host;
    const enum status status = only(request, "Host", &host, why);
    if (status != STATUS_OK)
        return status;
    if (!host && request->version == HTTP_1_1)
        return http_refuse(why, "An HTTP/1.1 request needs a Host header.",
                           "HTTP/1.1 请求必须带有 Host 头。");
    if (host && !is_authority(host->value))
        return http_refuse(why, "The Host header is not a host name with an optional port.",
                           "Host 头不是主机名加可选端口。");
    struct str authority, rest;
    if (host && take_authority(request->target, &authority, &rest) &&
        !str_ieq(authority, host->value))
        return http_refuse(why,
                           "The Host header and the URL of the request line name different hosts.",
                           "Host 头与请求行中的 URL 指向不同的主机。");
    return STATUS_OK;
}

/* Blanks around a value are no part of it, but some programs do not know the tab for one, and would
 * frame the message otherwise. The header's line is still there, with its CRLF. */
static enum status refuse_tab(const struct http_header *header, struct reason *why)
{
    for (const char *at = header->name.ptr + header->name.len; *at != '\r'; at++)
        if (*at == '\t')
            return http_refuse(why, "A header that frames the request holds a tab.",
                               "决定请求边界的请求头中含有制表符。");
    return STATUS_OK;
}

static enum status read_content_length(struct http_request *request, bool *present,
                                       struct reason *why)
{
    const struct http_header *header;
    enum status status = only(request, "Content-Length", &header, why);
    *present = header != NULL;
    if (status == STATUS_OK && header)
        status = refuse_tab(header, why);
    if (status != STATUS_OK || !header)
        return status;
    const struct str digits = header->value;
    uint64_t value = 0;
    for (size_t i = 0; i < digits.len; i++) {
        if (!is_digit(digits.ptr[i]))
            return http_refuse(why, "The Content-Length is not a plain number.",
                               "Content-Length 不是纯数字。");
        value = i < LENGTH_DIGITS_MAX ? value * 10 + (uint64_t)(digits.ptr[i] - '0') : UINT64_MAX;
    }
    if (digits.len == 0)
        return http_refuse(why, "The Content-Length is empty.", "Content-Length 为空。");
    request->content_length = value;
    return STATUS_OK;
}

/* Codings other than chunked are not offered; chunked must come once, and last. */
static enum status read_codings(struct str list, struct reason *why)
{
    struct str coding;
    bool chunked = false, other = false;
    if (list.len == 0 || list.ptr[list.len - 1] == ',')
        return http_refuse(why, "The Transfer-Encoding header has an empty element.",
                           "Transfer-Encoding 头中有空元素。");
    while (http_list_next(&list, &coding)) {
        if (!http_is_token(coding))
            return http_refuse(why, "The Transfer-Encoding header is not a list of names.",
                               "Transfer-Encoding 头不是名称列表。");
        if (chunked)
            return http_refuse(why, "In Transfer-Encoding, chunked must come once, and last.",
                               "Transfer-Encoding 中 chunked 只能出现一次，且必须在最后。");
        if (str_ieq(coding, STR("chunked")))
            chunked = true;
        else
            other = true;
    }
    if (other) {
        reason_set(why, "not_implemented",
                   "The only transfer coding that this server reads is chunked.",
                   "本服务器只支持 chunked 传输编码。");
        reason_hint(why, "Send the body as it is, with Content-Length or chunked.",
                    "请直接发送请求体，使用 Content-Length 或 chunked。");
        return STATUS_INVALID;
    }
    return STATUS_OK;
}

static enum status read_framing(struct http_request *request, struct reason *why)
{
    const struct http_header *coding;
    bool has_length;
    enum status status = read_content_length(request, &has_length, why);
    if (status == STATUS_OK)
        status = only(request, "Transfer-Encoding", &coding, why);
    if (status != STATUS_OK || !coding)
        return status;
    if (has_length)
        return http_refuse(why, "The request has both Content-Length and Transfer-Encoding.",
                           "请求同时带有 Content-Length 和 Transfer-Encoding。");
    if (request->version == HTTP_1_0)
        return http_refuse(why, "HTTP/1.0 has no Transfer-Encoding.",
                           "HTTP/1.0 没有 Transfer-Encoding。");
    status = refuse_tab(coding, why);
    if (status == STATUS_OK)
        status = read_codings(coding->value, why);
    request->chunked = status == STATUS_OK;
    return status;
}

static enum status read_expect(struct http_request *request, struct reason *why)
{
    for (size_t i = 0; i < request->header_count; i++) {
        const struct http_header *header = &request->headers[i];
        if (!str_ieq(header->name, STR("Expect")))
            continue;
        if (!str_ieq(header->value, STR("100-continue"))) {
            reason_set(why, "expectation_failed",
                       "The only expectation that this server meets is 100-continue.",
                       "本服务器只支持 Expect: 100-continue。");
            return STATUS_INVALID;
        }
        request->expects_continue = request->version == HTTP_1_1;
    }
    return STATUS_OK;
}

static void read_connection(struct http_request *request)
{
    bool close = false, keep_alive = false;
    for (size_t i = 0; i < request->header_count; i++) {
        const struct http_header *header = &request->headers[i];
        if (!str_ieq(header->name, STR("Connection")))
            continue;
        close = close || http_list_has(header->value, "close");
        keep_alive = keep_alive || http_list_has(header->value, "keep-alive");
    }
    request->keep_alive = !close && (request->version == HTTP_1_1 || keep_alive);
}

/* "Content_Length": some programs take an underscore for a dash, and would frame by it. */
static enum status refuse_look_alikes(const struct http_request *request, struct reason *why)
{
    static const char *const names[] = {"Content-Length", "Transfer-Encoding"};
    for (size_t i = 0; i < request->header_count; i++) {
        const struct str name = request->headers[i].name;
        for (size_t k = 0; k < ARRAY_LEN(names); k++) {
            const char *dash = strchr(names[k], '-');
            const size_t at = (size_t)(dash - names[k]);
            if (name.len == strlen(names[k]) && name.ptr[at] == '_' &&
                str_ieq(str_slice(name, 0, at), str_slice(str_from(names[k]), 0, at)) &&
                str_ieq(str_slice(name, at + 1, name.len), str_from(dash + 1)))
                return http_refuse(why,
                                   "A header looks like Content-Length or Transfer-Encoding, "
                                   "but is spelt with an underscore.",
                                   "有一个请求头形似 Content-Length 或 Transfer-Encoding，"
                                   "却用下划线拼写。");
        }
    }
    return STATUS_OK;
}

enum status http_head_finish(struct http_request *request, struct reason *why)
{
    enum status status = refuse_look_alikes(request, why);
    if (status == STATUS_OK)
        status = read_host(request, why);
    if (status == STATUS_OK)
        status = read_framing(request, why);
    if (status == STATUS_OK)
        status = read_expect(request, why);
    read_connection(request);
    return status;
}

struct str http_head_guess(struct str bytes, const char *name)
{
    const struct str wanted = str_from(name);
    while (bytes.len > 0) {
        const char *lf = memchr(bytes.ptr, '\n', bytes.len);
        const size_t end = lf ? (size_t)(lf - bytes.ptr) : bytes.len;
        const struct str line = str_slice(bytes, 0, end);
        if (line.len > wanted.len && line.ptr[wanted.len] == ':' &&
            str_ieq(str_slice(line, 0, wanted.len), wanted))
            return str_trim(str_slice(line, wanted.len + 1, line.len));
        bytes = str_slice(bytes, lf ? end + 1 : end, bytes.len);
    }
    return (struct str){0};
}
