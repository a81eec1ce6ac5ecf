#include "fetch/fault.h"

#include <stdio.h>
#include <string.h>

static const struct hint {
    const char *code, *text[LANG_COUNT];
} hints[] = {
    {"image_dns_failed",
     {"Check the spelling. A name that only your network knows: send the file as a data URL.",
      "请检查拼写。如果该名称只在您的网络中有效，请以 data URL 发送文件。"}},
    {"image_connect_failed",
     {"It is the server that connects, not your computer: try the URL there, or send the file as a "
      "data URL.",
      "连接由服务器发起，而不是您的电脑：请在服务器上尝试该网址，或以 data URL 发送文件。"}},
    {"image_tls_failed",
     {"Correct the host's certificate, or send the file as a data URL.",
      "请修正该主机的证书，或以 data URL 发送文件。"}},
    {"image_http_status",
     {"Open the URL in a private browser window. If it needs a login, send the file as a data URL.",
      "请在浏览器的无痕窗口中打开该网址。如果需要登录，请以 data URL 发送文件。"}},
    {"image_timeout",
     {"Put the file on a faster host, send it as a data URL, or raise model.image.timeout.",
      "请把文件放到更快的主机上，以 data URL 发送，或调大 model.image.timeout。"}},
    {"image_address_blocked",
     {"Send the file as a data URL, or put it on a public host.",
      "请以 data URL 发送文件，或把它放到公网主机上。"}},
    {"image_redirects",
     {"Use the address at the end of the chain: curl -sIL URL shows it.",
      "请使用重定向链末端的地址：curl -sIL 网址 可以显示它。"}},
    {"image_scheme_not_supported",
     {"Use https: or http:, or send the file as a data URL.",
      "请使用 https: 或 http:，或以 data URL 发送文件。"}},
    {"image_not_an_image",
     {"Use the address of the file itself, on a host that sends it as it is.",
      "请使用文件本身的地址，且主机应原样发送。"}},
};

static void add_hint(const char *code, struct reason *why)
{
    for (size_t i = 0; i < sizeof hints / sizeof *hints; i++)
        if (strcmp(hints[i].code, code) == 0)
            reason_hint(why, "%s%.0s", "%.0s%s", hints[i].text[LANG_EN], hints[i].text[LANG_ZH]);
}

enum status fetch_fault(enum fetch_kind kind, const char *shown, const char *code, const char *en,
                        const char *zh, struct reason *why)
{
    const char *noun[LANG_COUNT] = {"picture", "图片"};
    if (kind == FETCH_VIDEO) {
        noun[LANG_EN] = "video";
        noun[LANG_ZH] = "视频";
    }
    reason_set(why, code, "The %s%.0s at %s could not be fetched: %s%.0s.",
               "获取%.0s%s（%s）失败：%.0s%s。", noun[LANG_EN], noun[LANG_ZH], shown, en, zh);
    add_hint(code, why);
    return STATUS_INVALID;
}

enum status fetch_fault_printf(enum fetch_kind kind, const char *shown, struct reason *why,
                               const char *code, const char *en, const char *zh, ...)
{
    char text[LANG_COUNT][256];
    va_list args;
    va_start(args, zh);
    vsnprintf(text[LANG_EN], sizeof text[LANG_EN], en, args);
    va_end(args);
    va_start(args, zh);
    vsnprintf(text[LANG_ZH], sizeof text[LANG_ZH], zh, args);
    va_end(args);
    return fetch_fault(kind, shown, code, text[LANG_EN], text[LANG_ZH], why);
}
