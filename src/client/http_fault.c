#include "client/http_fault.h"

#include "base/str.h"

#include <errno.h>

static double seconds(int64_t ms)
{
    return (double)ms / 1000;
}

static void dns_not_found(const struct fault_context *c, struct reason *why)
{
    reason_set(why, "dns_not_found", "There is no host named %s (DNS).", "找不到主机 %s（DNS）。",
               c->host);
    reason_hint(why, "Check the spelling of the base URL and this machine's network and DNS.",
                "请检查基础地址的拼写，以及本机的网络与 DNS 设置。");
}

static void proxy_not_found(const struct fault_context *c, struct reason *why)
{
    reason_set(why, "proxy_not_found", "The host of the proxy %s is not found (DNS).",
               "找不到代理 %s 的主机（DNS）。", c->proxy);
    reason_hint(
        why, "Check --proxy, HTTP_PROXY, HTTPS_PROXY, ALL_PROXY; NO_PROXY exempts hosts.",
        "请检查 --proxy、HTTP_PROXY、HTTPS_PROXY、ALL_PROXY；NO_PROXY 可让指定主机不走代理。");
}

static void proxy_unreachable(const struct fault_context *c, const char *cause, struct reason *why)
{
    reason_set(why, "proxy_unreachable", "The proxy %s cannot be reached (%s).",
               "无法连接代理 %s（%s）。", c->proxy, cause);
    reason_hint(why,
                "Check --proxy, HTTP_PROXY, HTTPS_PROXY, ALL_PROXY; NO_PROXY=%s goes around "
                "the proxy.",
                "请检查 --proxy、HTTP_PROXY、HTTPS_PROXY、ALL_PROXY；设置 NO_PROXY=%s 可绕过代理。",
                c->host);
}

static void refused(const struct fault_context *c, struct reason *why)
{
    reason_set(why, "connection_refused", "Nothing listens at %s (connection refused).",
               "%s 没有服务在监听（连接被拒绝）。", c->url);
    reason_hint(why, "Is the service running, and is the port right?",
                "请确认服务已启动，端口是否正确。");
}

static void unreachable(const struct fault_context *c, const char *cause, struct reason *why)
{
    reason_set(why, "network_unreachable", "There is no way to %s from here (%s).",
               "从本机无法到达 %s（%s）。", c->host, cause);
    reason_hint(why, "Check this machine's network, routes and VPN.",
                "请检查本机的网络、路由与 VPN。");
}

static void not_connected(const struct fault_context *c, int os_error, struct reason *why)
{
    const char *cause = os_error ? strerror(os_error) : "connect failed";
    if (c->proxy)
        proxy_unreachable(c, cause, why);
    else if (os_error == ECONNREFUSED)
        refused(c, why);
    else
        unreachable(c, cause, why);
}

static void was_reset(const struct fault_context *c, const struct http_response *r,
                      struct reason *why)
{
    if (r->status > 0)
        reason_set(why, "connection_reset", "%s broke the connection off within its answer.",
                   "%s 在返回应答的中途断开了连接。", c->url);
    else
        reason_set(why, "connection_reset", "%s broke the connection off without an answer.",
                   "%s 没有应答就断开了连接。", c->url);
    reason_hint(why,
                "The server or a proxy in front of it may have crashed or restarted; see its "
                "log.",
                "服务器或其前面的代理可能崩溃或重启了，请查看其日志。");
}

static void cut(const struct fault_context *c, struct reason *why)
{
    reason_set(why, "truncated_answer", "The answer of %s ended too early.", "%s 的应答提前结束。",
               c->url);
    reason_hint(why, "The server or a proxy in front of it closed the connection; see its log.",
                "服务器或其前面的代理关闭了连接，请查看其日志。");
}

static void empty(const struct fault_context *c, struct reason *why)
{
    reason_set(why, "empty_reply", "%s closed the connection without an answer.",
               "%s 没有应答就关闭了连接。", c->url);
    reason_hint(why, "Does an HTTP server listen there, and does it speak TLS (https://)?",
                "请确认那里是 HTTP 服务器，以及它是否要求 TLS（https://）。");
}

