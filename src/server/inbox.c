#include "server/inbox.h"

#include <stdlib.h>

static void on_async(uv_async_t *async)
{
    struct inbox *inbox = async->data;
    inbox->on_ready(inbox->arg);
}

void inbox_init(struct inbox *inbox, uv_loop_t *loop, void (*on_ready)(void *arg), void *arg)
{
    *inbox = (struct inbox){.on_ready = on_ready, .arg = arg};
    pthread_mutex_init(&inbox->lock, NULL);
    uv_async_init(loop, &inbox->async, on_async);
    inbox->async.data = inbox;
}

void inbox_release(struct inbox *inbox)
{
    pthread_mutex_destroy(&inbox->lock);
}

void news_init(struct news *news, size_t text_max)
{
    *news = (struct news){.finish = FINISH_NONE};
    buf_init(&news->text, text_max);
}

void news_release(struct news *news)
{
    buf_release(&news->text);
    token_list_release(&news->ids);
    logprob_list_release(&news->logprobs);
    logprob_list_release(&news->prompt_logprobs);
    free(news->why);
}

void choice_init(struct choice *choice, struct job *job, struct inbox *inbox, uint32_t index,
                 bool wants_ids, size_t text_max)
{
    *choice = (struct choice){.job = job, .inbox = inbox, .index = index, .wants_ids = wants_ids};
    news_init(&choice->news, text_max);
}

void choice_release(struct choice *choice)
{
    news_release(&choice->news);
}

static void add_ids(struct news *news, const int32_t *ids, size_t count)
{
    for (size_t i = 0; i < count && !news->failed; i++)
        news->failed = token_list_add(&news->ids, ids[i], NULL) != STATUS_OK;
}

static void add_row(const struct choice *choice, const struct token_logprob *row,
                    struct logprob_list *list, struct news *news)
{
    if (choice->logprob_row > 0 && row && !news->failed)
        news->failed = logprob_list_add(list, row, choice->logprob_row, NULL) != STATUS_OK;
}

static void add_event(struct choice *choice, const struct engine_event *event)
{
    struct news *news = &choice->news;
    const int64_t now = (int64_t)uv_hrtime();
    if (event->id_count > 0) {
        news->first_ns = news->first_ns ? news->first_ns : now;
        news->last_ns = now;
    }
    buf_add_str(&news->text, event->text);
    if (choice->wants_ids)
        add_ids(news, event->ids, event->id_count);
    add_row(choice, event->logprobs, &news->logprobs, news);
    add_row(choice, event->prompt_logprobs, &news->prompt_logprobs, news);
    news->prompt_tokens = event->prompt_tokens;
    news->output_tokens = event->output_tokens;
    news->cached_tokens = event->cached_tokens;
    news->reasoning_tokens = event->reasoning_tokens;
    news->queue_ns = event->queue_ns;
    news->finish = event->finish;
    news->stop_string = event->stop_string;
    news->stop_id = event->stop_id;
    if (event->finish == FINISH_FAILED)
        news->why = reason_copy(event->why);
}

void choice_on_event(void *arg, const struct engine_event *event)
{
    struct choice *choice = arg;
    struct inbox *inbox = choice->inbox;
    pthread_mutex_lock(&inbox->lock);
    add_event(choice, event);
    if (!choice->ready) {
        choice->ready = true;
        choice->next_ready = inbox->ready;
        inbox->ready = choice;
    }
    pthread_mutex_unlock(&inbox->lock);
    uv_async_send(&inbox->async);
}

struct choice *inbox_take(struct inbox *inbox, struct news *out)
{
    pthread_mutex_lock(&inbox->lock);
    struct choice *choice = inbox->ready;
    if (choice) {
        inbox->ready = choice->next_ready;
        choice->ready = false;
        const struct news taken = choice->news;
        buf_clear(&out->text);
        free(out->why);
        out->ids.count = out->logprobs.count = out->prompt_logprobs.count = 0;
        choice->news = (struct news){.text = out->text,
                                     .ids = out->ids,
                                     .logprobs = out->logprobs,
                                     .prompt_logprobs = out->prompt_logprobs};
        choice->news.text.max = taken.text.max; /* the memory moves, the bound stays */
        *out = taken;
    }
    pthread_mutex_unlock(&inbox->lock);
    return choice;
}
