#include "client/endpoint.h"

#include "base/buf.h"
#include "client/proxy.h"
#include "config/number.h"
#include "os/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    ENDPOINT_ARENA_MAX = 64 << 20,
    KEY_FILE_MAX = 16 << 10,
    CONNECT_TIMEOUT_MAX_MS = 10000,
};

const char *endpoint_lookup(const struct endpoint *e, const char *name)
{
    const char *value = getenv(name);
    if (!value)
        value = env_file_get(&e->env_file, name);
    return value && *value ? value : NULL;
}

static struct sourced from_variable(const struct endpoint *e, const char *name)
{
    const char *value = getenv(name);
    if (value)
        return (struct sourced){*value ? value : NULL, name, ORIGIN_ENVIRONMENT};
    value = env_file_get(&e->env_file, name);
    return (struct sourced){value && *value ? value : NULL, name, ORIGIN_ENV_FILE};
}

/* flag, else the first of the variables (the last one NULL) that has a value, else the default */
static struct sourced choose(const struct endpoint *e, const char *flag, const char *flag_name,
                             const char *const *variables, const char *fallback)
{
    if (flag)
        return (struct sourced){flag, flag_name, ORIGIN_FLAG};
    for (; *variables; variables++) {
        const struct sourced found = from_variable(e, *variables);
        if (found.value)
            return found;
    }
    return (struct sourced){fallback, NULL, ORIGIN_DEFAULT};
}

static enum status read_env_file(struct endpoint *e, const char *flag, struct reason *why)
{
    if (!flag && !file_exists(".env"))
        return STATUS_OK;
    e->env_file_path = flag ? flag : ".env";
    return env_file_read(&e->env_file, e->env_file_path, why);
}

static bool printable(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return false;
    return true;
}

static enum status check_key(const struct endpoint *e, struct reason *why)
{
    if (!e->api_key.value || printable(e->api_key.value))
        return STATUS_OK;
    char en[128], zh[128];
    endpoint_describe_source(e, &e->api_key, LANG_EN, en, sizeof en);
    endpoint_describe_source(e, &e->api_key, LANG_ZH, zh, sizeof zh);
    reason_set(why, "key_invalid", "The API key (%s%.0s) holds control characters.",
               "API 密钥（%.0s%s）含有控制字符。", en, zh);
    reason_hint(why, "Copy the key again, without line breaks.", "请重新复制密钥，不要带换行。");
    return STATUS_INVALID;
}

/* Of any kind: --api-key-file <(pass show qwen) is a pipe. */
static enum status read_key(const char *path, char *out, size_t size, struct reason *why)
{
    FILE *file = fopen(path, "re");
    const size_t len = file ? fread(out, 1, size - 1, file) : 0;
    const bool bad = !file || ferror(file);
    if (bad) {
        reason_set(why, "unreadable", "The key file %s cannot be read: %s.",
                   "无法读取密钥文件 %s：%s。", path, strerror(errno));
        reason_subject(why, "%s", path);
    }
    if (file)
        fclose(file);
    out[len] = '\0';
    return bad ? STATUS_IO : STATUS_OK;
}

static enum status read_key_file(struct endpoint *e, const char *path, struct reason *why)
{
    char text[KEY_FILE_MAX];
    const enum status status = read_key(path, text, sizeof text, why);
    if (status != STATUS_OK)
        return status;
    const struct str key = str_trim(str_from(text));
    e->api_key = (struct sourced){arena_strdup(&e->arena, key), "--api-key-file", ORIGIN_FLAG};
    explicit_bzero(text, sizeof text);
    if (!e->api_key.value)
        return reason_no_memory(why, key.len);
    if (key.len > 0)
        return STATUS_OK;
    reason_set(why, "key_empty", "The key file %s is empty.", "密钥文件 %s 是空的。", path);
    reason_subject(why, "%s", path);
    return STATUS_INVALID;
}

/* Public services that answer nobody without a key: there is no need to ask them. */
static bool always_wants_key(const char *host)
{
    static const char *const hosts[] = {"api.openai.com",
                                        "dashscope.aliyuncs.com",
                                        "dashscope-intl.aliyuncs.com",
                                        "dashscope-us.aliyuncs.com",
                                        "api.siliconflow.cn",
                                        "api.siliconflow.com",
                                        "openrouter.ai",
                                        "api.together.xyz",
                                        "api.fireworks.ai"};
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++)
        if (str_ieq(str_from(host), str_from(hosts[i])))
            return true;
    return false;
}

static enum status key_missing(const struct endpoint *e, struct reason *why)
{
    reason_set(why, "key_missing", "%s wants an API key, and none is configured.",
               "%s 需要 API 密钥，但没有配置。", e->url.host);
    reason_hint(why, "Set QWEN_API_KEY in the environment or in .env.",
                "请在环境变量或 .env 中设置 QWEN_API_KEY。");
    return STATUS_INVALID;
}

