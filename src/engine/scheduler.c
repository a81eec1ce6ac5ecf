#include "engine/scheduler.h"

#include "base/clock.h"
#include "engine/decoder.h"
#include "engine/rows.h"
#include "engine/vision.h"

#include <assert.h>
#include <stdlib.h>

/* Beside the last rows of sequences, so many rows of a batch may have logits: prompts are scored.
 */
enum { SCORED_ROWS = 32 };

/* Whose logits, and of which of its tokens. */
struct owner {
    struct sequence *sequence;
    uint32_t index;
};

struct scheduler {
    const struct model *model;
    struct scheduler_options options;
    struct compute *compute;
    struct kv_cache *cache;
    struct decoder *decoder;
    struct vision vision;
    struct image_cache *images;

    struct sequence *waiting; /* a list in order of arrival */
    struct sequence *last_waiting;
    uint32_t waiting_count;
    struct sequence **running; /* [max_sequences], the longest running first */
    uint32_t running_count;

    struct decoder_row *rows; /* the batch: [max_sequences + prefill_chunk] */
    uint32_t row_count;
    struct owner *owners; /* [max_sequences + SCORED_ROWS], in the order of the rows */
    uint32_t owner_count;

    uint64_t prompt_tokens, output_tokens, cached_tokens, ended;
    uint64_t batches[BATCH_BUCKETS], batch_tokens;
};

static enum status create_parts(struct scheduler *s, struct reason *why)
{
    const struct scheduler_options *o = &s->options;
    const uint32_t rows = o->max_sequences + o->prefill_chunk;
    s->running = calloc(o->max_sequences, sizeof *s->running);
    const uint32_t owners = o->max_sequences + SCORED_ROWS;
    s->owners = calloc(owners, sizeof *s->owners);
    s->rows = calloc(rows, sizeof *s->rows);
    if (!s->running || !s->owners || !s->rows)
        return reason_no_memory(why, rows * sizeof *s->rows);
    enum status status =
        compute_create(o->threads, compute_limits_of(&s->model->config, rows), &s->compute, why);
    if (status == STATUS_OK)
        compute_set_exact(s->compute, s->model->exact);
    if (status == STATUS_OK)
        status = kv_cache_create(&s->model->config.text, o->kv_type, o->kv_pages, &s->cache, why);
    if (status == STATUS_OK)
        status = image_cache_create(o->image_cache_bytes, &s->images, why);
    if (status == STATUS_OK) {
        const struct decoder_limits limits = {.rows = rows, .logits_rows = owners};
        status = decoder_create(s->model, s->compute, s->cache, limits, &s->decoder, why);
    }
    if (status == STATUS_OK)
        vision_init(&s->vision, s->model, s->compute);
    return status;
}

enum status scheduler_create(const struct model *model, const struct scheduler_options *options,
                             struct scheduler **out, struct reason *why)
{
    struct scheduler *s = calloc(1, sizeof *s);
    if (!s)
        return reason_no_memory(why, sizeof *s);
    s->model = model;
    s->options = *options;
    const enum status status = create_parts(s, why);
    if (status != STATUS_OK)
        scheduler_destroy(s);
    else
        *out = s;
    return status;
}

void scheduler_destroy(struct scheduler *s)
{
    if (!s)
        return;
    assert(!s->waiting && s->running_count == 0);
    decoder_destroy(s->decoder);
    image_cache_destroy(s->images);
    kv_cache_destroy(s->cache);
    compute_destroy(s->compute);
    free(s->running);
    free(s->owners);
    free(s->rows);
    free(s);
}

void scheduler_add(struct scheduler *s, struct sequence *sequence)
{
    sequence->next = NULL;
    if (s->waiting)
        s->last_waiting->next = sequence;
    else
        s->waiting = sequence;
    s->last_waiting = sequence;
    s->waiting_count++;
}

/* Gives back what a sequence holds; what it published stays to be found again. */
static void let_go(struct scheduler *s, struct sequence *sequence)
{
    kv_pages_release(s->cache, &sequence->pages);
    sequence_drop_features(sequence, s->images);
    sequence->cached = sequence->published = 0;
}

/* The last event of a sequence that is in no list any more. */
static void end(struct scheduler *s, struct sequence *sequence, struct str text,
                enum finish_reason finish, const struct reason *why)
{
    let_go(s, sequence);
    s->ended++;
    s->options.on_end(s->options.arg, sequence);
    sequence_give_last(sequence, text, finish, why);
    sequence_mark_over(sequence);
}

