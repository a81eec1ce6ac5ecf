/* Whom the service believes: proxies, and pages of other origins. */
#include "config/mistakes.h"

enum { WIDE_V4 = 16, WIDE_V6 = 32 };

/* The first range for which `is` holds, as text; false if there is none. */
static bool find_range(const struct range_list *list, bool (*is)(const struct address_range *range),
                       char out[ADDRESS_RANGE_TEXT_MAX])
{
    for (size_t i = 0; i < list->count; i++) {
        if (!is(&list->items[i]))
            continue;
        address_range_write(&list->items[i], out);
        return true;
    }
    return false;
}

static bool is_everything(const struct address_range *range)
{
    return address_range_bits(range) == 0;
}

static bool is_wide_and_public(const struct address_range *range)
{
    const uint32_t few = address_is_v4(&range->first) ? WIDE_V4 : WIDE_V6;
    return !is_everything(range) && address_range_bits(range) < few &&
           address_classify(&range->first) == ADDRESS_PUBLIC;
}

static void look_for_trusted_world(struct inspection *in)
{
    char range[ADDRESS_RANGE_TEXT_MAX];
    if (!find_range(&in->settings->access.trusted_proxies, is_everything, range))
        return;
    mistake_found(in, "%s trusts everybody to say who the client is.",
                  "%s 使任何人都能冒充任意客户端地址。", range);
    mistake_fix(in, "Name the addresses of your proxies only.", "请只列出您的代理的地址。");
}

static void look_for_wide_trust(struct inspection *in)
{
    char range[ADDRESS_RANGE_TEXT_MAX];
    if (!find_range(&in->settings->access.trusted_proxies, is_wide_and_public, range))
        return;
    mistake_found(in,
                  "%s is a wide range of public addresses; all of them can say who the client is.",
                  "%s 是很大的公网网段，其中任何地址都能声称客户端是谁。", range);
    mistake_fix(in, "Name the addresses of your proxies only.", "请只列出您的代理的地址。");
}

static void look_for_lone_protocol(struct inspection *in)
{
    if (!in->settings->access.proxy_protocol || in->settings->access.trusted_proxies.count > 0)
        return;
    mistake_found(in, "The PROXY protocol is on, but no proxy is trusted, so nobody may use it.",
                  "已启用 PROXY 协议，但没有可信代理，因此无人可以使用。");
    mistake_fix(in, "Name the proxies in access.trusted_proxies.",
                "请在 access.trusted_proxies 中列出代理。");
}

static void look_for_any_origin(struct inspection *in)
{
    const struct text_list *origins = &in->settings->server.cors.origins;
    for (size_t i = 0; i < origins->count; i++) {
        if (strcmp(origins->items[i], "*") != 0)
            continue;
        mistake_found(in, "Every web page that a user of this network opens can use the model.",
                      "本网络用户打开的任何网页都可以使用模型。");
        mistake_fix(in, "Name the origins of your pages: https://example.com.",
                    "请列出您的网页来源：https://example.com。");
        return;
    }
}

/* As browsers write it (RFC 6454, 6.2): scheme, host, port if it is not the usual one. */
static bool is_origin(struct str text)
{
    const bool secure = str_starts(text, "https://");
    if (!secure && !str_starts(text, "http://"))
        return str_is(text, "null") || str_is(text, "*");
    struct str rest = str_slice(text, secure ? 8 : 7, text.len);
    if (rest.len == 0 || str_ends(rest, secure ? ":443" : ":80"))
        return false;
    for (size_t i = 0; i < rest.len; i++)
        if (strchr("/?#@ ", rest.ptr[i]) || (rest.ptr[i] >= 'A' && rest.ptr[i] <= 'Z'))
            return false;
    return true;
}

static void look_for_bad_origins(struct inspection *in)
{
    const struct text_list *origins = &in->settings->server.cors.origins;
    for (size_t i = 0; i < origins->count; i++) {
        if (is_origin(str_from(origins->items[i])))
            continue;
        mistake_found(in, "No browser ever sends the origin %s.", "浏览器不会发送来源 %s。",
                      origins->items[i]);
        mistake_fix(in,
                    "Write it as browsers do: https://host or https://host:port, in small letters, "
                    "without a path and without the usual port.",
                    "请按浏览器的写法：https://host 或 "
                    "https://host:port，小写，不带路径，也不带默认端口。");
        return;
    }
}

const struct mistake mistakes_proxies[] = {
    {"trusts_everybody", FINDING_ERROR, "access.trusted_proxies", look_for_trusted_world},
    {"trusts_wide_range", FINDING_WARNING, "access.trusted_proxies", look_for_wide_trust},
    {"proxy_protocol_without_proxies", FINDING_ERROR, "access.proxy_protocol",
     look_for_lone_protocol},
    {"any_origin", FINDING_WARNING, "server.cors.origins", look_for_any_origin},
    {"origin_malformed", FINDING_ERROR, "server.cors.origins", look_for_bad_origins},
    {0},
};