static bool sends_credential(const struct endpoint *e)
{
    for (size_t i = 0; i < e->header_count; i++) {
        const struct str header = str_from(e->headers[i]);
        const char *colon = strchr(header.ptr, ':');
        if (http_header_secret(str_slice(header, 0, (size_t)(colon - header.ptr))))
            return true;
    }
    return false;
}

static enum status set_key(struct endpoint *e, const struct endpoint_flags *flags,
                           struct reason *why)
{
    static const char *const variables[] = {"QWEN_API_KEY", "OPENAI_API_KEY", NULL};
    if (flags->api_key && !*flags->api_key) {
        reason_set(why, "key_empty", "--api-key is empty.", "--api-key 的值为空。");
        return STATUS_INVALID;
    }
    e->api_key = choose(e, flags->api_key, "--api-key", variables, NULL);
    if (!flags->api_key && flags->api_key_file) {
        const enum status status = read_key_file(e, flags->api_key_file, why);
        if (status != STATUS_OK)
            return status;
    }
    if (!e->api_key.value && always_wants_key(e->url.host) && !sends_credential(e))
        return key_missing(e, why);
    return check_key(e, why);
}

static enum status set_timeouts(struct endpoint *e, const struct endpoint_flags *flags,
                                struct reason *why)
{
    static const char *const variables[] = {"QWEN_API_TIMEOUT", NULL};
    int64_t ms;
    if (flags->timeout_s > 0) {
        ms = flags->timeout_s < 1e9 ? (int64_t)(flags->timeout_s * 1000) : INT64_C(1000000000000);
        e->timeout = (struct sourced){"", "--timeout", ORIGIN_FLAG};
    } else {
        e->timeout = choose(e, NULL, NULL, variables, "30s");
        if (!number_parse(SETTING_DURATION, str_trim(str_from(e->timeout.value)), &ms) || ms <= 0) {
            reason_set(why, "timeout_invalid", "QWEN_API_TIMEOUT is not a time: \"%s\".",
                       "QWEN_API_TIMEOUT 不是合法的时长：“%s”。", e->timeout.value);
            reason_hint(why, "Write seconds: 30, 1.5s, 500ms, 2m.",
                        "请写秒数，例如 30、1.5s、500ms、2m。");
            return STATUS_INVALID;
        }
    }
    e->transport.idle_timeout_ms = ms > 0 ? ms : 1;
    e->transport.connect_timeout_ms = ms < CONNECT_TIMEOUT_MAX_MS ? ms : CONNECT_TIMEOUT_MAX_MS;
    return STATUS_OK;
}

/* Lower case first; there an empty value switches the upper case off, as urllib has it. */
static struct sourced proxy_variable(const struct endpoint *e, const char *lower, const char *upper)
{
    const struct sourced found = from_variable(e, lower);
    return getenv(lower) || env_file_get(&e->env_file, lower) ? found : from_variable(e, upper);
}

static enum status set_proxy(struct endpoint *e, const char *flag, struct reason *why)
{
    if (flag) {
        e->proxy = (struct sourced){*flag ? flag : NULL, "--proxy", ORIGIN_FLAG};
    } else {
        e->proxy = e->url.tls ? proxy_variable(e, "https_proxy", "HTTPS_PROXY")
                              : proxy_variable(e, "http_proxy", "HTTP_PROXY");
        if (!e->proxy.value)
            e->proxy = proxy_variable(e, "all_proxy", "ALL_PROXY");
        const char *exempt = endpoint_lookup(e, "no_proxy");
        exempt = exempt ? exempt : endpoint_lookup(e, "NO_PROXY");
        const int port = e->url.explicit_port ? e->url.port : 0;
        if (exempt && proxy_bypassed(str_from(exempt), e->url.host, port))
            e->proxy.value = NULL;
    }
    if (!e->proxy.value)
        return STATUS_OK;
    struct buf text;
    buf_init(&text, 1024);
    proxy_write_public(&text, str_from(e->proxy.value));
    e->transport.proxy = e->proxy.value;
    e->transport.proxy_public = arena_strdup(&e->arena, buf_str(&text));
    buf_release(&text);
    return e->transport.proxy_public ? STATUS_OK : reason_no_memory(why, 1024);
}

static enum status set_headers(struct endpoint *e, const struct endpoint_flags *flags,
                               struct reason *why)
{
    e->headers = flags->headers;
    e->header_count = flags->header_count;
    if (e->header_count > ENDPOINT_HEADERS_MAX - 8) {
        reason_set(why, "header_invalid", "There are more than %d headers.", "请求头超过 %d 个。",
                   ENDPOINT_HEADERS_MAX - 8);
        return STATUS_INVALID;
    }
    for (size_t i = 0; i < e->header_count; i++) {
        const struct str header = str_from(e->headers[i]);
        const char *colon = strchr(header.ptr, ':');
        if (colon && colon != header.ptr && printable(header.ptr) &&
            strcspn(header.ptr, " \t") > (size_t)(colon - header.ptr))
            continue;
        reason_set(why, "header_invalid",
                   "Header %zu of --header is not of the form \"Name: value\".",
                   "第 %zu 个 --header 不是“名称: 值”的形式。", i + 1);
        return STATUS_INVALID;
    }
    return STATUS_OK;
}

