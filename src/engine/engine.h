/* The engine: one model, one scheduler thread, many sequences.
 *
 * Each step of the scheduler makes one batch: first the next token of every running sequence, then
 * chunks of waiting prompts under a token budget, so that a long prompt never stops the others.
 * Sequences are submitted and cancelled from any thread; their events come on the scheduler thread
 * and must be quick: hand them over, do not work in them. */
#pragma once

#include "engine/bad_words.h"
#include "engine/grammar.h"
#include "engine/kv_cache.h"
#include "engine/logprobs.h"
#include "engine/prompt.h"
#include "engine/sampler.h"
#include "engine/text_stream.h"

struct engine;
struct sequence;

struct engine_options {
    int threads;                /* 0: one per usable core */
    uint32_t context;           /* most tokens of one sequence; 0: 32768 or the model's, if less */
    uint32_t max_sequences;     /* running at once; 0: 16 */
    uint32_t max_waiting;       /* queued beyond those; 0: 256 */
    uint32_t prefill_chunk;     /* prompt tokens of one step; 0: 512 */
    uint64_t kv_cache_bytes;    /* 0: 2 GiB, or what one full context needs, if less */
    enum kv_type kv_type;       /* 0: F16 */
    bool prefixes_apart;        /* prompts that begin alike share nothing: for comparison */
    uint64_t image_cache_bytes; /* of encoded pictures that may be asked about again; 0: 256 MiB */
    uint64_t picture_bytes;     /* of the pictures of all sequences, and of the work on one of them;
                                 * 0: a quarter of the machine's memory */
};

/* The model is borrowed and must outlive the engine. Codes: memory_full, invalid_value
 * (the KV type does not suit the model). */
MUST_CHECK enum status engine_create(const struct model *model,
                                     const struct engine_options *options, struct engine **out,
                                     struct reason *why);
/* Cancels what runs and joins the scheduler thread. Takes NULL. */
void engine_destroy(struct engine *engine);

enum finish_reason { FINISH_NONE, FINISH_STOP, FINISH_LENGTH, FINISH_CANCELLED, FINISH_FAILED };

struct engine_event {
    struct str text;    /* new text, whole characters; may be empty; valid during the call */
    const int32_t *ids; /* new token ids; valid during the call */
    size_t id_count;
    enum finish_reason finish;             /* other than NONE: the last event of this sequence */
    const struct reason *why;              /* FINISH_FAILED only */
    uint32_t prompt_tokens, output_tokens; /* so far */
    uint32_t cached_tokens;                /* of prompt_tokens: found in the KV cache */
    uint32_t reasoning_tokens;             /* of output_tokens: before </think> */
    int64_t queue_ns;                      /* from its submission to its start; -1: not started */
    const struct token_logprob *logprobs;  /* of ids[0], see logprobs.h; NULL: not asked for */
    const struct token_logprob *prompt_logprobs; /* of the next token of the prompt, from the second
                                                  * on; NULL: none */
    int32_t stop_string; /* FINISH_STOP: the index of the stop string that was found; -1: none */
    int32_t stop_id;     /* FINISH_STOP: the one of stop_ids that came; -1: none */
};

/* How a model thinks before it answers; zeros: it does not. */
struct thinking {
    bool possible;
    bool begun;          /* the prompt opens the reasoning; else the answer's first token may */
    int32_t open, close; /* ids of <think> and </think> */
    int32_t call;        /* of a token that ends the reasoning too, as <tool_call>; -1: none */
    bool limited;
    uint32_t budget; /* limited: after so many tokens of reasoning </think> is put */
};

typedef void engine_event_fn(void *arg, const struct engine_event *event);

struct engine_request {
    struct prompt_input prompt; /* taken over by engine_submit, whether it succeeds or not */
    struct sampling sampling;
    uint32_t max_tokens; /* ≥ 1 */
    uint32_t min_tokens; /* until then no end, stop token or stop string ends the answer */
    bool ignore_eos;
    const int32_t *stop_ids; /* copied; these tokens end the answer, and are not part of the text */
    size_t stop_id_count;
    bool logprobs; /* events carry them, with the top_logprobs likeliest tokens */
    uint32_t top_logprobs;
    bool prompt_logprobs; /* with logprobs: events carry those of the prompt too, which then shares
                           * no cached pages, and is read in smaller chunks */
    struct thinking thinking;
    uint64_t prefix_seed;              /* only requests with the same seed share cached prompts */
    bool skip_special;                 /* leave special tokens out of the text (normally true) */
    struct str stop[STOP_STRINGS_MAX]; /* copied; the match is not part of the text */
    size_t stop_count;
    bool include_stop; /* the match, or the token that ends the answer, is part of the text */
    const struct bad_words *bad_words; /* borrowed until sequence_release; NULL: none */
    struct grammar *grammar; /* shared; NULL: any text. A complete answer ends the sequence. */
    int32_t grammar_after;   /* the grammar begins behind this token, as </think>; -1: at once */
    engine_event_fn *on_event;
    void *arg;
};

/* Queues a sequence. On success exactly one event with finish ≠ NONE will follow, and the handle is
 * valid until the caller gives it back by sequence_release, also after engine_destroy.
 * Codes: context_length_exceeded (prompt does not fit), queue_full, memory_full, draining,
 * invalid_value (an empty prompt, or one that does not match its pictures). */
MUST_CHECK enum status engine_submit(struct engine *engine, struct engine_request *request,
                                     struct sequence **out, struct reason *why);

/* Makes ready what the first request with a grammar needs, which takes some 0.1 s: call it before
 * engine_submit from a thread that may wait. Any thread. */
MUST_CHECK enum status engine_prepare_grammars(struct engine *engine, struct reason *why);

/* Asks a sequence to stop; it still gets its last event. Any thread; harmless when finished. */
void sequence_cancel(struct sequence *sequence);
/* Cancels if still running, and then waits for the last event: no event comes after it. Must not be
 * called from on_event. Takes NULL. */
void sequence_release(struct sequence *sequence);

/* Batches by their tokens: at most 1, 2, 4 … 2048, or more. */
enum { BATCH_BUCKETS = 13 };

struct engine_figures {
    uint32_t running, waiting;
    uint32_t most_live;        /* running and waiting together; beyond: queue_full */
    uint64_t remaining_tokens; /* that the running ones may still generate, at most */
    uint64_t least_remaining;  /* of these: the smallest; 0: none runs */
    uint64_t batches[BATCH_BUCKETS], batch_tokens; /* since the start; batches by their size */
    uint64_t ended;                                /* sequences, since the start */
    uint64_t progress;                             /* grows while the engine works */
    uint64_t kv_pages, kv_pages_used;
    uint64_t kv_pages_kept;                /* not used, but with prompts that may come again */
    uint64_t prompt_tokens, output_tokens; /* since the start */
    uint64_t cached_tokens;                /* of prompt_tokens: found in the KV cache */
    uint64_t image_cache_bytes, image_cache_hits, image_cache_misses;
    int threads;
    const char *kernels;
    uint32_t context; /* most tokens of one sequence: as asked, or as the KV cache holds */
};

void engine_figures_read(const struct engine *engine, struct engine_figures *out);
const struct model *engine_model(const struct engine *engine);
