/* Continuous batching (Orca, Yu et al. 2022; chunked prefill, Agrawal et al. 2023).
 *
 * A step: sequences that were cancelled end; waiting ones are admitted while their prompt fits into
 * the KV cache; prompts take over pages that others computed already; one picture of one of them
 * goes through the vision tower; then one batch: the next token of every sequence that decodes, and
 * chunks of prompts. When the cache is full, the youngest sequence gives its pages back, waits at
 * the head of the queue, and goes on later from what is still in the cache: the oldest always goes
 * on. For one thread. docs/internals/scheduler.md says what that promises. */
#pragma once

#include "engine/sequence.h"
#include "kernels/ops.h"

struct scheduler;

struct scheduler_options {
    int threads;
    uint32_t max_sequences; /* running at once */
    uint32_t prefill_chunk; /* prompt tokens of one batch */
    uint32_t kv_pages;      /* enough for the context of one sequence */
    enum kv_type kv_type;
    bool prefixes_apart;        /* share nothing */
    uint64_t image_cache_bytes; /* of encoded pictures that nobody uses now */
    /* Called just before the last event of a sequence: who gets that may already submit another. */
    void (*on_end)(void *arg, const struct sequence *sequence);
    void *arg;
};

MUST_CHECK enum status scheduler_create(const struct model *model,
                                        const struct scheduler_options *options,
                                        struct scheduler **out, struct reason *why);
/* All sequences must have ended. Takes NULL. */
void scheduler_destroy(struct scheduler *scheduler);

/* To the end of the queue. */
void scheduler_add(struct scheduler *scheduler, struct sequence *sequence);

/* False if there is nothing left to do. */
bool scheduler_step(struct scheduler *scheduler);

/* Ends every sequence with FINISH_CANCELLED. */
void scheduler_cancel_all(struct scheduler *scheduler);

/* Grows while a step is at work. Any thread. */
uint64_t scheduler_progress(const struct scheduler *scheduler);

/* running, waiting, pages, tokens, threads, kernels. */
void scheduler_figures(const struct scheduler *scheduler, struct engine_figures *out);
