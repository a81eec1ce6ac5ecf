/* The server's side of HTTP/1.1 on libuv: listeners, connections, deadlines; no routes, no JSON.
 *
 * A connection has one exchange at a time: a request, and its answer. The handler is called on the
 * loop's thread: on_head when the head is there (it may answer at once; the body is then not read),
 * on_request when the body is there too, on_broken when there will be no whole request, and always,
 * last, on_end. Answers may be given in the callbacks or later. Memory is bounded: the body by its
 * limit, pipelined input and unsent output by constants, and all of them by one sum.
 * An end of input within 100 ms of the request's end is a half-close, and is answered; a later one,
 * or a reset, means that the client left. */
#pragma once

#include "base/address.h"
#include "http/parser.h"

#include <uv.h>

#include "http/tls.h"

struct http_server;

struct http_field {
    const char *name;
    struct str value;
};

struct http_exchange {
    const struct http_request *request; /* NULL in on_broken if the head never became complete */
    struct str language;                /* in on_broken without request: Accept-Language, if seen */
    struct buf body;                    /* in on_request; the handler may take its memory */
    const char *peer;                   /* "127.0.0.1", "::1", "unix" */
    const char *client; /* whom a trusted proxy speaks for (PROXY protocol); else the peer */
    uint16_t peer_port;
    int64_t begun_ns; /* when the first byte of the request came; libuv's clock (uv_hrtime) */
    uint64_t sent_bytes;
    int status; /* of the answer; 0 before it */
    void *user; /* the handler's */
    /* The handler's too: further headers of the answer, whatever it is. */
    const struct http_field *more;
    size_t more_count;
};

struct http_handler {
    void *arg;
    void (*on_head)(void *arg, struct http_exchange *x);
    void (*on_request)(void *arg, struct http_exchange *x);
    /* Must be answered at once, by http_respond. Codes: those of the parser, request_timeout,
     * memory_full. */
    void (*on_broken)(void *arg, struct http_exchange *x, const struct reason *why);
    /* The exchange is over, and its memory goes. `cut` is NULL if the whole answer was sent; else
     * it says why not: client_closed, slow_reader, request_timeout (nothing was answered),
     * memory_full. */
    void (*on_end)(void *arg, struct http_exchange *x, const struct reason *cut);
    /* A connection ended before there was any request: tls_failed, too_many_connections. Or one
     * could not be taken yet, and `peer` is "": no_descriptors, told once a minute. */
    void (*on_refused)(void *arg, const char *peer, const struct reason *why);
    /* There is no memory for the answer, and nothing of it was sent: writes another one, complete
     * with its head, and returns its length. Allocates nothing. NULL: the connection is closed. */
    size_t (*no_memory)(void *arg, struct http_exchange *x, char *out, size_t size);
};

struct http_server_options {
    struct http_limits limits;  /* zeros: http_limits_default */
    uint64_t header_timeout_ms; /* from the first byte of a head to its end */
    uint64_t idle_timeout_ms;   /* between requests */
    uint64_t write_timeout_ms;  /* without a byte taken by the client */
    uint64_t body_min_rate;     /* bytes a second, in every 5 s; 0: any */
    uint64_t buffered_max;    /* bytes of all bodies, unsent answers and pipelined input together */
    uint32_t connections_max; /* beyond: new ones wait in the system's queue */
    uint32_t connections_per_address;    /* of peers that are not trusted; 0: any */
    bool proxy_protocol;                 /* trusted peers begin with a line of the PROXY protocol */
    const struct address_range *trusted; /* peers that are proxies of ours; borrowed */
    size_t trusted_count;
};

extern const struct http_server_options http_server_options_default;

MUST_CHECK enum status http_server_create(uv_loop_t *loop,
                                          const struct http_server_options *options,
                                          struct http_handler handler, struct http_server **out,
                                          struct reason *why);

/* Listens at "host:port", "[v6]:port" or "unix:/path"; `secure`: speaks TLS there. Codes:
 * listen_address_invalid address_in_use listen_failed. */
MUST_CHECK enum status http_server_listen(struct http_server *server, const char *address,
                                          bool secure, struct reason *why);

/* Takes connections of a socket that listens already: TCP or Unix; the server's from now on. Code:
 * listen_failed. */
MUST_CHECK enum status http_server_listen_socket(struct http_server *server, int fd, bool secure,
                                                 struct reason *why);

/* The certificates of connections that begin from now on; held by the server. */
void http_server_set_tls(struct http_server *server, struct tls *tls);

/* Where it listens, as a URL ("http://127.0.0.1:8000", "https://[::1]:443", "unix:/path"); port 0
 * shows the real one. False if there is no such listener. */
bool http_server_address(const struct http_server *server, size_t index, char *out, size_t size);

/* For requests that begin from now on. */
void http_server_set_options(struct http_server *server, const struct http_server_options *options);

/* Stops listening and closes idle connections; running exchanges are the last of theirs. */
void http_server_drain(struct http_server *server);
uint32_t http_server_connections(const struct http_server *server);

/* Cuts every connection (on_end is called) and lets the loop end. The memory is freed when all
 * handles are closed, by running the loop. Takes NULL. */
void http_server_destroy(struct http_server *server);

/* A whole answer, with Content-Length. */
void http_respond(struct http_exchange *x, int status, const struct http_field *fields,
                  size_t field_count, struct str body);

/* An answer in pieces: chunked, or up to the connection's end for HTTP/1.0. A write may find the
 * client too slow, or gone; it is then cut, and on_end comes later. */
void http_stream_begin(struct http_exchange *x, int status, const struct http_field *fields,
                       size_t field_count);
void http_stream_write(struct http_exchange *x, struct str bytes);
void http_stream_end(struct http_exchange *x);

/* Ends a stream so that the client sees that it is not complete: without the last chunk, or, in
 * HTTP/1.0, with a reset. What is written afterwards is dropped. */
void http_stream_abort(struct http_exchange *x);

/* "Not Found"; "Unknown" for other numbers. */
const char *http_status_text(int status);
