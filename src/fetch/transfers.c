#include "fetch/transfers.h"

#include <stdlib.h>

struct transfers {
    CURLM *multi;
    uv_loop_t *loop;
    uv_timer_t timer;
    transfer_done_fn *on_done;
    CURL *starved; /* one whose socket cannot be watched; NULL: none */
};

/* A socket of libcurl's that is watched. */
struct watch {
    uv_poll_t poll;
    struct transfers *transfers;
    curl_socket_t socket;
};

static void end(struct transfers *transfers, CURL *easy, CURLcode code)
{
    void *arg = NULL;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &arg);
    curl_multi_remove_handle(transfers->multi, easy);
    transfers->on_done(arg, code);
}

static void report(struct transfers *transfers)
{
    CURL *starved = transfers->starved;
    transfers->starved = NULL;
    if (starved)
        end(transfers, starved, CURLE_OUT_OF_MEMORY);
    int left;
    CURLMsg *message;
    while ((message = curl_multi_info_read(transfers->multi, &left))) {
        const CURLcode code = message->data.result;
        end(transfers, message->easy_handle, code); /* `message` is gone */
    }
}

static void act(struct transfers *transfers, curl_socket_t socket, int what)
{
    int running;
    curl_multi_socket_action(transfers->multi, socket, what, &running);
    report(transfers);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    const struct watch *watch = poll->data;
    int what = status < 0 ? CURL_CSELECT_ERR : 0;
    if (events & UV_READABLE)
        what |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE)
        what |= CURL_CSELECT_OUT;
    act(watch->transfers, watch->socket, what);
}

static void on_timer(uv_timer_t *timer)
{
    act(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static int set_timer(CURLM *multi, long timeout_ms, void *arg)
{
    struct transfers *transfers = arg;
    (void)multi;
    if (timeout_ms < 0)
        uv_timer_stop(&transfers->timer);
    else
        uv_timer_start(&transfers->timer, on_timer, (uint64_t)timeout_ms, 0);
    return 0;
}

static void free_watch(uv_handle_t *handle)
{
    free(handle->data);
}

static struct watch *watch_begin(struct transfers *transfers, curl_socket_t socket)
{
    struct watch *watch = calloc(1, sizeof *watch);
    if (!watch)
        return NULL;
    watch->transfers = transfers;
    watch->socket = socket;
    watch->poll.data = watch;
    if (uv_poll_init_socket(transfers->loop, &watch->poll, socket) != 0) {
        free(watch);
        return NULL;
    }
    curl_multi_assign(transfers->multi, socket, watch);
    return watch;
}

/* Never fails: libcurl would give up all transfers, and those to come. */
static int watch_socket(CURL *easy, curl_socket_t socket, int what, void *arg, void *socket_arg)
{
    struct transfers *transfers = arg;
    struct watch *watch = socket_arg;
    if (what == CURL_POLL_REMOVE) {
        if (watch)
            uv_close((uv_handle_t *)&watch->poll, free_watch);
        return 0;
    }
    if (!watch)
        watch = watch_begin(transfers, socket);
    const int events =
        (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
    if (!watch || uv_poll_start(&watch->poll, events, on_poll) != 0)
        transfers->starved = easy;
    return 0;
}

enum status transfers_create(uv_loop_t *loop, transfer_done_fn *on_done, struct transfers **out,
                             struct reason *why)
{
    struct transfers *transfers = calloc(1, sizeof *transfers);
    CURLM *multi = transfers ? curl_multi_init() : NULL;
    if (!multi) {
        free(transfers);
        return reason_no_memory(why, sizeof *transfers);
    }
    *transfers = (struct transfers){.multi = multi, .loop = loop, .on_done = on_done};
    uv_timer_init(loop, &transfers->timer);
    transfers->timer.data = transfers;
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, transfers);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, transfers);
    curl_multi_setopt(multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
    *out = transfers;
    return STATUS_OK;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void transfers_close(struct transfers *transfers)
{
    if (!transfers)
        return;
    curl_multi_cleanup(transfers->multi);
    uv_close((uv_handle_t *)&transfers->timer, on_closed);
}

bool transfers_add(struct transfers *transfers, CURL *easy)
{
    return curl_multi_add_handle(transfers->multi, easy) == CURLM_OK;
}

void transfers_remove(struct transfers *transfers, CURL *easy)
{
    if (transfers->starved == easy)
        transfers->starved = NULL;
    curl_multi_remove_handle(transfers->multi, easy);
}
