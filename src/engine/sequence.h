/* One generation: its tokens, its pictures, its place in the cache, its sampler and its text.
 *
 * Made by the submitting thread, then worked on by the scheduler thread alone; only `cancelled` and
 * the end are shared. */
#pragma once

#include "engine/engine.h"
#include "engine/grammar_guide.h"
#include "engine/kv_cache.h"
#include "engine/positions.h"

#include <pthread.h>
#include <stdatomic.h>

struct sequence {
    /* Constant after sequence_create. */
    const struct model *model;
    engine_event_fn *on_event;
    void *arg;
    uint32_t prompt_count, max_count; /* tokens of the prompt; of prompt and output at most */
    uint32_t min_tokens;
    bool ignore_eos;
    struct visual *visuals; /* owned: the segments' patches */
    size_t visual_count;
    int32_t *positions; /* [3][prompt_count] */
    int32_t delta;
    uint64_t picture_bytes; /* patches */

    /* The scheduler thread's. */
    struct sequence *next; /* in its queue */
    int32_t *ids;          /* [max_count] */
    uint32_t count;        /* tokens known */
    uint32_t cached;       /* tokens whose keys and values are in the pages */
    struct kv_pages pages;
    struct segment *segments;
    float **features; /* [segment_count] what the vision tower made of each; NULL: not (any more) */
    uint32_t segment_count;
    uint32_t encoded; /* segments that went through the vision tower */
    uint32_t passed;  /* segments whose tokens are all cached */
    struct sampler *sampler;
    struct text_stream text;
    struct grammar_guide *guide; /* NULL: any text */

    /* Shared. */
    atomic_bool cancelled;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool over; /* under lock: the last event was given */
};

/* Takes over request->prompt, whether it succeeds or not. context: most tokens of a sequence.
 * Codes: those of engine_submit without queue_full and draining. */
MUST_CHECK enum status sequence_create(const struct model *model, uint32_t context,
                                       struct engine_request *request, struct sequence **out,
                                       struct reason *why);
/* Must be over, or never have been scheduled. Takes NULL. */
void sequence_destroy(struct sequence *sequence);

static inline uint32_t sequence_output_count(const struct sequence *sequence)
{
    return sequence->count - sequence->prompt_count;
}

/* T, H, W of token `index`. */
void sequence_position(const struct sequence *sequence, uint32_t index, int32_t position[3]);

/* Forgets what the pictures became, from segment 0 on. */
void sequence_forget_features(struct sequence *sequence);

/* Samples from `logits` (vocab_size, changed), appends the token and gives out an event for it.
 * Returns why that ends the sequence, or FINISH_NONE; *last is then the text of the last event. */
enum finish_reason sequence_take_token(struct sequence *sequence, float *logits, struct str *last);

/* Gives out the last event. */
void sequence_give_last(struct sequence *sequence, struct str text, enum finish_reason finish,
                        const struct reason *why);

/* Lets sequence_release go on; the sequence may be gone when it returns. */
void sequence_mark_over(struct sequence *sequence);