static void not_http(const struct fault_context *c, struct reason *why)
{
    reason_set(why, "not_http", "What listens at %s does not speak HTTP.",
               "%s 上的服务使用的不是 HTTP 协议。", c->url);
    reason_hint(why, "Check the port, and whether the URL must begin with https://.",
                "请检查端口，以及网址是否应以 https:// 开头。");
}

static void connect_timeout(const struct fault_context *c, const struct http_response *r,
                            struct reason *why)
{
    const char *party = c->proxy ? c->proxy : c->url;
    if (r->phase == HTTP_PHASE_DNS) {
        reason_set(why, "dns_timeout", "The name %s was not resolved within %g s.",
                   "未能解析主机名 %s（限时 %g 秒）。", c->host, seconds(c->connect_timeout_ms));
        reason_hint(why, "Check this machine's DNS servers.", "请检查本机的 DNS 服务器。");
        return;
    }
    if (r->phase == HTTP_PHASE_TLS)
        reason_set(why, "tls_timeout", "%s did not finish the TLS handshake within %g s.",
                   "%s 未在限定时间（%g 秒）内完成 TLS 握手。", party,
                   seconds(c->connect_timeout_ms));
    else
        reason_set(why, "connection_timeout", "%s did not accept a connection within %g s.",
                   "%s 未在限定时间（%g 秒）内接受连接。", party, seconds(c->connect_timeout_ms));
    reason_hint(why, "A firewall may drop the packets; check host, port and network.",
                "可能有防火墙丢弃了数据包；请检查主机、端口与网络。");
}

static void tls_verify(const struct fault_context *c, CURL *easy, struct reason *why)
{
    /* X509_V_ERR_* of OpenSSL, which are also its numbers in `openssl verify`. */
    static const struct {
        long result;
        const char *code, *en, *zh;
    } rows[] = {
        {9, "tls_not_yet_valid", "is not valid yet", "尚未生效"},
        {10, "tls_expired", "has expired", "已过期"},
        {18, "tls_self_signed", "is self-signed", "是自签名的"},
        {19, "tls_self_signed", "leads to a self-signed authority", "来自自签名的机构"},
        {20, "tls_unknown_authority", "is from an unknown authority", "的签发机构不受信任"},
        {21, "tls_unknown_authority", "is from an unknown authority", "的签发机构不受信任"},
    };
    long result = 0;
    curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &result);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].result != result)
            continue;
        reason_set(why, rows[i].code, "The TLS certificate of %s %s%.0s.", "%s 的 TLS 证书%.0s%s。",
                   c->host, rows[i].en, rows[i].zh);
        reason_hint(why,
                    "Check the clock of this machine; name the authority's certificate with "
                    "--ca-file or SSL_CERT_FILE.",
                    "请检查本机时钟；可用 --ca-file 或 SSL_CERT_FILE 指定签发机构的证书。");
        return;
    }
    reason_set(why, result == 0 ? "tls_name_mismatch" : "tls_failed",
               "The TLS certificate of the server is not one for %s.",
               "服务器的 TLS 证书不适用于 %s。", c->host);
    reason_hint(why, "Use the name that the certificate is for.", "请使用证书所对应的主机名。");
}

static void tls_failed(const struct fault_context *c, const char *detail, struct reason *why)
{
    if (strstr(detail, "wrong version number") || strstr(detail, "packet length too long")) {
        reason_set(why, "plain_server_on_https_url",
                   "The server at %s:%d speaks plain HTTP, not TLS.",
                   "%s:%d 上的服务器使用明文 HTTP，而不是 TLS。", c->host, c->port);
        reason_hint(why, "Write http:// instead of https://.", "请把 https:// 改为 http://。");
        return;
    }
    const struct str shown = str_trim(str_from(detail));
    reason_set(why, "tls_failed", "The TLS handshake with %s failed: %.*s.",
               "与 %s 的 TLS 握手失败：%.*s。", c->host, STR_ARG(shown));
    reason_hint(why,
                "The server may want a client certificate (--cert, --key) or another TLS "
                "version.",
                "服务器可能要求客户端证书（--cert、--key）或其他 TLS 版本。");
}

