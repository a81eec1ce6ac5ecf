/* libcurl's transfers on a libuv loop.
 *
 * libcurl may not be called from its own callbacks: transfers are begun and ended outside of them,
 * and `on_done` is called outside of them too, so that it may begin the next. For the loop's
 * thread. */
#pragma once

#include "base/status.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <uv.h>

struct transfers;

/* `arg`: CURLOPT_PRIVATE of the handle, which is no longer part of the transfers. */
typedef void transfer_done_fn(void *arg, CURLcode code);

MUST_CHECK enum status transfers_create(uv_loop_t *loop, transfer_done_fn *on_done,
                                        struct transfers **out, struct reason *why);

/* No transfer may be left. The memory goes when the loop has closed the handles. Takes NULL. */
void transfers_close(struct transfers *transfers);

/* False: no memory. */
MUST_CHECK bool transfers_add(struct transfers *transfers, CURL *easy);

/* Ends a transfer without a word. */
void transfers_remove(struct transfers *transfers, CURL *easy);
