#include "client/http_client.h"

#include <errno.h>
#include <poll.h>

enum { POLL_MAX_MS = 1000 };

enum status http_client_init(struct http_client *client, const struct clock *clock, int cancel_fd,
                             struct reason *why)
{
    *client = (struct http_client){.clock = clock, .cancel_fd = cancel_fd};
    if (curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK) {
        client->multi = curl_multi_init();
        client->easy = curl_easy_init();
    }
    if (client->multi && client->easy)
        return STATUS_OK;
    http_client_release(client);
    return reason_no_memory(why, 0);
}

void http_client_release(struct http_client *client)
{
    curl_easy_cleanup(client->easy);
    curl_multi_cleanup(client->multi);
    client->easy = NULL;
    client->multi = NULL;
}

static bool cancelled(const struct http_client *client)
{
    struct pollfd fd = {.fd = client->cancel_fd, .events = POLLIN};
    return client->cancel_fd >= 0 && poll(&fd, 1, 0) > 0;
}

bool http_client_sleep(const struct http_client *client, int64_t ms)
{
    const int64_t end = clock_ns(client->clock) + ms * 1000000;
    for (int64_t left = ms; left > 0; left = (end - clock_ns(client->clock) + 999999) / 1000000) {
        struct pollfd fd = {.fd = client->cancel_fd, .events = POLLIN};
        if (poll(&fd, 1, left < POLL_MAX_MS ? (int)left : POLL_MAX_MS) > 0)
            return false;
    }
    return !cancelled(client);
}

/* How the driving ended. */
enum end { END_DONE, END_TIMED_OUT, END_CANCELLED };

static bool finished(struct http_client *client, CURLcode *code)
{
    int left;
    const CURLMsg *message = curl_multi_info_read(client->multi, &left);
    if (!message || message->msg != CURLMSG_DONE)
        return false;
    *code = message->data.result;
    return true;
}

static enum end drive(struct http_client *client, const struct http_exchange *x, CURLcode *code)
{
    struct curl_waitfd cancel = {.fd = client->cancel_fd, .events = CURL_WAIT_POLLIN};
    const unsigned extra = client->cancel_fd >= 0;
    for (;;) {
        int running;
        if (cancelled(client))
            return END_CANCELLED;
        const CURLMcode multi_code = curl_multi_perform(client->multi, &running);
        if (finished(client, code))
            return END_DONE;
        if (multi_code != CURLM_OK) {
            *code = CURLE_FAILED_INIT;
            return END_DONE;
        }
        const int64_t left = http_exchange_remaining_ms(x);
        if (left == 0)
            return END_TIMED_OUT;
        curl_multi_poll(client->multi, &cancel, extra, left < POLL_MAX_MS ? (int)left : POLL_MAX_MS,
                        NULL);
    }
}

static enum status was_cancelled(struct reason *why)
{
    reason_set(why, "cancelled", "The request was interrupted.", "请求已中断。");
    return STATUS_CANCELLED;
}

enum status http_client_perform(struct http_client *client, const struct http_transport *transport,
                                const struct http_request *request, http_body_fn *on_body,
                                void *context, struct http_response *response, struct reason *why)
{
    struct http_exchange x = {.easy = client->easy,
                              .transport = transport,
                              .clock = client->clock,
                              .response = response,
                              .on_body = on_body,
                              .context = context};
    const enum status begun = http_exchange_begin(&x, request, why);
    if (begun != STATUS_OK)
        return begun;
    CURLcode code = CURLE_FAILED_INIT;
    enum end end = END_DONE;
    if (curl_multi_add_handle(client->multi, client->easy) == CURLM_OK) {
        end = drive(client, &x, &code);
        curl_multi_remove_handle(client->multi, client->easy);
    }
    if (end != END_CANCELLED)
        return http_exchange_end(&x, code, end == END_TIMED_OUT, why);
    http_exchange_release(&x);
    return was_cancelled(why);
}
