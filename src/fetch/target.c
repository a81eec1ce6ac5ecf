#include "fetch/target.h"

#include "base/buf.h"

#include <curl/curl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

bool fetch_target_is(struct str url)
{
    return str_ieq(str_slice(url, 0, 5), STR("http:")) ||
           str_ieq(str_slice(url, 0, 6), STR("https:"));
}

/* What a URL is called in sentences: without credentials, query and fragment, printable, cut. */
static void show(struct str url, char out[FETCH_SHOWN_MAX])
{
    size_t len = 0;
    while (len < url.len && url.ptr[len] != '?' && url.ptr[len] != '#')
        len++;
    const struct str plain = str_slice(url, 0, len);
    size_t authority = 0, end = len;
    for (size_t i = 0; i + 2 < len && !authority; i++)
        if (memcmp(plain.ptr + i, "://", 3) == 0)
            authority = i + 3;
    for (size_t i = authority; i < len && end == len; i++)
        if (plain.ptr[i] == '/')
            end = i;
    size_t host = authority;
    for (size_t i = authority; i < end; i++)
        if (plain.ptr[i] == '@')
            host = i + 1;
    snprintf(out, FETCH_SHOWN_MAX, "%.*s%.*s", STR_ARG(str_slice(plain, 0, authority)),
             STR_ARG(str_slice(plain, host, len)));
    if (authority + len - host >= FETCH_SHOWN_MAX)
        memcpy(out + FETCH_SHOWN_MAX - 4, "...", 4);
}

static enum status refuse_url(enum fetch_kind kind, struct str url, const char *en, const char *zh,
                              struct reason *why)
{
    char shown[FETCH_SHOWN_MAX];
    show(url, shown);
    return fetch_fault(kind, shown, "invalid_value", en, zh, why);
}

static enum status explain(enum fetch_kind kind, struct str url, CURLUcode code, struct reason *why)
{
    switch (code) {
    case CURLUE_OUT_OF_MEMORY: return reason_no_memory(why, url.len);
    case CURLUE_USER_NOT_ALLOWED:
        return refuse_url(kind, url, "a URL here may hold no user name or password",
                          "此处的地址不能包含用户名或密码", why);
    case CURLUE_BAD_PORT_NUMBER:
        return refuse_url(kind, url, "the port is no number from 1 to 65535",
                          "端口不是 1 到 65535 的整数", why);
    case CURLUE_BAD_HOSTNAME:
    case CURLUE_BAD_IPV6:
    case CURLUE_NO_HOST:
        return refuse_url(kind, url, "the host is neither a name nor an address",
                          "主机既不是名称也不是地址", why);
    default: return refuse_url(kind, url, "it is not a well-formed URL", "网址格式不正确", why);
    }
}

static enum status refuse_scheme(enum fetch_kind kind, struct str url, struct reason *why)
{
    char shown[FETCH_SHOWN_MAX];
    show(url, shown);
    return fetch_fault(kind, shown, "image_scheme_not_supported",
                       "only http: and https: lead there", "只支持 http: 和 https:", why);
}

/* https://fetch.spec.whatwg.org/#port-blocking */
static bool port_is_bad(uint16_t port)
{
    static const uint16_t ports[] = {
        0,    1,    7,    9,    11,   13,   15,   17,   19,   20,   21,   22,   23,   25,
        37,   42,   43,   53,   69,   77,   79,   87,   95,   101,  102,  103,  104,  109,
        110,  111,  113,  115,  117,  119,  123,  135,  137,  139,  143,  161,  179,  389,
        427,  465,  512,  513,  514,  515,  526,  530,  531,  532,  540,  548,  554,  556,
        563,  587,  601,  636,  989,  990,  993,  995,  1719, 1720, 1723, 2049, 3659, 4045,
        4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080};
    for (size_t i = 0; i < ARRAY_LEN(ports); i++)
        if (ports[i] == port)
            return true;
    return false;
}

static char *part(CURLU *handle, CURLUPart which, unsigned flags, CURLUcode *code)
{
    char *text = NULL;
    *code = curl_url_get(handle, which, &text, flags);
    if (*code == CURLUE_OK)
        return text;
    curl_free(text); /* libcurl 7.88 leaves a host that it could not convert */
    return NULL;
}

/* As inet_aton takes it: up to four numbers, decimal, octal or hexadecimal. A name whose last label
 * is of this kind is no name anywhere (WHATWG URL, "ends in a number"). */