static void file_invalid(const char *code, const char *file, const char *detail, struct reason *why)
{
    reason_set(why, code, "The certificate file %s cannot be used: %s.",
               "证书文件 %s 无法使用：%s。", file ? file : "?", detail);
    reason_subject(why, "%s", file ? file : "");
}

/* True if the proxy answered CONNECT with a refusal. */
static bool proxy_refused(const struct fault_context *c, CURL *easy, struct reason *why)
{
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_HTTP_CONNECTCODE, &status);
    if (!c->proxy || status < 300)
        return false;
    if (status == 407) {
        reason_set(why, "proxy_auth_required", "The proxy %s wants a user name and password (407).",
                   "代理 %s 要求用户名和密码（407）。", c->proxy);
        reason_hint(why, "Write them into the proxy's URL: http://USER:PASSWORD@HOST:PORT.",
                    "请写入代理地址：http://用户名:密码@主机:端口。");
        return true;
    }
    reason_set(why, "proxy_blocks", "The proxy %s refuses to connect to %s (%ld).",
               "代理 %s 拒绝连接 %s（%ld）。", c->proxy, c->host, status);
    reason_hint(why, "NO_PROXY=%s goes around the proxy.", "设置 NO_PROXY=%s 可绕过代理。",
                c->host);
    return true;
}

static void other(CURLcode code, struct reason *why)
{
    reason_set(why, "transfer_failed", "The request failed: %s.", "请求失败：%s。",
               curl_easy_strerror(code));
}

static void broken(const struct fault_context *c, CURL *easy, const struct http_response *r,
                   struct reason *why)
{
    if (!proxy_refused(c, easy, why))
        was_reset(c, r, why);
}

void fault_describe(const struct fault_context *c, CURL *easy, CURLcode code,
                    const struct http_response *r, const char *detail, struct reason *why)
{
    long os_error = 0;
    curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &os_error);
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST: dns_not_found(c, why); break;
    case CURLE_COULDNT_RESOLVE_PROXY: proxy_not_found(c, why); break;
    case CURLE_COULDNT_CONNECT: not_connected(c, (int)os_error, why); break;
    case CURLE_OPERATION_TIMEDOUT: connect_timeout(c, r, why); break;
    case CURLE_GOT_NOTHING: empty(c, why); break;
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR: broken(c, easy, r, why); break;
    case CURLE_PARTIAL_FILE:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM: cut(c, why); break;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY: not_http(c, why); break;
    case CURLE_PEER_FAILED_VERIFICATION: tls_verify(c, easy, why); break;
    case CURLE_SSL_CONNECT_ERROR: tls_failed(c, detail, why); break;
    case CURLE_SSL_CACERT_BADFILE: file_invalid("ca_file_invalid", c->ca_file, detail, why); break;
    case CURLE_SSL_CERTPROBLEM:
        file_invalid("certificate_file_invalid", c->certificate, detail, why);
        break;
    default: other(code, why); break;
    }
}

void fault_describe_idle(const struct fault_context *c, const struct http_response *r,
                         struct reason *why)
{
    const double limit = seconds(c->idle_timeout_ms);
    if (r->phase == HTTP_PHASE_BODY)
        reason_set(why, "idle_timeout", "%s stopped in the middle of its answer for %g s.",
                   "%s 的应答中断了 %g 秒。", c->url, limit);
    else
        reason_set(why, "first_byte_timeout", "%s did not answer within %g s.",
                   "%s 在 %g 秒内没有应答。", c->url, limit);
    reason_hint(why, "A large model may need longer: --timeout SECONDS or QWEN_API_TIMEOUT.",
                "大模型可能需要更长时间：请用 --timeout 秒数 或 QWEN_API_TIMEOUT 调大。");
}
