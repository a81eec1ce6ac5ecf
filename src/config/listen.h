/* Addresses to listen on: "127.0.0.1:8000", "[::1]:8000", "localhost:8000", "unix:/run/qvl.sock";
 * with http:// or https:// in front where the usual is not meant. */
#pragma once

#include "base/arena.h"
#include "base/status.h"

#include <stdint.h>

enum listener_kind { LISTENER_TCP, LISTENER_UNIX };

/* USUAL: TLS if there is a certificate; Unix sockets are plain. */
enum listener_scheme { LISTENER_USUAL, LISTENER_HTTP, LISTENER_HTTPS };

struct listener {
    enum listener_kind kind;
    enum listener_scheme scheme; /* TCP */
    const char *text;            /* as it would be written in the file */
    const char *address;         /* the same without the scheme */
    const char *host;            /* TCP: IPv4, IPv6 without brackets, or a name */
    uint16_t port;               /* TCP; 0: the system chooses */
    const char *path;            /* UNIX: absolute */
};

struct listener_list {
    struct listener *items;
    size_t count;
};

enum { LISTENER_PORT_DEFAULT = 8000 };

/* Parses one address; all text of `out` is in the arena. config_invalid_value. */
MUST_CHECK enum status listener_parse(struct str text, struct arena *arena, struct listener *out,
                                      struct reason *why);

/* Gives a listener another host (with or without brackets; a UNIX socket becomes TCP on the default
 * port), or another port (a UNIX socket has none). */
MUST_CHECK enum status listener_set_host(struct listener *listener, struct str host,
                                         struct arena *arena, struct reason *why);
MUST_CHECK enum status listener_set_port(struct listener *listener, struct str port,
                                         struct arena *arena, struct reason *why);

/* Whether only programs of this machine can connect: a UNIX socket, 127.0.0.0/8, ::1, localhost. */
bool listener_is_local(const struct listener *listener);

/* The first that others can reach; NULL if there is none. */
const struct listener *listeners_first_open(const struct listener_list *list);

/* Whether it speaks TLS. */
bool listener_is_secure(const struct listener *listener, bool has_certificate);
