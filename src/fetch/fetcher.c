#include "fetch/fetcher.h"

#include "fetch/transfers.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

enum {
    TICK_MS = 50,
    SLOW_SECONDS = 5, /* so long a body may come at less than a KiB a second */
    HANDLES = 2,
};

TAILQ_HEAD(fetch_list, fetch);
TAILQ_HEAD(client_list, client);

/* One who asks, while there are fetches for him. */
struct client {
    TAILQ_ENTRY(client) link;
    char name[FETCH_CLIENT_MAX];
    struct fetch_list waiting;
    uint32_t fetches; /* that are not freed */
    uint32_t running;
};

enum fetch_state { FETCH_WAITING, FETCH_LOOKING_UP, FETCH_RECEIVING, FETCH_OVER };

struct fetch {
    TAILQ_ENTRY(fetch)
    link; /* of the client's waiting ones, the running, those over, those lingering */
    struct fetcher *fetcher;
    struct client *client;
    struct fetch_order order; /* without `url` and `client` */
    enum fetch_state state;
    bool looking; /* a lookup will answer */
    bool told;    /* on_done was called */
    struct fetch_target target;
    struct hop hop;
    struct fetched file;
    int64_t redirects;
    int64_t end_ns, speed_ns; /* when its time is over; when the speed was last looked at */
    uint64_t speed_bytes;     /* at that time */
    enum status status;
    struct reason why;
};

struct fetcher {
    uv_loop_t *loop;
    struct resolver *resolver;
    struct transfers *transfers;
    struct fetch_trust trust;
    struct fetch_budget budget;
    struct client_list clients;
    struct fetch_list running, over;
    struct fetch_list lingering; /* told, but still being looked up */
    uint32_t running_count;      /* with those whose lookup goes on */
    uv_async_t wake;
    uv_timer_t tick;
    int handles; /* not closed yet */
};

static void fetch_free(struct fetch *fetch)
{
    struct client *client = fetch->client;
    if (client && --client->fetches == 0) {
        TAILQ_REMOVE(&fetch->fetcher->clients, client, link);
        free(client);
    }
    fetched_release(&fetch->file);
    fetch_target_release(&fetch->target);
    free(fetch);
}

static void give_place_back(struct fetch *fetch)
{
    struct fetcher *fetcher = fetch->fetcher;
    fetch->client->running--;
    if (--fetcher->running_count == 0)
        uv_timer_stop(&fetcher->tick);
    uv_async_send(&fetcher->wake);
}

/* The only way to OVER. `why` stays as it is if the status is good. */
static void finish(struct fetch *fetch, enum status status)
{
    struct fetcher *fetcher = fetch->fetcher;
    const bool waited = fetch->state == FETCH_WAITING;
    if (fetch->state == FETCH_RECEIVING && fetch->hop.easy)
        transfers_remove(fetcher->transfers, fetch->hop.easy);
    hop_release(&fetch->hop);
    fetch->state = FETCH_OVER;
    fetch->status = status;
    if (status != STATUS_OK)
        fetched_clear(&fetch->file);
    TAILQ_REMOVE(waited ? &fetch->client->waiting : &fetcher->running, fetch, link);
    TAILQ_INSERT_TAIL(&fetcher->over, fetch, link);
    if (!waited && !fetch->looking)
        give_place_back(fetch);
    uv_async_send(&fetcher->wake);
}

static void fail(struct fetch *fetch, const char *code, const char *en, const char *zh)
{
    finish(fetch, fetch_fault(fetch->order.kind, fetch->target.shown, code, en, zh, &fetch->why));
}

static void receive(struct fetch *fetch, const struct address *addresses, size_t count)
{
    struct fetcher *fetcher = fetch->fetcher;
    fetch->state = FETCH_RECEIVING;
    fetched_clear(&fetch->file);
    if (!hop_init(&fetch->hop, fetch->order.rules, &fetcher->trust, &fetch->target, addresses,
                  count, &fetch->file, fetch) ||
        !transfers_add(fetcher->transfers, fetch->hop.easy)) {
        hop_release(&fetch->hop);
        finish(fetch, reason_no_memory(&fetch->why, sizeof fetch->hop));
    }
}

