/* What an answer means and what to do about it: one function per class. */
#include "client/retry.h"
#include "client/server_error.h"

#include <stdio.h>

struct answer {
    const struct server_error *error;
    const struct http_response *response;
    const struct endpoint *endpoint;
    const struct clock *clock;
    int status;
};

static void key_wanted(struct reason *why)
{
    reason_set(why, "key_missing", "The server wants an API key, and none is configured (401).",
               "服务器要求 API 密钥，但没有配置（401）。");
    reason_hint(why, "Set QWEN_API_KEY in the environment or in .env.",
                "请在环境变量或 .env 中设置 QWEN_API_KEY。");
}

static void unauthorized(const struct answer *a, struct reason *why)
{
    const struct endpoint *e = a->endpoint;
    if (!e->api_key.value && e->header_count == 0) {
        key_wanted(why);
        return;
    }
    reason_set(why, "unauthorized", "The server does not accept the API key (401).",
               "服务器不接受该 API 密钥（401）。");
    if (!e->api_key.value)
        return;
    char en[128], zh[128];
    endpoint_describe_source(e, &e->api_key, LANG_EN, en, sizeof en);
    endpoint_describe_source(e, &e->api_key, LANG_ZH, zh, sizeof zh);
    reason_hint(why, "The key comes from %s%.0s; is it whole, still valid, and one for %s?",
                "密钥来自%.0s%s；请确认它完整、未失效，并且属于 %s。", en, zh, e->url.root);
}

static void forbidden(const struct answer *a, struct reason *why)
{
    reason_set(why, "forbidden", "The server forbids this request (403).",
               "服务器禁止该请求（403）。");
    if (a->error->json)
        reason_hint(why,
                    "The key, this address or a header may not be allowed; whoever runs the "
                    "service can look up the request id.",
                    "密钥、本机地址或某个请求头可能不被允许；服务管理员可凭请求编号查明原因。");
    else
        reason_hint(why,
                    "The answer is not the API's own: a proxy or firewall in front of the service "
                    "may have refused.",
                    "应答并非 API 自身的格式：可能是服务前面的代理或防火墙拒绝了请求。");
}

static void not_found(const struct answer *a, struct reason *why)
{
    const struct endpoint *e = a->endpoint;
    if (str_starts(a->error->code, "model_not_") || str_is(a->error->type, "NotFoundError")) {
        reason_set(why, "model_not_found", "The server has no model %s for this key (404).",
                   "服务器没有可供该密钥使用的模型 %s（404）。", e->model.value);
        reason_hint(why, "Choose another with --model; GET %s/models lists them.",
                    "请用 --model 另选；GET %s/models 可列出全部模型。", e->url.api);
        return;
    }
    reason_set(why, "not_found", "The server does not know %s/chat/completions (404).",
               "服务器上没有 %s/chat/completions（404）。", e->url.api);
    reason_hint(why, "Is the base URL %s that of the API?", "请确认基础地址 %s 是否为 API 地址。",
                e->url.root);
}

static void too_large(struct reason *why)
{
    reason_set(why, "request_too_large", "The request is too large for the server (413).",
               "请求过大，服务器不接受（413）。");
    reason_hint(why,
                "Send smaller pictures, or raise the limit: server.max_body, and "
                "client_max_body_size in nginx.",
                "请缩小图片，或调大限制：server.max_body，以及 nginx 的 client_max_body_size。");
}

static void rejected(const struct answer *a, struct reason *why)
{
    reason_set(why, "rejected", "The server rejects the request (%d).", "服务器拒绝该请求（%d）。",
               a->status);
    reason_hint(why, "Change the request as the server's message says.",
                "请按服务器给出的说明修改请求。");
}

static void limited(const struct answer *a, struct reason *why)
{
    const int64_t wait_ms = retry_after_ms(a->response, a->clock);
    reason_set(why, "rate_limited", "The server's limit for this caller is reached (429).",
               "已达到服务器对该调用方的限制（429）。");
    if (str_is(a->error->code, "quota_exceeded") || str_is(a->error->code, "insufficient_quota"))
        reason_hint(why, "The quota is used up; a short wait does not help.",
                    "配额已用完，短暂等待没有帮助。");
    else if (wait_ms >= 0)
        reason_hint(why, "Try again in %g s; --max-wait lets qvl wait that long.",
                    "请在 %g 秒后重试；--max-wait 可让 qvl 等待更久。", (double)wait_ms / 1000);
    else
        reason_hint(why, "Ask less often, or ask for a higher limit.",
                    "请降低请求频率，或申请更高的限额。");
}

