#include "base/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

enum { MAPPED_BITS = 96 };

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

static void set_v4(struct address *out, const void *four_bytes)
{
    memcpy(out->bytes, mapped, sizeof mapped);
    memcpy(out->bytes + sizeof mapped, four_bytes, 4);
}

bool address_parse(struct str text, struct address *out)
{
    char copy[ADDRESS_TEXT_MAX];
    uint8_t v4[4];
    if (text.len == 0 || text.len >= sizeof copy || memchr(text.ptr, '\0', text.len))
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    if (inet_pton(AF_INET, copy, v4) == 1)
        set_v4(out, v4);
    else if (inet_pton(AF_INET6, copy, out->bytes) != 1)
        return false;
    return true;
}

const char *address_write(const struct address *address, char out[ADDRESS_TEXT_MAX])
{
    const bool v4 = address_is_v4(address);
    inet_ntop(v4 ? AF_INET : AF_INET6, address->bytes + (v4 ? sizeof mapped : 0), out,
              ADDRESS_TEXT_MAX);
    return out;
}

bool address_from_socket(const struct sockaddr *socket, struct address *out)
{
    if (socket->sa_family == AF_INET)
        set_v4(out, &((const struct sockaddr_in *)(const void *)socket)->sin_addr);
    else if (socket->sa_family == AF_INET6)
        memcpy(out->bytes, &((const struct sockaddr_in6 *)(const void *)socket)->sin6_addr,
               sizeof out->bytes);
    else
        return false;
    return true;
}

bool address_is_v4(const struct address *address)
{
    return memcmp(address->bytes, mapped, sizeof mapped) == 0;
}

bool address_eq(const struct address *a, const struct address *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

static bool same_prefix(const uint8_t *a, const uint8_t *b, uint32_t bits)
{
    const uint32_t whole = bits / 8;
    if (memcmp(a, b, whole) != 0)
        return false;
    return bits % 8 == 0 || (a[whole] ^ b[whole]) >> (8 - bits % 8) == 0;
}

static struct address first_of(const struct address *address, uint32_t prefix)
{
    struct address out = {0};
    for (uint32_t i = 0; i < 16; i++) {
        const uint32_t bits = prefix > 8 * i ? prefix - 8 * i : 0;
        const uint32_t mask = bits >= 8 ? 0xff : 0xff00u >> bits;
        out.bytes[i] = (uint8_t)(address->bytes[i] & mask);
    }
    return out;
}

/* One to three digits without leading zeros, at most `max`. */
static bool prefix_parse(struct str text, uint32_t max, uint32_t *out)
{
    uint32_t value = 0;
    if (text.len == 0 || text.len > 3 || (text.ptr[0] == '0' && text.len > 1))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        value = 10 * value + (uint32_t)(text.ptr[i] - '0');
    }
    *out = value;
    return value <= max;
}

static enum status refuse(struct str text, struct reason *why)
{
    reason_set(
        why, "config_invalid_value", "\"%.*s\" is neither an IP address nor a range of them.",
        "“%.*s”既不是 IP 地址，也不是地址范围。", (int)(text.len < 80 ? text.len : 80), text.ptr);
    reason_hint(why,
                "Write an address or a range with its prefix: 192.0.2.7, 10.0.0.0/8, fd00::/8.",
                "请写地址，或带前缀长度的范围：192.0.2.7、10.0.0.0/8、fd00::/8。");
    return STATUS_INVALID;
}

static enum status refuse_bits(const struct address *address, const struct address *first,
                               uint32_t written_prefix, struct reason *why)
{
    char given[ADDRESS_TEXT_MAX], masked[ADDRESS_TEXT_MAX];
    address_write(address, given);
    address_write(first, masked);
    reason_set(why, "config_invalid_value", "%s has bits behind the prefix /%u.",
               "%s 在前缀 /%u 之后还有非零位。", given, written_prefix);
    reason_hint(why, "Write %s/%u for the range, or %s for the one address.",
                "要表示范围请写 %s/%u，只表示一个地址请写 %s。", masked, written_prefix, given);
    return STATUS_INVALID;
}