/* The address itself is not told: names of an inner network would be readable from outside. */
static void refuse_address(struct fetch *fetch, enum address_kind kind)
{
    const enum status status = fetch_fault_printf(
        fetch->order.kind, fetch->target.shown, &fetch->why, "image_address_blocked",
        "its address is of a kind that is not visited: %s%.0s", "它指向%.0s%s地址，不允许访问",
        address_kind_name(kind, LANG_EN), address_kind_name(kind, LANG_ZH));
    reason_hint(&fetch->why,
                "Send the file as a data URL; the operator can open networks with "
                "model.image.allow_addresses.",
                "请以 data URL 发送文件；管理员可用 model.image.allow_addresses 放行网段。");
    finish(fetch, status);
}

static void take_addresses(struct fetch *fetch, const struct address *found, size_t found_count)
{
    struct address addresses[RESOLVER_ADDRESSES_MAX];
    enum address_kind blocked = ADDRESS_RESERVED;
    memcpy(addresses, found, found_count * sizeof *found);
    const size_t count =
        fetch_guard_filter(&fetch->order.rules->guard, addresses, found_count, &blocked);
    if (count == 0)
        refuse_address(fetch, blocked);
    else
        receive(fetch, addresses, count);
}

static void not_found(struct fetch *fetch, int error)
{
    if (error == EAI_NONAME || error == EAI_NODATA)
        fail(fetch, "image_dns_failed", "the host's name is not known", "找不到主机名");
    else
        finish(fetch,
               fetch_fault_printf(fetch->order.kind, fetch->target.shown, &fetch->why,
                                  "image_dns_failed", "the host's name could not be looked up: %s",
                                  "无法解析主机名：%s", gai_strerror(error)));
}

static void on_answer(void *arg, const struct resolver_answer *answer)
{
    struct fetch *fetch = arg;
    fetch->looking = false;
    if (fetch->state == FETCH_OVER) {
        give_place_back(fetch);
        if (fetch->told) {
            TAILQ_REMOVE(&fetch->fetcher->lingering, fetch, link);
            fetch_free(fetch);
        }
    } else if (answer->error) {
        not_found(fetch, answer->error);
    } else {
        take_addresses(fetch, answer->addresses, answer->count);
    }
}

/* To where the target is. */
static void visit(struct fetch *fetch)
{
    fetch->state = FETCH_LOOKING_UP;
    if (fetch->target.is_address) {
        take_addresses(fetch, &fetch->target.address, 1);
        return;
    }
    const enum status status =
        resolver_begin(fetch->fetcher->resolver, fetch->target.host, on_answer, fetch, &fetch->why);
    fetch->looking = status == STATUS_OK;
    if (status)
        finish(fetch, status);
}

static void redirect(struct fetch *fetch)
{
    const struct fetch_rules *rules = fetch->order.rules;
    if (fetch->redirects++ == rules->max_redirects) {
        finish(fetch, fetch_fault_printf(fetch->order.kind, fetch->target.shown, &fetch->why,
                                         "image_redirects", "it redirects more than %lld times",
                                         "重定向超过 %lld 次", (long long)rules->max_redirects));
        return;
    }
    struct fetch_target next;
    const enum status status = fetch_target_follow(&fetch->target, buf_str(&fetch->hop.location),
                                                   fetch->order.kind, &next, &fetch->why);
    if (status) {
        reason_context(&fetch->why, "After a redirect", "重定向之后");
        finish(fetch, status);
        return;
    }
    hop_release(&fetch->hop);
    fetch_target_release(&fetch->target);
    fetch->target = next;
    visit(fetch);
}

/* The transfer is no longer among those of libcurl. */
static void on_received(void *arg, CURLcode code)
{
    struct fetch *fetch = arg;
    if (hop_is_redirect(&fetch->hop)) {
        redirect(fetch);
        return;
    }
    enum status status = hop_result(&fetch->hop, code, &fetch->why);
    const struct str nothing = {0}; /* even an empty video is a file */
    if (status == STATUS_OK && !fetched_add(&fetch->file, nothing, UINT64_MAX))
        status = reason_no_memory(&fetch->why, 0);
    finish(fetch, status);
}

