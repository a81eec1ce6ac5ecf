#include "fetch/resolver.h"

#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct lookup {
    struct resolver *resolver;
    struct lookup *next; /* of those that have their answer */
    char host[256];
    struct resolver_answer answer;
    void (*on_answer)(void *arg, const struct resolver_answer *answer);
    void *arg;
};

/* Lives until the handle is closed and the last lookup is over: `users` counts them. */
struct resolver {
    uv_async_t async;
    resolve_fn *resolve;
    pthread_mutex_t mutex; /* of what follows */
    struct lookup *answered;
    uint32_t users;
    bool closed;
};

void resolve_by_system(const char *host, struct resolver_answer *out)
{
    const struct addrinfo wanted = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    out->error = getaddrinfo(host, NULL, &wanted, &list);
    if (out->error)
        return;
    for (const struct addrinfo *a = list; a && out->count < RESOLVER_ADDRESSES_MAX; a = a->ai_next)
        if (address_from_socket(a->ai_addr, &out->addresses[out->count]))
            out->count++;
    freeaddrinfo(list);
    if (out->count == 0)
        out->error = EAI_NONAME;
}

/* Unlocks. */
static void leave(struct resolver *resolver)
{
    const bool last = --resolver->users == 0;
    pthread_mutex_unlock(&resolver->mutex);
    if (!last)
        return;
    pthread_mutex_destroy(&resolver->mutex);
    free(resolver);
}

static void *run(void *arg)
{
    struct lookup *lookup = arg;
    struct resolver *resolver = lookup->resolver;
    resolver->resolve(lookup->host, &lookup->answer);
    pthread_mutex_lock(&resolver->mutex);
    if (resolver->closed) {
        free(lookup);
    } else {
        lookup->next = resolver->answered;
        resolver->answered = lookup;
        uv_async_send(&resolver->async);
    }
    leave(resolver);
    return NULL;
}

static struct lookup *take_answered(struct resolver *resolver)
{
    pthread_mutex_lock(&resolver->mutex);
    struct lookup *list = resolver->answered;
    resolver->answered = NULL;
    pthread_mutex_unlock(&resolver->mutex);
    return list;
}

static void on_async(uv_async_t *async)
{
    struct lookup *lookup = take_answered(async->data);
    while (lookup) {
        struct lookup *next = lookup->next;
        lookup->on_answer(lookup->arg, &lookup->answer);
        free(lookup);
        lookup = next;
    }
}

enum status resolver_create(uv_loop_t *loop, resolve_fn *resolve, struct resolver **out,
                            struct reason *why)
{
    struct resolver *resolver = calloc(1, sizeof *resolver);
    if (!resolver)
        return reason_no_memory(why, sizeof *resolver);
    resolver->resolve = resolve;
    resolver->users = 1;
    pthread_mutex_init(&resolver->mutex, NULL);
    if (uv_async_init(loop, &resolver->async, on_async) != 0) {
        pthread_mutex_lock(&resolver->mutex);
        leave(resolver);
        return reason_no_memory(why, sizeof *resolver);
    }
    resolver->async.data = resolver;
    *out = resolver;
    return STATUS_OK;
}

static void on_closed(uv_handle_t *handle)
{
    struct resolver *resolver = handle->data;
    pthread_mutex_lock(&resolver->mutex);
    leave(resolver);
}

void resolver_close(struct resolver *resolver)
{
    if (!resolver)
        return;
    pthread_mutex_lock(&resolver->mutex);
    resolver->closed = true;
    struct lookup *lookup = resolver->answered;
    resolver->answered = NULL;
    pthread_mutex_unlock(&resolver->mutex);
    while (lookup) {
        struct lookup *next = lookup->next;
        free(lookup);
        lookup = next;
    }
    uv_close((uv_handle_t *)&resolver->async, on_closed);
}

static bool start_thread(struct lookup *lookup)
{
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    const bool started = pthread_create(&thread, &attributes, run, lookup) == 0;
    pthread_attr_destroy(&attributes);
    return started;
}

enum status resolver_begin(struct resolver *resolver, const char *host,
                           void (*on_answer)(void *arg, const struct resolver_answer *answer),
                           void *arg, struct reason *why)
{
    struct lookup *lookup = calloc(1, sizeof *lookup);
    if (!lookup)
        return reason_no_memory(why, sizeof *lookup);
    lookup->resolver = resolver;
    lookup->on_answer = on_answer;
    lookup->arg = arg;
    snprintf(lookup->host, sizeof lookup->host, "%s", host);
    pthread_mutex_lock(&resolver->mutex);
    resolver->users++;
    pthread_mutex_unlock(&resolver->mutex);
    if (start_thread(lookup))
        return STATUS_OK;
    free(lookup);
    pthread_mutex_lock(&resolver->mutex);
    leave(resolver);
    return reason_no_memory(why, sizeof *lookup);
}