enum status address_range_parse(struct str text, struct address_range *out, struct reason *why)
{
    const char *slash = text.len ? memchr(text.ptr, '/', text.len) : NULL;
    const struct str head = str_slice(text, 0, slash ? (size_t)(slash - text.ptr) : text.len);
    struct address address;
    if (!address_parse(head, &address))
        return refuse(text, why);
    const uint32_t base = memchr(head.ptr, ':', head.len) ? 0 : MAPPED_BITS;
    uint32_t prefix = 128 - base;
    if (slash && !prefix_parse(str_slice(text, head.len + 1, text.len), prefix, &prefix))
        return refuse(text, why);
    const struct address first = first_of(&address, base + prefix);
    if (!address_eq(&first, &address))
        return refuse_bits(&address, &first, prefix, why);
    *out = (struct address_range){first, base + prefix};
    return STATUS_OK;
}

uint32_t address_range_bits(const struct address_range *range)
{
    return range->prefix - (address_is_v4(&range->first) ? MAPPED_BITS : 0);
}

const char *address_range_write(const struct address_range *range, char out[ADDRESS_RANGE_TEXT_MAX])
{
    address_write(&range->first, out);
    const size_t len = strlen(out);
    if (range->prefix < 128)
        snprintf(out + len, ADDRESS_RANGE_TEXT_MAX - len, "/%u", address_range_bits(range));
    return out;
}

bool address_range_has(const struct address_range *range, const struct address *address)
{
    return same_prefix(range->first.bytes, address->bytes, range->prefix) &&
           (range->prefix >= MAPPED_BITS || !address_is_v4(address));
}

#define V4(a, b, c, d)                                                                             \
    {                                                                                              \
        {                                                                                          \
            [10] = 0xff, [11] = 0xff, a, b, c, d                                                   \
        }                                                                                          \
    }
#define V6(a, b, c, d, e, f, g, h)                                                                 \
    {                                                                                              \
        {                                                                                          \
            (a) >> 8, (a)&255, (b) >> 8, (b)&255, (c) >> 8, (c)&255, (d) >> 8, (d)&255, (e) >> 8,  \
                (e)&255, (f) >> 8, (f)&255, (g) >> 8, (g)&255, (h) >> 8, (h)&255                   \
        }                                                                                          \
    }
#define BITS4(n) (MAPPED_BITS + (n))