static enum status set_base_url(struct endpoint *e, const char *flag, struct reason *why)
{
    static const char *const variables[] = {"QWEN_API_BASE_URL", "OPENAI_BASE_URL", NULL};
    e->base_url = choose(e, flag, "--base-url", variables, "http://localhost:8000");
    const enum status status = base_url_parse(e->base_url.value, &e->url, why);
    if (status != STATUS_OK && e->base_url.name)
        reason_subject(why, "%s", e->base_url.name);
    return status;
}

static enum status set_rest(struct endpoint *e, const struct endpoint_flags *flags,
                            struct reason *why)
{
    static const char *const models[] = {"QWEN_API_MODEL", NULL};
    e->model = choose(e, flags->model, "--model", models, "qwen-vl-8b");
    const char *version = endpoint_lookup(e, "APP_VERSION");
    const bool usable = version && printable(version);
    struct http_transport *t = &e->transport;
    t->user_agent =
        arena_printf(&e->arena, "qvl/" QVL_VERSION " (app/%s)", usable ? version : "1.0.0");
    t->ca_file = flags->ca_file ? flags->ca_file : endpoint_lookup(e, "SSL_CERT_FILE");
    t->certificate = flags->certificate;
    t->certificate_key = flags->certificate_key;
    t->insecure = flags->insecure;
    return t->user_agent ? STATUS_OK : reason_no_memory(why, 0);
}

enum status endpoint_init(struct endpoint *e, const struct endpoint_flags *flags,
                          struct reason *why)
{
    *e = (struct endpoint){0};
    arena_init(&e->arena, ENDPOINT_ARENA_MAX);
    env_file_init(&e->env_file);
    enum status status = read_env_file(e, flags->env_file, why);
    if (status == STATUS_OK)
        status = set_base_url(e, flags->base_url, why);
    if (status == STATUS_OK)
        status = set_headers(e, flags, why);
    if (status == STATUS_OK)
        status = set_key(e, flags, why);
    if (status == STATUS_OK)
        status = set_timeouts(e, flags, why);
    if (status == STATUS_OK)
        status = set_proxy(e, flags->proxy, why);
    if (status == STATUS_OK)
        status = set_rest(e, flags, why);
    if (status != STATUS_OK)
        endpoint_release(e);
    return status;
}

void endpoint_release(struct endpoint *e)
{
    env_file_release(&e->env_file);
    arena_release(&e->arena);
    *e = (struct endpoint){0};
}

void endpoint_describe_source(const struct endpoint *e, const struct sourced *setting,
                              enum lang lang, char *out, size_t size)
{
    const bool zh = lang == LANG_ZH;
    switch (setting->origin) {
    case ORIGIN_DEFAULT: snprintf(out, size, "%s", zh ? "默认值" : "the default"); break;
    case ORIGIN_FLAG: snprintf(out, size, "%s", setting->name); break;
    case ORIGIN_ENVIRONMENT:
        snprintf(out, size, zh ? "环境变量 %s" : "%s in the environment", setting->name);
        break;
    case ORIGIN_ENV_FILE:
        if (zh)
            snprintf(out, size, "%s 中的 %s", e->env_file_path, setting->name);
        else
            snprintf(out, size, "%s in %s", setting->name, e->env_file_path);
        break;
    }
}

static bool names_header(const char *header, const char *name)
{
    const size_t n = strlen(name);
    return strncasecmp(header, name, n) == 0 && header[n] == ':';
}

const char *const *endpoint_headers(struct endpoint *e, const char *const *first)
{
    const char **list = arena_array(&e->arena, ENDPOINT_HEADERS_MAX, sizeof *list);
    if (!list)
        return NULL;
    size_t count = 0;
    bool own_authorization = false;
    for (size_t i = 0; i < e->header_count; i++)
        own_authorization = own_authorization || names_header(e->headers[i], "authorization");
    for (; first && *first && count < 6; first++)
        list[count++] = *first;
    if (e->api_key.value && !own_authorization) {
        list[count] = arena_printf(&e->arena, "Authorization: Bearer %s", e->api_key.value);
        if (!list[count++])
            return NULL;
    }
    for (size_t i = 0; i < e->header_count; i++)
        list[count++] = e->headers[i];
    return list;
}

const char *endpoint_url(struct endpoint *e, const char *route)
{
    return arena_printf(&e->arena, "%s%s", e->url.api, route);
}
