/* Fetches pictures and videos for requests, beside the loop: each name is looked up, its addresses
 * checked, and every redirect treated like a URL of its own.
 *
 * WAITING → LOOKING_UP → RECEIVING (→ LOOKING_UP … for redirects) → OVER. So many run at once, in
 * all and for one client; the others wait, and clients take turns. A fetch whose name is still
 * being looked up when it ends keeps its place until that is over, since no lookup can be stopped.
 * For the loop's thread. */
#pragma once

#include "fetch/hop.h"
#include "fetch/resolver.h"

struct fetcher;
struct fetch;

enum { FETCH_CLIENT_MAX = 64 };

struct fetch_order {
    struct str url;
    enum fetch_kind kind;
    const struct fetch_rules *rules; /* borrowed, with what they point to, until on_done */
    const char *client;              /* who asks; fetches are counted by this name */
    /* Called once, never from within fetch_begin or fetch_cancel. On success the file is the
     * callee's, who takes it by copying the struct and zeroing this one. Codes: those of target.h
     * and hop.h, image_dns_failed image_timeout image_redirects, client_closed (cancelled). */
    void (*on_done)(void *arg, enum status status, const struct reason *why, struct fetched *file);
    void *arg;
};

/* `resolve`: resolve_by_system but for tests. */
MUST_CHECK enum status fetcher_create(uv_loop_t *loop, resolve_fn *resolve, struct fetcher **out,
                                      struct reason *why);

/* All fetches must be over and all files released. Memory goes by running the loop. Takes NULL. */
void fetcher_close(struct fetcher *fetcher);

/* The memory of files that are held. */
uint64_t fetcher_bytes(const struct fetcher *fetcher);

MUST_CHECK enum status fetch_begin(struct fetcher *fetcher, const struct fetch_order *order,
                                   struct fetch **out, struct reason *why);

/* Ends a fetch that is not over; its on_done comes soon. */
void fetch_cancel(struct fetch *fetch);