/* The first row that holds an address says its kind: inner ranges stand before outer ones. */
static const struct special {
    struct address_range range;
    enum address_kind kind;
    uint8_t carried; /* where the address of IPv4 stands that this one carries; 0: none */
    uint8_t flipped; /* what its bytes are XORed with */
} specials[] = {
    {{V4(169, 254, 169, 254), BITS4(32)}, ADDRESS_METADATA, 0, 0},
    {{V4(169, 254, 170, 2), BITS4(32)}, ADDRESS_METADATA, 0, 0},   /* Amazon ECS */
    {{V4(169, 254, 170, 23), BITS4(32)}, ADDRESS_METADATA, 0, 0},  /* Amazon EKS */
    {{V4(169, 254, 0, 23), BITS4(32)}, ADDRESS_METADATA, 0, 0},    /* Tencent */
    {{V4(169, 254, 42, 42), BITS4(32)}, ADDRESS_METADATA, 0, 0},   /* Scaleway */
    {{V4(100, 100, 100, 200), BITS4(32)}, ADDRESS_METADATA, 0, 0}, /* Alibaba */
    {{V4(168, 63, 129, 16), BITS4(32)}, ADDRESS_METADATA, 0, 0},   /* Azure */
    {{V4(192, 0, 0, 192), BITS4(32)}, ADDRESS_METADATA, 0, 0},     /* Oracle */
    {{V4(0, 0, 0, 0), BITS4(32)}, ADDRESS_UNSPECIFIED, 0, 0},
    {{V4(0, 0, 0, 0), BITS4(8)}, ADDRESS_RESERVED, 0, 0},
    {{V4(10, 0, 0, 0), BITS4(8)}, ADDRESS_PRIVATE, 0, 0},
    {{V4(100, 64, 0, 0), BITS4(10)}, ADDRESS_SHARED, 0, 0},
    {{V4(127, 0, 0, 0), BITS4(8)}, ADDRESS_LOOPBACK, 0, 0},
    {{V4(169, 254, 0, 0), BITS4(16)}, ADDRESS_LINK_LOCAL, 0, 0},
    {{V4(172, 16, 0, 0), BITS4(12)}, ADDRESS_PRIVATE, 0, 0},
    {{V4(192, 0, 0, 0), BITS4(24)}, ADDRESS_RESERVED, 0, 0},
    {{V4(192, 0, 2, 0), BITS4(24)}, ADDRESS_DOCUMENTATION, 0, 0},
    {{V4(192, 88, 99, 0), BITS4(24)}, ADDRESS_RESERVED, 0, 0}, /* RFC 7526 */
    {{V4(192, 168, 0, 0), BITS4(16)}, ADDRESS_PRIVATE, 0, 0},
    {{V4(198, 18, 0, 0), BITS4(15)}, ADDRESS_BENCHMARKING, 0, 0},
    {{V4(198, 51, 100, 0), BITS4(24)}, ADDRESS_DOCUMENTATION, 0, 0},
    {{V4(203, 0, 113, 0), BITS4(24)}, ADDRESS_DOCUMENTATION, 0, 0},
    {{V4(233, 252, 0, 0), BITS4(24)}, ADDRESS_DOCUMENTATION, 0, 0}, /* RFC 6676 */
    {{V4(224, 0, 0, 0), BITS4(4)}, ADDRESS_MULTICAST, 0, 0},
    {{V4(255, 255, 255, 255), BITS4(32)}, ADDRESS_BROADCAST, 0, 0},
    {{V4(240, 0, 0, 0), BITS4(4)}, ADDRESS_RESERVED, 0, 0},
    {{V4(0, 0, 0, 0), BITS4(0)}, ADDRESS_PUBLIC, 0, 0},

    {{V6(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), 128}, ADDRESS_METADATA, 0, 0},   /* Amazon */
    {{V6(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23), 128}, ADDRESS_METADATA, 0, 0},    /* Amazon EKS */
    {{V6(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254), 128}, ADDRESS_METADATA, 0, 0},    /* Google */
    {{V6(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42), 128}, ADDRESS_METADATA, 0, 0},     /* Scaleway */
    {{V6(0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe), 128}, ADDRESS_METADATA, 0, 0}, /* OpenStack */
    {{V6(0, 0, 0, 0, 0, 0, 0, 0), 128}, ADDRESS_UNSPECIFIED, 0, 0},
    {{V6(0, 0, 0, 0, 0, 0, 0, 1), 128}, ADDRESS_LOOPBACK, 0, 0},
    {{V6(0, 0, 0, 0, 0, 0, 0, 0), 96}, ADDRESS_RESERVED, 12, 0},        /* IPv4-compatible */
    {{V6(0, 0, 0, 0, 0xffff, 0, 0, 0), 96}, ADDRESS_RESERVED, 12, 0},   /* RFC 2765 */
    {{V6(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96}, ADDRESS_PUBLIC, 12, 0},  /* NAT64, RFC 6052 */
    {{V6(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48}, ADDRESS_RESERVED, 0, 0}, /* NAT64, RFC 8215 */
    {{V6(0x100, 0, 0, 0, 0, 0, 0, 0), 64}, ADDRESS_RESERVED, 0, 0},     /* discard, RFC 6666 */
    {{V6(0x2001, 0, 0, 0, 0, 0, 0, 0), 32}, ADDRESS_TUNNEL, 12, 0xff},  /* Teredo, RFC 4380 */
    {{V6(0x2001, 2, 0, 0, 0, 0, 0, 0), 48}, ADDRESS_BENCHMARKING, 0, 0},
    {{V6(0x2001, 3, 0, 0, 0, 0, 0, 0), 32}, ADDRESS_PUBLIC, 0, 0},     /* AMT, RFC 7450 */
    {{V6(0x2001, 4, 0x112, 0, 0, 0, 0, 0), 48}, ADDRESS_PUBLIC, 0, 0}, /* AS112, RFC 7535 */
    {{V6(0x2001, 0, 0, 0, 0, 0, 0, 0), 23}, ADDRESS_RESERVED, 0, 0},   /* RFC 2928 */
    {{V6(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32}, ADDRESS_DOCUMENTATION, 0, 0},
    {{V6(0x2002, 0, 0, 0, 0, 0, 0, 0), 16}, ADDRESS_TUNNEL, 2, 0},        /* 6to4, RFC 3056 */
    {{V6(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20}, ADDRESS_DOCUMENTATION, 0, 0}, /* RFC 9637 */
    {{V6(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7}, ADDRESS_PRIVATE, 0, 0},
    {{V6(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10}, ADDRESS_LINK_LOCAL, 0, 0},
    {{V6(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10}, ADDRESS_PRIVATE, 0, 0}, /* site-local, RFC 3879 */
    {{V6(0xff00, 0, 0, 0, 0, 0, 0, 0), 8}, ADDRESS_MULTICAST, 0, 0},
    {{V6(0x2000, 0, 0, 0, 0, 0, 0, 0), 3}, ADDRESS_PUBLIC, 0, 0}, /* global unicast */
    {{V6(0, 0, 0, 0, 0, 0, 0, 0), 0}, ADDRESS_RESERVED, 0, 0},    /* never given out */
};

static struct address carried_at(const struct address *address, size_t offset, uint8_t flipped)
{
    uint8_t four[4];
    for (size_t i = 0; i < 4; i++)
        four[i] = address->bytes[offset + i] ^ flipped;
    struct address out;
    set_v4(&out, four);
    return out;
}

/* The interface identifier of ISATAP (RFC 5214, section 6.1) may stand behind any prefix. */
static bool is_isatap(const struct address *address)
{
    return (address->bytes[8] & 0xfd) == 0 && address->bytes[9] == 0 &&
           address->bytes[10] == 0x5e && address->bytes[11] == 0xfe;
}

enum address_kind address_classify(const struct address *address)
{
    const struct special *row = specials;
    while (!address_range_has(&row->range, address))
        row++; /* the last rows hold everything */
    const size_t offset = row->carried                                    ? row->carried
                          : !address_is_v4(address) && is_isatap(address) ? 12
                                                                          : 0;
    if (offset == 0)
        return row->kind;
    const struct address inner = carried_at(address, offset, row->flipped);
    const enum address_kind kind = address_classify(&inner);
    return kind == ADDRESS_PUBLIC ? row->kind : kind;
}

const char *address_kind_name(enum address_kind kind, enum lang lang)
{
    static const char *const names[ADDRESS_KIND_COUNT][LANG_COUNT] = {
        [ADDRESS_PUBLIC] = {"public", "公网"},
        [ADDRESS_UNSPECIFIED] = {"unspecified", "未指定"},
        [ADDRESS_LOOPBACK] = {"loopback", "环回"},
        [ADDRESS_PRIVATE] = {"private", "私有"},
        [ADDRESS_SHARED] = {"carrier-shared", "运营商共享"},
        [ADDRESS_LINK_LOCAL] = {"link-local", "链路本地"},
        [ADDRESS_METADATA] = {"cloud metadata", "云元数据"},
        [ADDRESS_MULTICAST] = {"multicast", "组播"},
        [ADDRESS_BROADCAST] = {"broadcast", "广播"},
        [ADDRESS_DOCUMENTATION] = {"documentation", "文档专用"},
        [ADDRESS_BENCHMARKING] = {"benchmarking", "基准测试"},
        [ADDRESS_TUNNEL] = {"tunnel", "隧道"},
        [ADDRESS_RESERVED] = {"reserved", "保留"},
    };
    return names[kind][lang];
}
