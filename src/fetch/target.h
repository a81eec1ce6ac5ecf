/* A URL to fetch from, taken apart and written anew, so that nothing reads it differently later.
 *
 * Only http: and https:; no credentials. The host is an address in its one normal form, or a name
 * of ASCII letters (lower case), digits, '-', '_' and '.' that no resolver takes for an address:
 * 127.1, 0x7f.1, 2130706433, %31%32%37.0.0.1 and １２７.0.0.1 all become 127.0.0.1, names in other
 * letters become Punycode, a dot at the end is dropped. Ports that belong to other protocols are
 * refused as browsers refuse them (Fetch standard, "port blocking"). */
#pragma once

#include "base/address.h"
#include "fetch/fault.h"

enum {
    FETCH_URL_MAX = 8192,
    FETCH_HOST_MAX = 254, /* with the NUL */
};

struct fetch_target {
    char *url; /* without a fragment; free() */
    char host[FETCH_HOST_MAX];
    bool is_address; /* the host is `address`, not a name */
    struct address address;
    uint16_t port;
    bool tls;
    char shown[FETCH_SHOWN_MAX]; /* scheme, host, port, path; cut if long */
};

/* True if the scheme is http: or https:, in any case: the URL is one to fetch. */
bool fetch_target_is(struct str url);

/* Codes: invalid_value image_scheme_not_supported image_address_blocked (the port) memory_full.
 * Nothing is to be released on failure. */
MUST_CHECK enum status fetch_target_parse(struct str url, enum fetch_kind kind,
                                          struct fetch_target *out, struct reason *why);

/* Where a redirect leads: `location` may be relative to `from`. Codes as above. */
MUST_CHECK enum status fetch_target_follow(const struct fetch_target *from, struct str location,
                                           enum fetch_kind kind, struct fetch_target *out,
                                           struct reason *why);

void fetch_target_release(struct fetch_target *target);
