/* Names to addresses, beside the loop.
 *
 * Each lookup runs on a thread of its own: libuv's workers decode pictures, and a name service that
 * does not answer would hold them for many seconds. A lookup cannot be stopped; whoever begins
 * them bounds how many there are until they are over. */
#pragma once

#include "base/address.h"

#include <uv.h>

enum { RESOLVER_ADDRESSES_MAX = 16 };

struct resolver;

struct resolver_answer {
    int error; /* of getaddrinfo; 0: there are addresses */
    struct address addresses[RESOLVER_ADDRESSES_MAX];
    size_t count;
};

/* Fills `out`; on the lookup's thread. */
typedef void resolve_fn(const char *host, struct resolver_answer *out);

/* getaddrinfo. */
void resolve_by_system(const char *host, struct resolver_answer *out);

MUST_CHECK enum status resolver_create(uv_loop_t *loop, resolve_fn *resolve, struct resolver **out,
                                       struct reason *why);

/* Lookups that still run are left to end by themselves, and are not told of. Takes NULL. */
void resolver_close(struct resolver *resolver);

/* `on_answer` is called once, on the loop's thread, never from within. Codes: memory_full (no
 * thread either). */
MUST_CHECK enum status resolver_begin(struct resolver *resolver, const char *host,
                                      void (*on_answer)(void *arg,
                                                        const struct resolver_answer *answer),
                                      void *arg, struct reason *why);
