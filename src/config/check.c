#include "config/check.h"

#include "os/file.h"

static enum status at(const struct settings *settings, const char *path, struct reason *why)
{
    char place[256];
    origin_place(snapshot_origin(settings->snapshot, path), place);
    reason_subject(why, "%s", place);
    return STATUS_INVALID;
}

static enum status check_listeners(const struct settings *settings, struct reason *why)
{
    if (settings->server.listen.count > 0)
        return STATUS_OK;
    reason_set(why, "config_invalid_value", "server.listen names no address to listen on.",
               "server.listen 没有给出可监听的地址。");
    return at(settings, "server.listen", why);
}

static enum status check_tls(const struct settings *settings, struct reason *why)
{
    const char *certificate = settings->server.tls.certificate, *key = settings->server.tls.key;
    if (!certificate[0] != !key[0]) {
        reason_set(why, "config_invalid_value",
                   "server.tls.certificate and server.tls.key must both be set, or neither.",
                   "server.tls.certificate 与 server.tls.key 必须同时设置，或都不设置。");
        return at(settings, certificate[0] ? "server.tls.certificate" : "server.tls.key", why);
    }
    for (size_t i = 0; i < settings->server.listen.count && !certificate[0]; i++) {
        const struct listener *listener = &settings->server.listen.items[i];
        if (listener->kind != LISTENER_TCP || listener->scheme != LISTENER_HTTPS)
            continue;
        reason_set(why, "config_invalid_value", "%s needs a certificate.", "%s 需要证书。",
                   listener->text);
        reason_hint(why, "Set server.tls.certificate and server.tls.key.",
                    "请设置 server.tls.certificate 和 server.tls.key。");
        return at(settings, "server.listen", why);
    }
    return STATUS_OK;
}

static enum status refuse_open(const struct settings *settings, const char *address,
                               struct reason *why)
{
    reason_set(why, "config_invalid_value",
               "Others can reach %s, and no key is required: this must be said in so many words.",
               "其他机器可以访问 %s，且不需要密钥：这必须明确声明。", address);
    reason_hint(why,
                "Set access.require_key: false (--no-access.require-key) to serve anybody who can "
                "reach this address, or listen on 127.0.0.1.",
                "若要为所有能访问该地址的人服务，请设置 access.require_key: "
                "false（--no-access.require-key）；否则请监听 127.0.0.1。");
    return at(settings, "server.listen", why);
}

/* This version keeps no keys, so a key cannot be required, and doing without must be said. */
static enum status check_keys(const struct settings *settings, struct reason *why)
{
    const enum tristate require = settings->access.require_key;
    if (require == TRISTATE_YES) {
        reason_set(why, "config_invalid_value",
                   "access.require_key: true is not possible: this version keeps no API keys.",
                   "无法使用 access.require_key: true：此版本没有 API 密钥存储。");
        reason_hint(why, "Listen on 127.0.0.1 only, behind a proxy that checks keys.",
                    "请只监听 127.0.0.1，并由前面的代理检查密钥。");
        return at(settings, "access.require_key", why);
    }
    const struct listener *open = listeners_first_open(&settings->server.listen);
    return require == TRISTATE_NO || !open ? STATUS_OK : refuse_open(settings, open->text, why);
}

enum status settings_check_address(const struct settings *settings, const char *address,
                                   struct reason *why)
{
    struct arena arena;
    struct listener listener;
    arena_init(&arena, 1 << 16);
    const enum status status = listener_parse(str_from(address), &arena, &listener, why);
    const bool allowed = settings->access.require_key == TRISTATE_NO ||
                         (status == STATUS_OK && listener_is_local(&listener));
    arena_release(&arena);
    return status ? status : allowed ? STATUS_OK : refuse_open(settings, address, why);
}

static enum status check_pixels(const struct settings *settings, struct reason *why)
{
    const int64_t min = settings->model.image.min_pixels, max = settings->model.image.max_pixels;
    if (min < 0 || max < 0 || min <= max)
        return STATUS_OK;
    reason_set(why, "config_invalid_value",
               "model.image.min_pixels (%lld) is more than model.image.max_pixels (%lld).",
               "model.image.min_pixels（%lld）大于 model.image.max_pixels（%lld）。",
               (long long)min, (long long)max);
    return at(settings, "model.image.min_pixels", why);
}

static enum status check_file_root(const struct settings *settings, struct reason *why)
{
    const char *root = settings->model.image.file_root;
    if (!root[0] || file_is_directory(root))
        return STATUS_OK;
    reason_set(why, "config_invalid_value", "model.image.file_root: %s is not a directory.",
               "model.image.file_root：%s 不是目录。", root);
    return at(settings, "model.image.file_root", why);
}

enum status settings_check(const struct settings *settings, struct reason *why)
{
    enum status status = check_listeners(settings, why);
    if (!status)
        status = check_tls(settings, why);
    if (!status)
        status = check_keys(settings, why);
    if (!status)
        status = check_pixels(settings, why);
    return status ? status : check_file_root(settings, why);
}