static void failed(const struct answer *a, struct reason *why)
{
    if (a->status == 503) {
        reason_set(why, "unavailable", "The server cannot answer now (503).",
                   "服务器暂时无法应答（503）。");
        reason_hint(why, "It may be loading, full or draining; %s/health/ready says which.",
                    "服务可能正在加载、已满或正在退出；%s/health/ready 会给出状态。",
                    a->endpoint->url.root);
    } else if (a->status == 502 || a->status == 504) {
        reason_set(why, a->status == 502 ? "bad_gateway" : "gateway_timeout",
                   "A proxy in front of the service got no good answer from it (%d).",
                   "服务前面的代理没有从服务得到有效应答（%d）。", a->status);
        reason_hint(why, "Is the service behind the proxy running, and fast enough for its limits?",
                    "请确认代理后面的服务正在运行，且响应时间在代理的限制之内。");
    } else {
        reason_set(why, "server_error", "The server failed (%d).", "服务器出错（%d）。", a->status);
        reason_hint(why, "The server's log says why; look for the request id.",
                    "原因在服务器日志中，请按请求编号查找。");
    }
}

static void redirected(const struct answer *a, struct reason *why)
{
    const struct str to = http_header(a->response, "location");
    reason_set(why, "redirect_changes_request", "The server redirects the request (%d) to %.*s.",
               "服务器把请求重定向（%d）到 %.*s。", a->status, STR_ARG(to));
    reason_hint(why, "Set the base URL to the place it redirects to.",
                "请把基础地址改为重定向的目标。");
}

static void html(const struct answer *a, struct reason *why)
{
    reason_set(why, "not_an_api", "The answer is an HTML page, not that of an API: \"%.*s\".",
               "应答是一个 HTML 页面，而不是 API 的应答：“%.*s”。", STR_ARG(a->error->title));
    reason_hint(why, "Check the base URL; a login page or a proxy may stand in between.",
                "请检查基础地址；中间可能有登录页或代理。");
}

static void nonsense(const struct answer *a, struct reason *why)
{
    const struct str type = http_header(a->response, "content-type");
    reason_set(why, "invalid_json_answer",
               "The answer is not that of a chat API (%d, content type \"%.*s\").",
               "应答不是对话 API 的应答（%d，内容类型“%.*s”）。", a->status, STR_ARG(type));
    reason_hint(why, "Check the base URL: %s is used.", "请检查基础地址：当前使用的是 %s。",
                a->endpoint->url.root);
}

void server_error_explain(const struct server_error *error, const struct http_response *response,
                          const struct endpoint *endpoint, const struct clock *clock,
                          struct reason *why)
{
    const struct answer a = {error, response, endpoint, clock, response->status};
    if (a.status == 401)
        unauthorized(&a, why);
    else if (a.status == 403)
        forbidden(&a, why);
    else if (a.status == 404)
        not_found(&a, why);
    else if (a.status == 413)
        too_large(why);
    else if (a.status == 429)
        limited(&a, why);
    else if (a.status >= 400 && a.status < 500)
        rejected(&a, why);
    else if (a.status >= 500)
        failed(&a, why);
    else if (a.status >= 300)
        redirected(&a, why);
    else if (error->html)
        html(&a, why);
    else
        nonsense(&a, why);
}

void endpoint_advise(const struct endpoint *e, struct reason *why)
{
    if (strcmp(why->code, "connection_refused") == 0 && e->url.loopback && !e->transport.proxy) {
        if (e->url.port == 8000)
            reason_hint(why, "Start it with: qvl serve", "请先启动服务：qvl serve");
        else
            reason_hint(why, "Start it with: qvl serve --port %d",
                        "请先启动服务：qvl serve --port %d", e->url.port);
    } else if (strcmp(why->code, "dns_not_found") == 0 && e->base_url.name) {
        char en[128], zh[128];
        endpoint_describe_source(e, &e->base_url, LANG_EN, en, sizeof en);
        endpoint_describe_source(e, &e->base_url, LANG_ZH, zh, sizeof zh);
        reason_hint(why,
                    "The base URL comes from %s%.0s; check its spelling and this machine's DNS.",
                    "基础地址来自%.0s%s；请检查拼写和本机的 DNS。", en, zh);
    }
}