static bool ends_in_number(const char *host)
{
    const char *dot = strrchr(host, '.');
    const char *last = dot ? dot + 1 : host;
    if (last[0] == '0' && (last[1] == 'x' || last[1] == 'X'))
        return strspn(last + 2, "0123456789abcdefABCDEF") == strlen(last + 2);
    return strspn(last, "0123456789") == strlen(last);
}

static bool is_name(const char *host)
{
    return host[0] && host[0] != '.' && !strstr(host, "..") && !ends_in_number(host) &&
           strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == strlen(host);
}

static bool is_ascii(const char *text)
{
    while (*text && (unsigned char)*text < 0x80) /* char has no sign on aarch64 */
        text++;
    return *text == '\0';
}

/* libcurl's IDN conversion reads the host in the locale's charset. */
static char *ascii_host(CURLU *handle, CURLUcode *code)
{
    const locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    const locale_t before = utf8 ? uselocale(utf8) : (locale_t)0;
    char *host = part(handle, CURLUPART_HOST, CURLU_PUNYCODE, code);
    char *plain = host ? NULL : part(handle, CURLUPART_HOST, 0, code);
    if (plain) /* libcurl 7.88 says of a conversion that failed that there is no memory */
        *code = is_ascii(plain) ? CURLUE_OUT_OF_MEMORY : CURLUE_BAD_HOSTNAME;
    curl_free(plain);
    if (utf8) {
        uselocale(before);
        freelocale(utf8);
    }
    return host;
}

static void take_host(char *host, struct fetch_target *out)
{
    size_t len = strlen(host);
    if (host[0] == '[' && host[len - 1] == ']') {
        memmove(host, host + 1, len - 2);
        host[len -= 2] = '\0';
    } else if (len > 0 && host[len - 1] == '.') {
        host[--len] = '\0';
    }
    for (size_t i = 0; i < len; i++)
        if (host[i] >= 'A' && host[i] <= 'Z')
            host[i] = (char)(host[i] | 0x20);
    snprintf(out->host, sizeof out->host, "%s", len < FETCH_HOST_MAX ? host : "");
    out->is_address = address_parse(str_from(out->host), &out->address);
    if (out->is_address)
        address_write(&out->address, out->host);
}

static CURLUcode set_host(CURLU *handle, struct fetch_target *out)
{
    CURLUcode code, zone_code;
    char *host = ascii_host(handle, &code);
    char *zone = part(handle, CURLUPART_ZONEID, 0, &zone_code);
    if (code == CURLUE_OK && zone_code == CURLUE_OUT_OF_MEMORY)
        code = zone_code;
    if (code == CURLUE_OK) {
        take_host(host, out);
        if (zone || (!out->is_address && !is_name(out->host)))
            code = CURLUE_BAD_HOSTNAME;
    }
    curl_free(host);
    curl_free(zone);
    if (code != CURLUE_OK)
        return code;
    char bracketed[FETCH_HOST_MAX + 2];
    const bool v6 = out->is_address && !address_is_v4(&out->address);
    snprintf(bracketed, sizeof bracketed, v6 ? "[%s]" : "%s", out->host);
    return curl_url_set(handle, CURLUPART_HOST, bracketed, 0);
}

/* Bytes that people paste into URLs though they stand for themselves nowhere: blanks, and letters
 * that are not ASCII. */
static CURLUcode escape(CURLU *handle, CURLUPart which)
{
    CURLUcode code;
    char *text = part(handle, which, 0, &code);
    if (!text)
        return code == CURLUE_NO_QUERY ? CURLUE_OK : code;
    struct buf escaped;
    buf_init(&escaped, 3 * FETCH_URL_MAX);
    for (const char *c = text; *c; c++) {
        if (*c > ' ' && *c < 0x7f)
            buf_putc(&escaped, *c);
        else
            buf_printf(&escaped, "%%%02X", (unsigned char)*c);
    }
    if (escaped.failed)
        code = CURLUE_OUT_OF_MEMORY;
    else if (escaped.len != strlen(text)) /* else it stays as it was signed, to the letter */
        code = curl_url_set(handle, which, escaped.data, 0);
    buf_release(&escaped);
    curl_free(text);
    return code;
}

static CURLUcode take_port(CURLU *handle, struct fetch_target *out)
{
    CURLUcode code;
    char *port = part(handle, CURLUPART_PORT, CURLU_DEFAULT_PORT, &code);
    if (port)
        out->port = (uint16_t)strtoul(port, NULL, 10);
    curl_free(port);
    return code;
}