static void remove_running(struct scheduler *s, const struct sequence *sequence)
{
    uint32_t i = 0;
    while (s->running[i] != sequence)
        i++;
    s->running_count--;
    for (; i < s->running_count; i++)
        s->running[i] = s->running[i + 1];
}

static void end_running(struct scheduler *s, struct sequence *sequence, struct str text,
                        enum finish_reason finish, const struct reason *why)
{
    remove_running(s, sequence);
    end(s, sequence, text, finish, why);
}

static void end_cancelled(struct scheduler *s, bool all)
{
    for (struct sequence **at = &s->waiting; *at;) {
        struct sequence *sequence = *at;
        if (all || atomic_load(&sequence->cancelled)) {
            *at = sequence->next;
            s->waiting_count--;
            end(s, sequence, (struct str){0}, FINISH_CANCELLED, NULL);
        } else {
            s->last_waiting = sequence;
            at = &sequence->next;
        }
    }
    for (uint32_t i = s->running_count; i-- > 0;)
        if (all || atomic_load(&s->running[i]->cancelled))
            end_running(s, s->running[i], (struct str){0}, FINISH_CANCELLED, NULL);
}

void scheduler_cancel_all(struct scheduler *s)
{
    end_cancelled(s, true);
}

/* The youngest running sequence goes back to the head of the queue; its tokens stay, its pages and
 * features do not. */
static void preempt(struct scheduler *s)
{
    struct sequence *sequence = s->running[--s->running_count];
    let_go(s, sequence);
    sequence->next = s->waiting;
    if (!s->waiting)
        s->last_waiting = sequence;
    s->waiting = sequence;
    s->waiting_count++;
}

/* Takes over published pages as long as they go on as the sequence does, but never its last token:
 * its logits are wanted. */
static void adopt_pages(struct scheduler *s, struct sequence *sequence)
{
    const uint32_t full = (sequence->count - 1) / KV_PAGE_TOKENS;
    if (sequence_scores(sequence, sequence->scored)) /* needs the rows themselves */
        return;
    for (uint32_t page; (page = sequence->cached / KV_PAGE_TOKENS) < full;) {
        if (s->options.prefixes_apart ||
            !kv_pages_adopt(s->cache, &sequence->pages, page, sequence_page_digest(sequence, page)))
            return;
        const uint32_t end = (page + 1) * KV_PAGE_TOKENS;
        const uint32_t fresh = end < sequence->prompt_count ? end : sequence->prompt_count;
        if (fresh > sequence->reached)
            sequence->reused += fresh - sequence->reached;
        sequence_set_cached(sequence, end, s->images);
        sequence->published = page + 1;
    }
}

/* The first of the queue leaves it. */
static void take_first(struct scheduler *s)
{
    s->waiting = s->waiting->next;
    s->waiting_count--;
}

/* Sequences start in the order of arrival, as soon as their tokens so far fit, and one page more
 * for each that runs already. */
static void admit(struct scheduler *s)
{
    while (s->waiting && s->running_count < s->options.max_sequences) {
        struct sequence *sequence = s->waiting;
        struct reason why;
        if (sequence_start(sequence, &why) != STATUS_OK) {
            take_first(s);
            end(s, sequence, (struct str){0}, FINISH_FAILED, &why);
            continue;
        }
        const uint32_t reached = sequence->reached, reused = sequence->reused;
        adopt_pages(s, sequence);
        const uint32_t more = kv_pages_for(sequence->count) - sequence->pages.count;
        if (s->running_count > 0 && kv_cache_free_pages(s->cache) < more + s->running_count) {
            let_go(s, sequence);
            sequence->reached = reached;
            sequence->reused = reused;
            return;
        }
        const bool fits = kv_pages_grow(s->cache, &sequence->pages, sequence->count);
        assert(fits); /* the cache holds the context of one sequence */
        (void)fits;
        take_first(s);
        if (!sequence->started_ns)
            sequence->started_ns = clock_ns(&clock_system);
        s->running[s->running_count++] = sequence;
    }
}

static bool decodes(const struct sequence *sequence)
{
    return sequence->cached >= sequence->prompt_count && sequence->cached + 1 == sequence->count;
}

/* A sequence waits for the vision tower if its next chunk would reach a picture that did not go
 * through it yet. */
static bool wants_vision(const struct scheduler *s, const struct sequence *sequence)
{
    return sequence->encoded < sequence->segment_count &&
           sequence->segments[sequence->encoded].first <
               sequence->cached + s->options.prefill_chunk;
}

static struct image_key key_of(const struct segment *segment)
{
    return (struct image_key){segment->visual->digest, segment->group};
}

