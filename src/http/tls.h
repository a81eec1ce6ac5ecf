/* The certificates of the server: what a TLS handshake needs, read from PEM files.
 *
 * TLS 1.2 and later, no renegotiation, HTTP/1.1 only. Immutable and counted by its holders, so that
 * a reload can put another in its place while connections go on with theirs. One thread. */
#pragma once

#include "base/buf.h"
#include "base/status.h"
#include "base/str.h"

#include <stdint.h>

struct tls;

struct tls_files {
    const char *certificate, *key; /* PEM: the chain, its own certificate first; the private key */
};

struct tls_options {
    const struct tls_files *certificates; /* chosen by the name that is asked for; else the first */
    size_t count;                         /* at least one */
    const char *client_ca;                /* PEM; clients need a certificate of these; NULL: none */
};

/* Codes: missing_file, unreadable, certificate_invalid, key_invalid, memory_full. The subject is
 * the file. */
MUST_CHECK enum status tls_create(const struct tls_options *options, struct tls **out,
                                  struct reason *why);

struct tls *tls_hold(struct tls *tls);
void tls_release(struct tls *tls); /* takes NULL */

/* Says which certificate is no longer or not yet valid at that time (seconds since 1970); false if
 * all are. */
bool tls_find_invalid(const struct tls *tls, int64_t now_s, struct reason *why);

/* The TLS of one connection, between bytes of the network and bytes of HTTP; no sockets. */
struct tls_session;

enum tls_event {
    TLS_MORE,       /* all input is taken */
    TLS_DATA,       /* bytes of HTTP */
    TLS_END,        /* the client ended its side */
    TLS_PLAIN_HTTP, /* the client speaks HTTP without TLS */
    TLS_FAILED,     /* the handshake or the protocol failed; an alert may wait to be sent */
};

MUST_CHECK enum status tls_session_create(struct tls *tls, struct tls_session **out,
                                          struct reason *why);
void tls_session_destroy(struct tls_session *session); /* takes NULL */

/* Takes bytes of the network. False: there is no memory. */
MUST_CHECK bool tls_session_take(struct tls_session *session, struct str bytes);

/* The next bytes of HTTP. `why` is filled for TLS_FAILED. */
enum tls_event tls_session_read(struct tls_session *session, char *out, size_t size, size_t *len,
                                struct reason *why);

/* Whether the handshake is over. */
bool tls_session_is_open(const struct tls_session *session);

/* Encrypts; false if that is not possible. */
MUST_CHECK bool tls_session_write(struct tls_session *session, struct str bytes);

/* Says that nothing more will be sent. */
void tls_session_end(struct tls_session *session);

/* Moves what is to be sent to `wire`. */
void tls_session_drain(struct tls_session *session, struct buf *wire);