static CURLUcode write_url(CURLU *handle, struct fetch_target *out)
{
    CURLUcode code = curl_url_set(handle, CURLUPART_FRAGMENT, NULL, 0);
    if (code == CURLUE_OK)
        code = escape(handle, CURLUPART_PATH);
    if (code == CURLUE_OK)
        code = escape(handle, CURLUPART_QUERY);
    char *url = code == CURLUE_OK ? part(handle, CURLUPART_URL, 0, &code) : NULL;
    if (!url)
        return code;
    out->url = strdup(url);
    curl_free(url);
    if (!out->url)
        return CURLUE_OUT_OF_MEMORY;
    show(str_from(out->url), out->shown);
    return CURLUE_OK;
}

static CURLUcode take_scheme(CURLU *handle, struct fetch_target *out)
{
    CURLUcode code;
    char *scheme = part(handle, CURLUPART_SCHEME, 0, &code);
    out->tls = scheme && strcmp(scheme, "https") == 0;
    if (code != CURLUE_OUT_OF_MEMORY && !out->tls && (!scheme || strcmp(scheme, "http") != 0))
        code = CURLUE_UNSUPPORTED_SCHEME;
    curl_free(scheme);
    return code;
}

static enum status take(CURLU *handle, struct str url, enum fetch_kind kind,
                        struct fetch_target *out, struct reason *why)
{
    *out = (struct fetch_target){0};
    CURLUcode code = take_scheme(handle, out);
    if (code == CURLUE_UNSUPPORTED_SCHEME)
        return refuse_scheme(kind, url, why);
    if (code == CURLUE_OK)
        code = set_host(handle, out);
    if (code == CURLUE_OK)
        code = take_port(handle, out);
    if (code == CURLUE_OK)
        code = write_url(handle, out);
    if (code != CURLUE_OK)
        return explain(kind, url, code, why);
    if (!port_is_bad(out->port))
        return STATUS_OK;
    const enum status status = fetch_fault_printf(kind, out->shown, why, "image_address_blocked",
                                                  "port %d belongs to another protocol",
                                                  "端口 %d 属于其他协议", out->port);
    fetch_target_release(out);
    return status;
}

/* `url` as libcurl's parser takes it; relative to what the handle holds. */
static enum status parse(CURLU *handle, struct str url, enum fetch_kind kind,
                         struct fetch_target *out, struct reason *why)
{
    char copy[FETCH_URL_MAX + 1];
    if (url.len > FETCH_URL_MAX)
        return refuse_url(kind, url, "the URL has more than 8192 bytes", "网址超过 8192 字节", why);
    if (url.len == 0 || memchr(url.ptr, '\0', url.len))
        return refuse_url(kind, url, "it is not a well-formed URL", "网址格式不正确", why);
    memcpy(copy, url.ptr, url.len);
    copy[url.len] = '\0';
    const CURLUcode code =
        curl_url_set(handle, CURLUPART_URL, copy, CURLU_DISALLOW_USER | CURLU_ALLOW_SPACE);
    if (code == CURLUE_UNSUPPORTED_SCHEME || code == CURLUE_BAD_SCHEME ||
        code == CURLUE_BAD_FILE_URL)
        return refuse_scheme(kind, url, why);
    return code == CURLUE_OK ? take(handle, url, kind, out, why) : explain(kind, url, code, why);
}

/* libcurl's parser takes one slash to three. */
static bool has_authority(struct str url)
{
    const size_t start = str_ieq(str_slice(url, 0, 8), STR("https://"))  ? 8
                         : str_ieq(str_slice(url, 0, 7), STR("http://")) ? 7
                                                                         : url.len;
    return start < url.len && url.ptr[start] != '/';
}

enum status fetch_target_parse(struct str url, enum fetch_kind kind, struct fetch_target *out,
                               struct reason *why)
{
    if (fetch_target_is(url) && !has_authority(url))
        return refuse_url(kind, url, "it is not a well-formed URL", "网址格式不正确", why);
    CURLU *handle = curl_url();
    if (!handle)
        return reason_no_memory(why, url.len);
    const enum status status = parse(handle, url, kind, out, why);
    curl_url_cleanup(handle);
    return status;
}

enum status fetch_target_follow(const struct fetch_target *from, struct str location,
                                enum fetch_kind kind, struct fetch_target *out, struct reason *why)
{
    CURLU *handle = curl_url();
    if (!handle || curl_url_set(handle, CURLUPART_URL, from->url, 0) != CURLUE_OK) {
        curl_url_cleanup(handle);
        return reason_no_memory(why, location.len);
    }
    const enum status status = parse(handle, location, kind, out, why);
    curl_url_cleanup(handle);
    return status;
}

void fetch_target_release(struct fetch_target *target)
{
    free(target->url);
    target->url = NULL;
}