static enum status encode(struct scheduler *s, struct sequence *sequence, struct reason *why)
{
    const struct segment *segment = &sequence->segments[sequence->encoded];
    const size_t bytes = vision_result_bytes(s->model, segment->h, segment->w);
    float *features = malloc(bytes);
    if (!features)
        return reason_no_memory(why, bytes);
    const enum status status =
        vision_run(&s->vision, segment->patches, segment->h, segment->w, features, why);
    if (status != STATUS_OK) {
        free(features);
        return status;
    }
    const struct image_key key = key_of(segment);
    struct image_features **slot = &sequence->features[sequence->encoded];
    const enum status added = image_cache_add(s->images, &key, features, bytes, slot, why);
    sequence->encoded += added == STATUS_OK;
    return added;
}

/* Whether a picture is there from another time. */
static bool find_encoded(struct scheduler *s, struct sequence *sequence)
{
    const struct image_key key = key_of(&sequence->segments[sequence->encoded]);
    struct image_features *features = image_cache_hold(s->images, &key);
    if (features)
        sequence->features[sequence->encoded++] = features;
    return features;
}

/* One picture a step, so that decoding goes on between pictures. */
static void encode_one(struct scheduler *s)
{
    for (uint32_t i = 0; i < s->running_count; i++) {
        struct sequence *sequence = s->running[i];
        while (wants_vision(s, sequence) && find_encoded(s, sequence))
            continue;
        if (!wants_vision(s, sequence))
            continue;
        struct reason why;
        if (encode(s, sequence, &why) != STATUS_OK)
            end_running(s, sequence, (struct str){0}, FINISH_FAILED, &why);
        return;
    }
}

/* Appends token `index` of a sequence to the batch. */
static void add_row(struct scheduler *s, struct sequence *sequence, uint32_t index)
{
    struct decoder_row *row = &s->rows[s->row_count++];
    *row = (struct decoder_row){
        .token = sequence->ids[index],
        .pages = &sequence->pages,
        .index = index,
        .wants_logits = index + 1 == sequence->count || sequence_scores(sequence, index),
        .fast = sequence_is_fast(sequence, index),
    };
    sequence_position(sequence, index, row->position);
    if (row->wants_logits)
        s->owners[s->owner_count++] = (struct owner){sequence, index};
    uint32_t i = sequence->passed;
    while (i < sequence->encoded &&
           index >= sequence->segments[i].first + segment_tokens(&sequence->segments[i]))
        i++;
    if (i < sequence->encoded && index >= sequence->segments[i].first) {
        const size_t dim = s->model->config.text.hidden_size;
        row->plane = segment_tokens(&sequence->segments[i]) * dim;
        row->visual = sequence->features[i]->planes + (index - sequence->segments[i].first) * dim;
    }
}

/* A page for the next token, if need be from the youngest; false if that is `sequence` itself. */
static bool make_room(struct scheduler *s, struct sequence *sequence)
{
    while (!kv_pages_grow(s->cache, &sequence->pages, sequence->count)) {
        const bool itself = s->running[s->running_count - 1] == sequence;
        preempt(s);
        if (itself)
            return false;
    }
    return true;
}

static void batch_decodes(struct scheduler *s)
{
    for (uint32_t i = 0; i < s->running_count; i++)
        if (decodes(s->running[i]) && make_room(s, s->running[i]))
            add_row(s, s->running[i], s->running[i]->cached);
}

/* How many rows of running sequence `i` may be added: with logits for each if it is scored, one
 * being left to each sequence behind it. */
static uint32_t most_rows(const struct scheduler *s, uint32_t i, uint32_t budget)
{
    const uint32_t behind = s->running_count - i - 1;
    const uint32_t taken = s->owner_count + behind;
    const uint32_t most = s->options.max_sequences + SCORED_ROWS;
    const uint32_t left = most > taken ? most - taken : 0;
    return s->running[i]->scores_prompt && left < budget ? left : budget;
}

/* Chunks of prompts whose next rows are fast, or are not, while the budget lasts. */
static void batch_prompts(struct scheduler *s, bool fast, uint32_t *budget)
{
    for (uint32_t i = 0; *budget > 0 && i < s->running_count; i++) {
        struct sequence *sequence = s->running[i];
        if (decodes(sequence) || wants_vision(s, sequence) ||
            sequence_is_fast(sequence, sequence->cached) != fast)
            continue;
        const uint32_t end = fast ? sequence_fast_rows(sequence) : sequence->count;
        const uint32_t left = end - sequence->cached, most = most_rows(s, i, *budget);
        const uint32_t n = left < most ? left : most;
        for (uint32_t k = 0; k < n; k++)
            add_row(s, sequence, sequence->cached + k);
        *budget -= n;
    }
}

