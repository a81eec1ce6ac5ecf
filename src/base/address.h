/* IP addresses, ranges of them (CIDR, RFC 4632 and 4291), and what the special ones are for.
 *
 * An address is sixteen bytes; one of IPv4 is kept as its IPv4-mapped form (RFC 4291, section
 * 2.5.5.2), so that 127.0.0.1 and ::ffff:127.0.0.1 are the same value. Scopes (fe80::1%eth0) are
 * not kept. */
#pragma once

#include "base/status.h"
#include "base/str.h"

#include <stdint.h>
#include <sys/socket.h>

enum { ADDRESS_TEXT_MAX = 46, ADDRESS_RANGE_TEXT_MAX = 50 }; /* with the NUL */

struct address {
    uint8_t bytes[16]; /* network order */
};

/* Every address whose first `prefix` bits are those of `first`; the other bits of `first` are 0. A
 * range of IPv6 holds no address of IPv4, though ::/0 would seem to. */
struct address_range {
    struct address first;
    uint32_t prefix; /* 0 to 128; of IPv4: 96 more than in the text */
};

/* Dotted decimal with four parts and no leading zeros, or IPv6 without brackets and scope. Nothing
 * else: 127.1, 0x7f000001 and 2130706433 are no addresses. */
MUST_CHECK bool address_parse(struct str text, struct address *out);

/* IPv4 in dotted decimal, IPv6 as RFC 5952 has it. Returns `out`. */
const char *address_write(const struct address *address, char out[ADDRESS_TEXT_MAX]);

/* Of AF_INET and AF_INET6; false for others (a Unix socket). */
MUST_CHECK bool address_from_socket(const struct sockaddr *socket, struct address *out);

bool address_is_v4(const struct address *address);
bool address_eq(const struct address *a, const struct address *b);

/* "10.0.0.0/8", "fd00::/8", or one address. Bits behind the prefix must be 0. config_invalid_value.
 */
MUST_CHECK enum status address_range_parse(struct str text, struct address_range *out,
                                           struct reason *why);

/* As address_range_parse reads it; one address without its prefix. Returns `out`. */
const char *address_range_write(const struct address_range *range,
                                char out[ADDRESS_RANGE_TEXT_MAX]);

/* The bits of the prefix as it is written: to 32 of IPv4, to 128 of IPv6. */
uint32_t address_range_bits(const struct address_range *range);

bool address_range_has(const struct address_range *range, const struct address *address);

/* What an address is for: IANA's registries of special-purpose addresses (RFC 6890 and what came
 * after it), and the addresses at which clouds tell a machine its secrets. */
enum address_kind {
    ADDRESS_PUBLIC,
    ADDRESS_UNSPECIFIED, /* 0.0.0.0, ::; connecting there reaches this machine */
    ADDRESS_LOOPBACK,
    ADDRESS_PRIVATE, /* RFC 1918, fc00::/7, fec0::/10 */
    ADDRESS_SHARED,  /* 100.64.0.0/10, of carriers (RFC 6598) */
    ADDRESS_LINK_LOCAL,
    ADDRESS_METADATA,
    ADDRESS_MULTICAST,
    ADDRESS_BROADCAST,
    ADDRESS_DOCUMENTATION,
    ADDRESS_BENCHMARKING,
    ADDRESS_TUNNEL,   /* 6to4 and Teredo to a public address */
    ADDRESS_RESERVED, /* everything else that is not on the public Internet */
    ADDRESS_KIND_COUNT
};

/* An address that carries one of IPv4 to be forwarded to (NAT64, 6to4, Teredo, ISATAP,
 * IPv4-compatible) is what the carried one is, if that one is special. */
enum address_kind address_classify(const struct address *address);

/* "loopback"; "环回". For "%s is a %s address" and “%s 是%s地址”. */
const char *address_kind_name(enum address_kind kind, enum lang lang);
