/* One connection of the server (private to src/http). */
#pragma once

#include "http/address_count.h"
#include "http/proxy_line.h"
#include "http/server.h"

#include <time.h>

enum connection_state {
    CONNECTION_OPENING, /* the PROXY line, the TLS handshake */
    CONNECTION_IDLE,    /* between requests */
    CONNECTION_HEAD,    /* the head comes */
    CONNECTION_BODY,    /* the body comes */
    CONNECTION_ANSWER,  /* the handler works */
    CONNECTION_FLUSH,   /* the answer is complete, and goes out */
    CONNECTION_LINGER,  /* our side is shut; input is dropped until the client ends too */
    CONNECTION_CLOSED,
};

enum {
    READ_BYTES = 64 << 10,
    TLS_PLAIN_BYTES = 16 << 10,     /* what a record may hold (RFC 8446, 5.1) */
    PIPELINED_MAX = 64 << 10,       /* input kept while an answer is made */
    SYSTEM_UNSENT_BYTES = 64 << 10, /* handed to the system, but not to the network yet */
    UNSENT_MAX = 1 << 20,           /* of a stream, before its reader counts as too slow */
    LINGER_MS = 1000,
    HALF_CLOSE_MS = 100,
    RATE_WINDOW_MS = 5000, /* over which the rate of a body is averaged */
    TICK_MS = 100,
};

struct connection {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    struct http_server *server;
    struct connection *prev, *next; /* in the server's list */
    enum connection_state state;
    bool open;                     /* the exchange waits for its on_end */
    struct connection *next_dirty; /* in the server's list of those with something to send */
    bool dirty;

    struct proxy_line *proxy; /* while it comes */
    struct tls_session *tls;  /* NULL: plain */
    struct http_parser parser;
    struct http_exchange exchange;
    struct buf pipelined;   /* input of later requests */
    uint64_t body_bytes;    /* counted in the server's sum */
    int64_t window_ns;      /* when the window began over which the body's rate is measured */
    uint64_t window_bytes;  /* body_bytes then */
    bool input_ended;       /* the client sent its end */
    bool paused;            /* nothing is read: PIPELINED_MAX bytes are kept */
    bool end_behind;        /* paused: the client's end is there, unread, and came in time */
    int64_t state_ns;       /* when the state began, by the server's now_ns */
    int64_t request_end_ns; /* when the request was complete */

    struct buf out, flying; /* to be sent, being sent */
    struct buf wire;        /* TLS: what of `out` is encrypted already, and handshakes */
    union {
        uv_write_t write;
        uv_shutdown_t shutdown; /* once nothing is written any more */
    } request;
    bool writing;
    int64_t progress_ns; /* when the client last took a byte */
    size_t queued;       /* unsent bytes then */
    bool chunked, keep_alive;
    bool endless;  /* a stream without chunks has begun and not ended: closing must look like it */
    bool too_slow; /* more than UNSENT_MAX bytes wait for the client */
    uint64_t waiting_bytes; /* unsent, or pipelined: counted in the server's sum */
    bool fresh;             /* nothing was read yet */
    bool counted;           /* with its address */
    struct address address; /* of the peer, if it has one */
    char peer[ADDRESS_TEXT_MAX];
    char client[ADDRESS_TEXT_MAX];
};

struct http_server {
    uv_loop_t *loop;
    struct http_server_options options;
    struct http_handler handler;
    struct tls *tls; /* held; NULL: none */
    struct address_counts counts;
    int64_t refused_ns; /* when no_descriptors was last told */
    struct listener *listeners;
    struct connection *connections;
    uint32_t connection_count;
    bool accept_paused;
    bool draining, destroying;
    uint64_t body_bytes, waiting_bytes; /* of all connections */
    int64_t now_ns;                     /* libuv's clock, read once for each callback of the loop */
    struct connection *dirty;
    time_t date_s; /* of `date`: the header's whole line */
    char date[48];
    uv_timer_t tick;              /* looks at deadlines */
    uv_prepare_t prepare;         /* sends what the callbacks of this turn of the loop had to say */
    int open_handles;             /* of the server itself: listeners, tick, prepare */
    char read_buffer[READ_BYTES]; /* the loop reads one connection at a time */
    char plain_buffer[TLS_PLAIN_BYTES];
};

/* The one place where the state changes. */
void connection_set_state(struct connection *c, enum connection_state state);

/* Takes the waiting connection off a listener. False: there is no memory, and it still waits. */
bool connection_accept(struct http_server *server, uv_stream_t *listener, bool secure);

/* Closes now; the exchange, if open, ends with `cut`. */
void connection_close(struct connection *c, const struct reason *cut);

/* Looks at the deadlines. */
void connection_tick(struct connection *c, int64_t now_ns);

/* The connection has something to send, or to do, before the loop waits again. So nothing is ever
 * sent, and no callback comes, inside the handler's calls. */
void connection_mark_dirty(struct connection *c);

/* Sends what is in `out`; goes on to the next request or closes when the answer is out. */
void connection_flush(struct connection *c);

/* An answer that is not the whole one is out: the connection ends, and the client may read it. */
void connection_cut(struct connection *c, const struct reason *cut);

/* The answer is out: the next request, or the end. */
void connection_answered(struct connection *c);

void connection_client_left(struct connection *c);

/* Brings the connection's share of the server's waiting bytes up to date. */
void connection_recount(struct connection *c);

/* Whether bodies and what waits leave room for so many bytes. */
bool server_has_room(const struct http_server *server, uint64_t bytes);

/* PROXY line and TLS, up to the first byte of HTTP (opening.c). */

/* What a new connection begins with. False: there is no memory. */
bool connection_open(struct connection *c, bool secure);

/* Bytes of the network on their way to connection_feed. */
void connection_take(struct connection *c, struct str bytes);

/* The last word of TLS, if there is any. */
void connection_end_tls(struct connection *c);

/* Bytes of HTTP. */
void connection_feed(struct connection *c, struct str input);

/* The client's end, of the socket or of TLS. */
void connection_end_of_input(struct connection *c);

/* Answers a connection that will not become a request. */
void connection_refuse(struct connection *c, const struct reason *why);

/* A connection's memory is about to go (server.c). */
void server_forget_connection(struct connection *c);
/* One handle of the server is closed; the last one frees it. */
void server_handle_closed(struct http_server *server);
void listeners_close(struct http_server *server);
void listeners_resume(struct http_server *server);