static void too_late(struct fetch *fetch)
{
    const bool looking = fetch->state == FETCH_LOOKING_UP;
    const char *en = looking ? "looking up the name" : hop_step(&fetch->hop, LANG_EN);
    const char *zh = looking ? "解析主机名" : hop_step(&fetch->hop, LANG_ZH);
    finish(fetch,
           fetch_fault_printf(fetch->order.kind, fetch->target.shown, &fetch->why, "image_timeout",
                              "its time of %g s was over while %s%.0s (%llu bytes so far)",
                              "%g 秒内未完成，当时正在%.0s%s（已收到 %llu 字节）",
                              (double)fetch->order.rules->timeout_ms / 1000, en, zh,
                              (unsigned long long)fetch->file.size));
}

static void check_speed(struct fetch *fetch, int64_t now_ns)
{
    if (fetch->state != FETCH_RECEIVING || !fetch->hop.head_over) {
        fetch->speed_ns = now_ns;
        fetch->speed_bytes = 0;
        return;
    }
    if (now_ns - fetch->speed_ns < SLOW_SECONDS * (int64_t)1000000000)
        return;
    if (fetch->file.size - fetch->speed_bytes < SLOW_SECONDS * 1024) {
        fail(fetch, "image_timeout", "the host sends less than 1 KiB a second",
             "主机的发送速度低于每秒 1 KiB");
        return;
    }
    fetch->speed_ns = now_ns;
    fetch->speed_bytes = fetch->file.size;
}

static void on_tick(uv_timer_t *timer)
{
    struct fetcher *fetcher = timer->data;
    const int64_t now = (int64_t)uv_hrtime();
    struct fetch *next;
    for (struct fetch *fetch = TAILQ_FIRST(&fetcher->running); fetch; fetch = next) {
        next = TAILQ_NEXT(fetch, link);
        if (now > fetch->end_ns)
            too_late(fetch);
        else
            check_speed(fetch, now);
    }
}

static void start(struct fetch *fetch)
{
    struct fetcher *fetcher = fetch->fetcher;
    struct client *client = fetch->client;
    TAILQ_REMOVE(&client->waiting, fetch, link);
    TAILQ_INSERT_TAIL(&fetcher->running, fetch, link);
    client->running++;
    if (fetcher->running_count++ == 0)
        uv_timer_start(&fetcher->tick, on_tick, TICK_MS, TICK_MS);
    TAILQ_REMOVE(&fetcher->clients, client, link); /* the others are next */
    TAILQ_INSERT_TAIL(&fetcher->clients, client, link);
    fetch->speed_ns = (int64_t)uv_hrtime();
    fetch->end_ns = fetch->speed_ns + fetch->order.rules->timeout_ms * 1000000;
    visit(fetch);
}

static struct fetch *next_to_start(const struct fetcher *fetcher)
{
    const struct client *client;
    TAILQ_FOREACH(client, &fetcher->clients, link)
    {
        struct fetch *fetch = TAILQ_FIRST(&client->waiting);
        if (fetch && client->running < fetch->order.rules->running_per_client &&
            fetcher->running_count < fetch->order.rules->running)
            return fetch;
    }
    return NULL;
}

static void tell(struct fetch *fetch)
{
    fetch->order.on_done(fetch->order.arg, fetch->status, &fetch->why, &fetch->file);
    fetch->told = true;
    if (fetch->looking)
        TAILQ_INSERT_TAIL(&fetch->fetcher->lingering, fetch, link);
    else
        fetch_free(fetch);
}

/* Tells who waits for what is over, and starts what has a place now. */
static void on_wake(uv_async_t *async)
{
    struct fetcher *fetcher = async->data;
    struct fetch *fetch;
    while ((fetch = TAILQ_FIRST(&fetcher->over))) {
        TAILQ_REMOVE(&fetcher->over, fetch, link);
        tell(fetch);
    }
    while ((fetch = next_to_start(fetcher)))
        start(fetch);
}

