#include "api/answer_delta.h"

#include <stdlib.h>

void answer_delta_init(struct answer_delta *delta, size_t text_max)
{
    *delta = (struct answer_delta){0};
    buf_init(&delta->reasoning, text_max);
    buf_init(&delta->content, text_max);
}

static void release_calls(struct answer_delta *delta)
{
    for (size_t i = 0; i < delta->call_count; i++) {
        buf_release(&delta->calls[i].name);
        buf_release(&delta->calls[i].arguments);
    }
    delta->call_count = 0;
}

void answer_delta_release(struct answer_delta *delta)
{
    release_calls(delta);
    free(delta->calls);
    delta->calls = NULL;
    delta->call_cap = 0;
    buf_release(&delta->reasoning);
    buf_release(&delta->content);
}

void answer_delta_clear(struct answer_delta *delta)
{
    release_calls(delta);
    buf_clear(&delta->reasoning);
    buf_clear(&delta->content);
}

bool answer_delta_is_empty(const struct answer_delta *delta)
{
    return delta->reasoning.len == 0 && delta->content.len == 0 && delta->call_count == 0;
}

bool answer_delta_failed(const struct answer_delta *delta)
{
    bool failed = delta->failed || delta->reasoning.failed || delta->content.failed;
    for (size_t i = 0; i < delta->call_count; i++)
        failed = failed || delta->calls[i].name.failed || delta->calls[i].arguments.failed;
    return failed;
}

struct answer_call *answer_delta_call(struct answer_delta *delta, uint32_t index)
{
    if (delta->call_count > 0 && delta->calls[delta->call_count - 1].index == index)
        return &delta->calls[delta->call_count - 1];
    if (delta->call_count == delta->call_cap && !delta->failed) {
        const size_t cap = 2 * delta->call_cap + 2;
        struct answer_call *calls = realloc(delta->calls, cap * sizeof *calls);
        delta->failed = !calls;
        delta->calls = calls ? calls : delta->calls;
        delta->call_cap = calls ? cap : delta->call_cap;
    }
    if (delta->failed)
        return NULL;
    struct answer_call *call = &delta->calls[delta->call_count++];
    *call = (struct answer_call){.index = index};
    buf_init(&call->name, delta->content.max);
    buf_init(&call->arguments, delta->content.max);
    return call;
}
