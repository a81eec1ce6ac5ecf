/* What a proxy says about its client before the first byte of a connection: the PROXY protocol,
 * versions 1 and 2 (HAProxy, doc/proxy-protocol.txt). No sockets; where the input is cut makes no
 * difference.
 */
#pragma once

#include "base/address.h"
#include "base/status.h"

enum {
    PROXY_LINE_V1_MAX = 107,       /* "PROXY TCP6 …", with CRLF */
    PROXY_LINE_V2_MAX = 16 + 4096, /* the head, addresses and what a proxy may add to them */
};

enum proxy_event {
    PROXY_MORE,  /* all input is taken: wait for more */
    PROXY_DONE,  /* the rest of the input is the client's */
    PROXY_ERROR, /* `why` says what is wrong */
};

struct proxy_line {
    uint8_t head[PROXY_LINE_V1_MAX + 1]; /* of version 2: the 16 bytes, then the addresses */
    size_t len;
    size_t skip;            /* of version 2: bytes that are left to be dropped */
    bool has_client;        /* false: the proxy speaks for itself (LOCAL, UNKNOWN) */
    struct address address; /* of the client */
    uint16_t port;
};

/* Zeroed is ready. Takes bytes off *input. Code: bad_request. */
enum proxy_event proxy_line_next(struct proxy_line *line, struct str *input, struct reason *why);

/* Whether the first bytes of a connection are a PROXY line's, as far as they go. */
bool proxy_line_begins(struct str input);