/* Lets others find the pages that are full by now. */
static void publish(struct scheduler *s, struct sequence *sequence)
{
    const uint32_t shared = sequence_shared_tokens(sequence);
    const uint32_t full = (sequence->cached < shared ? sequence->cached : shared) / KV_PAGE_TOKENS;
    for (; sequence->published < full && !s->options.prefixes_apart; sequence->published++)
        kv_pages_publish(s->cache, &sequence->pages, sequence->published,
                         sequence_page_digest(sequence, sequence->published));
}

/* After the forward pass: the batch's tokens are cached. */
static void note_cached(struct scheduler *s)
{
    for (uint32_t i = 0; i < s->running_count; i++) {
        struct sequence *sequence = s->running[i];
        uint32_t rows = 0;
        for (uint32_t r = 0; r < s->row_count; r++)
            rows += s->rows[r].pages == &sequence->pages;
        sequence_set_cached(sequence, sequence->cached + rows, s->images);
        publish(s, sequence);
    }
}

static void take_tokens(struct scheduler *s, float *logits)
{
    const size_t vocab = s->model->config.text.vocab_size;
    for (uint32_t i = 0; i < s->owner_count; i++) {
        struct sequence *sequence = s->owners[i].sequence;
        struct str last;
        if (s->owners[i].index + 1 < sequence->count) {
            sequence_score(sequence, s->owners[i].index, logits + i * vocab);
            continue;
        }
        const bool first = sequence_output_count(sequence) == 0;
        const enum finish_reason finish = sequence_take_token(sequence, logits + i * vocab, &last);
        s->prompt_tokens += first ? sequence->prompt_count : 0;
        s->cached_tokens += first ? sequence->reused : 0;
        s->output_tokens++;
        if (finish != FINISH_NONE)
            end_running(s, sequence, last, finish, NULL);
    }
}

static void count_batch(struct scheduler *s)
{
    int bucket = 0;
    while (bucket < BATCH_BUCKETS - 1 && s->row_count > 1u << bucket)
        bucket++;
    s->batches[bucket]++;
    s->batch_tokens += s->row_count;
}

bool scheduler_step(struct scheduler *s)
{
    end_cancelled(s, false);
    admit(s);
    for (uint32_t i = 0; i < s->running_count; i++)
        if (!decodes(s->running[i]))
            adopt_pages(s, s->running[i]);
    encode_one(s);
    s->row_count = s->owner_count = 0;
    batch_decodes(s);
    uint32_t budget = s->options.prefill_chunk;
    batch_prompts(s, false, &budget); /* fast rows stand behind the others */
    batch_prompts(s, true, &budget);
    if (s->row_count > 0) {
        count_batch(s);
        float *logits = decoder_forward(s->decoder, s->rows, s->row_count);
        note_cached(s);
        take_tokens(s, logits);
    }
    return s->running_count > 0 || s->waiting;
}

static void count_remaining(const struct scheduler *s, struct engine_figures *out)
{
    out->remaining_tokens = out->least_remaining = 0;
    for (uint32_t i = 0; i < s->running_count; i++) {
        const uint32_t left = s->running[i]->max_count - s->running[i]->count;
        out->remaining_tokens += left;
        if (i == 0 || left < out->least_remaining)
            out->least_remaining = left;
    }
}

uint64_t scheduler_progress(const struct scheduler *s)
{
    return pool_runs(compute_pool(s->compute));
}

void scheduler_figures(const struct scheduler *s, struct engine_figures *out)
{
    const struct image_cache_figures images = image_cache_figures(s->images);
    out->image_cache_bytes = images.bytes;
    out->image_cache_hits = images.hits;
    out->image_cache_misses = images.misses;
    out->running = s->running_count;
    out->waiting = s->waiting_count;
    out->kv_pages = kv_cache_pages(s->cache);
    out->kv_pages_used = out->kv_pages - kv_cache_free_pages(s->cache);
    out->kv_pages_kept = kv_cache_kept_pages(s->cache);
    out->prompt_tokens = s->prompt_tokens;
    out->cached_tokens = s->cached_tokens;
    out->output_tokens = s->output_tokens;
    out->ended = s->ended;
    memcpy(out->batches, s->batches, sizeof s->batches);
    out->batch_tokens = s->batch_tokens;
    count_remaining(s, out);
    out->threads = s->options.threads;
    out->kernels = compute_kernels(s->compute)->name;
}