static void watch(struct fetcher *fetcher)
{
    uv_async_init(fetcher->loop, &fetcher->wake, on_wake);
    uv_timer_init(fetcher->loop, &fetcher->tick);
    fetcher->wake.data = fetcher->tick.data = fetcher;
    fetcher->handles = HANDLES;
}

enum status fetcher_create(uv_loop_t *loop, resolve_fn *resolve, struct fetcher **out,
                           struct reason *why)
{
    struct fetcher *fetcher = calloc(1, sizeof *fetcher);
    if (!fetcher)
        return reason_no_memory(why, sizeof *fetcher);
    fetcher->loop = loop;
    fetcher->trust = (struct fetch_trust){getenv("SSL_CERT_FILE"), getenv("SSL_CERT_DIR")};
    TAILQ_INIT(&fetcher->clients);
    TAILQ_INIT(&fetcher->running);
    TAILQ_INIT(&fetcher->over);
    TAILQ_INIT(&fetcher->lingering);
    enum status status = transfers_create(loop, on_received, &fetcher->transfers, why);
    if (status == STATUS_OK)
        status = resolver_create(loop, resolve, &fetcher->resolver, why);
    if (status != STATUS_OK) {
        transfers_close(fetcher->transfers);
        free(fetcher);
        return status;
    }
    watch(fetcher);
    *out = fetcher;
    return STATUS_OK;
}

static void on_closed(uv_handle_t *handle)
{
    struct fetcher *fetcher = handle->data;
    if (--fetcher->handles > 0)
        return;
    struct fetch *fetch;
    while ((fetch = TAILQ_FIRST(&fetcher->lingering))) {
        TAILQ_REMOVE(&fetcher->lingering, fetch, link);
        fetch_free(fetch);
    }
    free(fetcher);
}

void fetcher_close(struct fetcher *fetcher)
{
    if (!fetcher)
        return;
    resolver_close(fetcher->resolver);
    transfers_close(fetcher->transfers);
    uv_close((uv_handle_t *)&fetcher->wake, on_closed);
    uv_close((uv_handle_t *)&fetcher->tick, on_closed);
}

uint64_t fetcher_bytes(const struct fetcher *fetcher)
{
    return fetcher->budget.used;
}

static struct client *client_of(struct fetcher *fetcher, const char *name)
{
    struct client *client;
    TAILQ_FOREACH(client, &fetcher->clients, link)
    {
        if (strncmp(client->name, name, sizeof client->name - 1) == 0)
            return client;
    }
    client = calloc(1, sizeof *client);
    if (!client)
        return NULL;
    snprintf(client->name, sizeof client->name, "%s", name);
    TAILQ_INIT(&client->waiting);
    TAILQ_INSERT_TAIL(&fetcher->clients, client, link);
    return client;
}

static enum status prepare(struct fetch *fetch, const struct fetch_order *order, struct reason *why)
{
    struct fetcher *fetcher = fetch->fetcher;
    const enum status status = fetch_target_parse(order->url, order->kind, &fetch->target, why);
    if (status)
        return status;
    fetch->client = client_of(fetcher, order->client);
    if (!fetch->client)
        return reason_no_memory(why, sizeof *fetch->client);
    fetch->client->fetches++;
    fetched_init(&fetch->file, order->kind, &fetcher->budget);
    return STATUS_OK;
}

enum status fetch_begin(struct fetcher *fetcher, const struct fetch_order *order,
                        struct fetch **out, struct reason *why)
{
    struct fetch *fetch = calloc(1, sizeof *fetch);
    if (!fetch)
        return reason_no_memory(why, sizeof *fetch);
    fetch->fetcher = fetcher;
    fetch->order = *order;
    const enum status status = prepare(fetch, order, why);
    if (status) {
        fetch_free(fetch);
        return status;
    }
    TAILQ_INSERT_TAIL(&fetch->client->waiting, fetch, link);
    uv_async_send(&fetcher->wake);
    *out = fetch;
    return STATUS_OK;
}

void fetch_cancel(struct fetch *fetch)
{
    if (fetch->state == FETCH_OVER)
        return;
    reason_set(&fetch->why, "client_closed", "Nobody waits for the picture any more.",
               "已无人等待该图片。");
    finish(fetch, STATUS_CANCELLED);
}
