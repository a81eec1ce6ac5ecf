/* One generation: its tokens, its pictures, its place in the cache, its sampler and its text.
 *
 * Made by the submitting thread, then worked on by the scheduler thread alone; only `cancelled` and
 * the end are shared. */
#pragma once

#include "engine/engine.h"
#include "engine/grammar_guide.h"
#include "engine/image_cache.h"
#include "engine/kv_cache.h"
#include "engine/prefix.h"

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
    int32_t *stop_ids; /* [stop_id_count] owned */
    uint32_t stop_id_count;
    bool include_stop;
    const struct bad_words *bad_words; /* NULL: none */
    struct thinking thinking;
    bool wants_logprobs;
    uint32_t top_logprobs;
    bool scores_prompt;
    uint64_t prefix_seed;
    struct visual *visuals; /* owned: the segments' patches */
    size_t visual_count;
    int32_t *positions; /* [3][prompt_count] */
    int32_t delta;
    uint64_t picture_bytes; /* patches */

    /* The scheduler thread's. */
    struct sequence *next; /* in its queue */
    bool started;
    int32_t *ids;    /* [max_count] once it is started, until then those of the prompt */
    uint32_t count;  /* tokens known */
    uint32_t cached; /* tokens whose keys and values are in the pages */
    struct kv_pages pages;
    struct prefix prefix; /* digests of its full pages, as far as they were needed */
    uint32_t published;   /* full pages that others may find */
    uint32_t reached;     /* most tokens that were ever cached */
    uint32_t reused;      /* of the prompt's tokens: never computed, found in the cache */
    struct segment *segments;
    struct image_features **features; /* [segment_count] held; NULL: not yet, or not any more */
    uint32_t segment_count;
    uint32_t encoded; /* segments that went through the vision tower */
    uint32_t passed;  /* segments whose tokens are all cached */
    struct sampler *sampler;
    struct text_stream text;
    int32_t stop_id;                  /* the one of stop_ids that came; -1: none */
    struct grammar_guide *guide;      /* NULL: any text */
    int64_t submitted_ns, started_ns; /* clock_system's; started_ns is 0 before the start */
    bool thinks;                      /* now */
    uint32_t reasoning_tokens;
    uint32_t scored;                /* rows of the prompt whose next token was scored */
    float *raw_logits;              /* [vocab_size] of the last token; NULL: no logprobs */
    struct token_logprob *logprobs; /* [1 + top_logprobs]; the same */

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

/* Takes the memory that generating needs; what waits has little. Once; code: memory_full. */
MUST_CHECK enum status sequence_start(struct sequence *sequence, struct reason *why);

/* Must be over, or never have been scheduled. Takes NULL. */
void sequence_destroy(struct sequence *sequence);

static inline uint32_t sequence_output_count(const struct sequence *sequence)
{
    return sequence->count - sequence->prompt_count;
}

/* So many first rows of a prompt may be multiplied with less precision (kernels/ops.h): those of
 * long prompts, where the speed of products is all that counts, but for the last row, which makes
 * the first token. Never by what else is running. */
enum { FINE_PROMPT_TOKENS = 256 };

static inline uint32_t fast_rows_of(uint32_t prompt_count)
{
    return prompt_count > FINE_PROMPT_TOKENS ? prompt_count - 1 : 0;
}

static inline uint32_t sequence_fast_rows(const struct sequence *sequence)
{
    return sequence->model->fast ? fast_rows_of(sequence->prompt_count) : 0;
}

static inline bool sequence_is_fast(const struct sequence *sequence, uint32_t index)
{
    return index < sequence_fast_rows(sequence);
}

/* Pages of so many first tokens may be taken over by others: what comes after fast rows is finer
 * than it would be in a longer prompt, whose answer must not depend on what ran before. */
static inline uint32_t sequence_shared_tokens(const struct sequence *sequence)
{
    const uint32_t fast = sequence_fast_rows(sequence);
    return fast > 0 ? fast : UINT32_MAX;
}

/* T, H, W of token `index`. */
void sequence_position(const struct sequence *sequence, uint32_t index, int32_t position[3]);

/* The digest of everything up to the end of full page `page`, whose tokens are known. */
const struct digest *sequence_page_digest(struct sequence *sequence, uint32_t page);

/* Lets go what the pictures became, from segment 0 on. */
void sequence_drop_features(struct sequence *sequence, struct image_cache *cache);

/* The first `count` tokens are cached; pictures that are behind are let go. */
void sequence_set_cached(struct sequence *sequence, uint32_t count, struct image_cache *cache);

/* Samples from `logits` (vocab_size, changed), appends the token and gives out an event for it.
 * Returns why that ends the sequence, or FINISH_NONE; *last is then the text of the last event. */
enum finish_reason sequence_take_token(struct sequence *sequence, float *logits, struct str *last);

/* The row of prompt token `index` is to tell how likely the next one is. */
static inline bool sequence_scores(const struct sequence *sequence, uint32_t index)
{
    return sequence->scores_prompt && index >= sequence->scored &&
           index + 1 < sequence->prompt_count;
}

/* Gives out an event with how likely `logits` (of the row of prompt token `index`) find the next.
 */
void sequence_score(struct sequence *sequence, uint32_t index, const float *logits);

/* Gives out the last event. */
void sequence_give_last(struct sequence *sequence, struct str text, enum finish_reason finish,
                        const struct reason *why);

/* Lets sequence_release go on; the sequence may be gone when it returns. */
void sequence_mark_over(struct sequence *sequence);
