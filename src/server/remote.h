/* The pictures and videos of a request that are named by http: and https: URLs: fetched beside the
 * loop, before a worker decodes them. The same URL is fetched once.
 *
 * For the loop's thread; remote_find is for the worker too, when all have come. */
#pragma once

#include "api/chat_request.h"
#include "fetch/fetcher.h"
#include "server/call.h"

struct remote;

/* Different files of one request: each costs memory and a little of the loop's time. */
enum { REMOTE_FILES_MAX = 1024 };

/* Called once, never from within remote_begin or remote_cancel, when nothing is under way any more.
 * On failure the subject is the path of the first picture or video with that URL; codes: those of
 * fetch/fetcher.h. */
typedef void remote_done_fn(void *arg, enum status status, const struct reason *why);

/* *out is NULL, and on_done is not called, if there is nothing to fetch: no such URLs, or fetching
 * is switched off. More than REMOTE_FILES_MAX are invalid_value. The request and the call's
 * settings outlive it. On failure nothing was begun. */
MUST_CHECK enum status remote_begin(const struct call *call, const struct chat_request *request,
                                    remote_done_fn *on_done, void *arg, struct remote **out,
                                    struct reason *why);
void remote_cancel(struct remote *remote);
/* After on_done. Takes NULL. */
void remote_destroy(struct remote *remote);

/* The file of a URL; NULL: it is none to fetch. `remote` may be NULL. */
const struct fetched *remote_find(const struct remote *remote, struct str url,
                                  enum fetch_kind kind);
