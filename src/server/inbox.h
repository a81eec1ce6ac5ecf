/* From the scheduler's thread to the loop's: what the choices of all jobs have to tell.
 *
 * A choice collects its news under the inbox' lock until the loop takes them; several tokens may
 * come as one. No memory is taken per token. */
#pragma once

#include "engine/engine.h"

#include <pthread.h>
#include <uv.h>

struct job;

/* What a sequence told since the loop last looked. */
struct news {
    struct buf text;
    struct token_list ids;
    struct logprob_list logprobs;        /* rows of the choice's length, one for each id */
    struct logprob_list prompt_logprobs; /* the same for the prompt */
    bool failed;                         /* no memory for ids or rows */
    enum finish_reason finish;
    struct reason *why;           /* FINISH_FAILED: owned; NULL: no memory is left */
    int32_t stop_string, stop_id; /* FINISH_STOP, see engine.h */
    uint32_t prompt_tokens, output_tokens, cached_tokens, reasoning_tokens;
    int64_t first_ns, last_ns; /* of this text: libuv's clock */
    int64_t queue_ns;          /* see engine_event */
};

struct choice {
    struct job *job;
    struct inbox *inbox;
    uint32_t index;
    struct sequence *sequence;
    bool finished; /* the loop saw its last event */
    bool wants_ids;
    uint32_t logprob_row; /* items of a row of log-probabilities; 0: none are wanted */

    /* Under the inbox' lock. */
    struct news news;
    struct choice *next_ready;
    bool ready; /* in the inbox' list */
};

struct inbox {
    pthread_mutex_t lock;
    struct choice *ready;
    uv_async_t async;
    void (*on_ready)(void *arg); /* on the loop's thread: call inbox_take */
    void *arg;
};

void inbox_init(struct inbox *inbox, uv_loop_t *loop, void (*on_ready)(void *arg), void *arg);
/* The async handle must be closed. */
void inbox_release(struct inbox *inbox);

/* text_max: bytes of news that may wait. */
void choice_init(struct choice *choice, struct job *job, struct inbox *inbox, uint32_t index,
                 bool wants_ids, size_t text_max);
/* Its sequence must be over and released. */
void choice_release(struct choice *choice);

/* An engine_event_fn; arg is the choice. */
void choice_on_event(void *arg, const struct engine_event *event);

/* The next choice with news, moved to `out` (an initialised news; its buffers are swapped); NULL if
 * there is none. */
struct choice *inbox_take(struct inbox *inbox, struct news *out);

void news_init(struct news *news, size_t text_max);
void news_release(struct news *news);
