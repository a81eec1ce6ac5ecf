#include "client/base_url.h"

#include "base/str.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

static enum status invalid(const char *en, const char *zh, struct reason *why)
{
    reason_set(why, "base_url_invalid", "%s%.0s", "%.0s%s", en, zh);
    reason_hint(why, "A base URL looks like http://localhost:8000 or https://host/v1.",
                "基础地址形如 http://localhost:8000 或 https://host/v1。");
    return STATUS_INVALID;
}

static enum status no_scheme(struct str text, struct reason *why)
{
    const bool secret = memchr(text.ptr, '@', text.len);
    reason_set(
        why, "base_url_no_scheme", "The base URL %.*s does not begin with http:// or https://.",
        "基础地址 %.*s 没有以 http:// 或 https:// 开头。", secret ? 0 : (int)text.len, text.ptr);
    reason_hint(why, "Write http://%.*s, or https:// if the server speaks TLS.",
                "请写成 http://%.*s；如果服务器使用 TLS，请写 https://。",
                secret ? 0 : (int)text.len, text.ptr);
    return STATUS_INVALID;
}

static bool chop(struct str *path, const char *tail)
{
    if (!str_ends(*path, tail))
        return false;
    path->len -= strlen(tail);
    return true;
}

static void chop_slashes(struct str *path)
{
    while (path->len > 0 && path->ptr[path->len - 1] == '/')
        path->len--;
}

/* Cuts "/v1" (any "/v" and digits) off; false: the path does not end in a version. */
static bool chop_version(struct str *path)
{
    size_t at = path->len;
    while (at > 0 && path->ptr[at - 1] >= '0' && path->ptr[at - 1] <= '9')
        at--;
    if (at == path->len || at < 2 || path->ptr[at - 1] != 'v' || path->ptr[at - 2] != '/')
        return false;
    path->len = at - 2;
    return true;
}

/* "//a///b" → "/a/b", in place. */
static void squeeze_slashes(char *path)
{
    char *to = path;
    for (const char *from = path; *from; from++)
        if (*from != '/' || to == path || to[-1] != '/')
            *to++ = *from;
    *to = '\0';
}

static bool chop_endpoint(struct str *path)
{
    static const char *const routes[] = {"/chat/completions", "/completions", "/models",
                                         "/responses", "/embeddings"};
    for (size_t i = 0; i < ARRAY_LEN(routes); i++)
        if (chop(path, routes[i]))
            return true;
    return false;
}

/* Writes root and api from the origin ("http://host:1") and the path. */
static bool join(struct base_url *url, const char *origin, char *text)
{
    squeeze_slashes(text);
    struct str path = str_from(text);
    chop_slashes(&path);
    url->full_endpoint = chop_endpoint(&path);
    chop_slashes(&path);
    struct str root = path;
    const bool as_written = chop_version(&root) || (url->full_endpoint && root.len > 0);
    const int n = snprintf(url->root, sizeof url->root, "%s%.*s", origin, STR_ARG(root));
    snprintf(url->api, sizeof url->api, "%s%.*s%s", origin, STR_ARG(path), as_written ? "" : "/v1");
    return n >= 0 && (size_t)n < sizeof url->root && strlen(origin) + path.len < BASE_URL_MAX;
}

static char *part(CURLU *parsed, CURLUPart what, unsigned flags)
{
    char *text = NULL;
    return curl_url_get(parsed, what, &text, flags) == CURLUE_OK ? text : NULL;
}

static void set_host(struct base_url *url, const char *host)
{
    struct str name = str_from(host);
    if (str_starts(name, "[") && str_ends(name, "]"))
        name = str_slice(name, 1, name.len - 1);
    snprintf(url->host, sizeof url->host, "%.*s", STR_ARG(name));
    url->loopback = str_is(name, "localhost") || str_ends(name, ".localhost") ||
                    str_starts(name, "127.") || str_is(name, "::1");
}

static enum status take_parts(CURLU *parsed, struct base_url *url, struct reason *why)
{
    char *scheme = part(parsed, CURLUPART_SCHEME, 0), *host = part(parsed, CURLUPART_HOST, 0);
    char *port = part(parsed, CURLUPART_PORT, CURLU_DEFAULT_PORT);
    char *given_port = part(parsed, CURLUPART_PORT, 0), *path = part(parsed, CURLUPART_PATH, 0);
    enum status status = STATUS_OK;
    char origin[BASE_URL_MAX];
    if (!scheme || !host || !port || !path) {
        status = reason_no_memory(why, BASE_URL_MAX);
    } else {
        const int n = snprintf(origin, sizeof origin, "%s://%s%s%s", scheme, host,
                               given_port ? ":" : "", given_port ? given_port : "");
        url->tls = strcmp(scheme, "https") == 0;
        url->port = atoi(port);
        url->explicit_port = given_port;
        set_host(url, host);
        if (n < 0 || (size_t)n >= sizeof origin || strlen(host) >= sizeof url->host ||
            !join(url, origin, path))
            status = invalid("The base URL is too long.", "基础地址过长。", why);
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_free(given_port);
    curl_free(path);
    return status;
}

static bool has(CURLU *parsed, CURLUPart what)
{
    char *text = part(parsed, what, 0);
    curl_free(text);
    return text;
}

static enum status check_parts(CURLU *parsed, struct reason *why)
{
    if (has(parsed, CURLUPART_USER) || has(parsed, CURLUPART_PASSWORD))
        return invalid("The base URL holds a user name or a password; "
                       "send credentials with --api-key or --header.",
                       "基础地址中含有用户名或密码；请用 --api-key 或 --header 传递凭证。", why);
    if (has(parsed, CURLUPART_QUERY) || has(parsed, CURLUPART_FRAGMENT))
        return invalid("The base URL holds a query (\"?…\") or a fragment (\"#…\").",
                       "基础地址中含有查询串（“?…”）或片段（“#…”）。", why);
    return STATUS_OK;
}

enum status base_url_parse(const char *text, struct base_url *url, struct reason *why)
{
    *url = (struct base_url){0};
    const struct str trimmed = str_trim(str_from(text));
    char copy[BASE_URL_MAX];
    if (trimmed.len == 0)
        return invalid("The base URL is empty.", "基础地址为空。", why);
    if (trimmed.len >= sizeof copy)
        return invalid("The base URL is too long.", "基础地址过长。", why);
    memcpy(copy, trimmed.ptr, trimmed.len);
    copy[trimmed.len] = '\0';
    if (!strstr(copy, "://"))
        return no_scheme(trimmed, why);
    if (!str_ieq(str_slice(trimmed, 0, 7), STR("http://")) &&
        !str_ieq(str_slice(trimmed, 0, 8), STR("https://")))
        return invalid("The base URL has a scheme other than http:// and https://.",
                       "基础地址的协议既不是 http:// 也不是 https://。", why);
    CURLU *parsed = curl_url();
    if (!parsed)
        return reason_no_memory(why, BASE_URL_MAX);
    enum status status = STATUS_OK;
    if (curl_url_set(parsed, CURLUPART_URL, copy, 0) != CURLUE_OK)
        status = invalid("The base URL is not a valid URL.", "基础地址不是合法的网址。", why);
    if (status == STATUS_OK)
        status = check_parts(parsed, why);
    if (status == STATUS_OK)
        status = take_parts(parsed, url, why);
    curl_url_cleanup(parsed);
    return status;
}
