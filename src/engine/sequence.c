#include "engine/sequence.h"

#include "base/clock.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

static enum status check_length(const struct engine_request *request, uint32_t context,
                                struct reason *why)
{
    const size_t n = request->prompt.tokens.count;
    if (n == 0 || request->max_tokens == 0) {
        reason_set(why, "invalid_value", "The prompt is empty, or no token is asked for.",
                   "提示为空，或要求生成的 token 数为零。");
        return STATUS_INVALID;
    }
    if (n < context)
        return STATUS_OK;
    reason_set(why, "context_length_exceeded",
               "The prompt has %zu tokens; the context of %u must also hold the answer.",
               "提示有 %zu 个 token；长度为 %u 的上下文还须容纳回答。", n, context);
    reason_hint(why,
                "Shorten the conversation, send fewer or smaller pictures, or raise the context.",
                "请缩短对话、减少或缩小图片，或增大上下文长度。");
    return STATUS_LIMIT;
}

static enum status take_tokens(struct sequence *s, struct token_list *tokens, struct reason *why)
{
    int32_t *ids = realloc(tokens->ids, tokens->count * sizeof *ids); /* often shorter */
    if (!ids)
        return reason_no_memory(why, tokens->count * sizeof *ids);
    s->ids = ids;
    s->count = (uint32_t)tokens->count;
    *tokens = (struct token_list){0};
    return STATUS_OK;
}

static enum status place_tokens(struct sequence *s, const struct prompt_input *prompt,
                                struct reason *why)
{
    s->segment_count = (uint32_t)segment_count(prompt);
    s->positions = calloc(prompt->tokens.count, 3 * sizeof *s->positions);
    s->segments = calloc(s->segment_count + 1, sizeof *s->segments);
    s->features = calloc(s->segment_count + 1, sizeof *s->features);
    if (!s->positions || !s->segments || !s->features)
        return reason_no_memory(why, prompt->tokens.count * 3 * sizeof *s->positions);
    return positions_build(prompt, &s->model->config, s->positions, &s->delta, s->segments, why);
}

/* Ids come from outside where a server takes token lists: they must have a row. */
static enum status check_ids(const struct sequence *s, const struct token_list *tokens,
                             struct reason *why)
{
    for (size_t i = 0; i < tokens->count; i++) {
        if (tokens->ids[i] >= 0 && (uint32_t)tokens->ids[i] < s->model->config.text.vocab_size)
            continue;
        reason_set(why, "invalid_value", "The prompt contains %d, which is no token of this model.",
                   "提示包含 %d，它不是该模型的 token。", tokens->ids[i]);
        return STATUS_INVALID;
    }
    return STATUS_OK;
}

static enum status start_sampler(struct sequence *s, struct reason *why)
{
    const enum status status = sampler_start(s->sampler, why);
    for (uint32_t i = 0; i < s->prompt_count && status == STATUS_OK; i++)
        sampler_see_prompt(s->sampler, s->ids[i]);
    return status;
}

static enum status copy_stop_ids(struct sequence *s, const struct engine_request *request,
                                 struct reason *why)
{
    const size_t bytes = request->stop_id_count * sizeof *s->stop_ids;
    if (bytes == 0)
        return STATUS_OK;
    s->stop_ids = malloc(bytes);
    if (!s->stop_ids)
        return reason_no_memory(why, bytes);
    memcpy(s->stop_ids, request->stop_ids, bytes);
    s->stop_id_count = (uint32_t)request->stop_id_count;
    return STATUS_OK;
}

static enum status prepare_logprobs(struct sequence *s, struct reason *why)
{
    const size_t bytes = s->model->config.text.vocab_size * sizeof *s->raw_logits;
    if (!s->wants_logprobs)
        return STATUS_OK;
    s->raw_logits = malloc(bytes);
    s->logprobs = calloc(1 + (size_t)s->top_logprobs, sizeof *s->logprobs);
    return s->raw_logits && s->logprobs ? STATUS_OK : reason_no_memory(why, bytes);
}

/* Pages of long prompts hold less precise keys and values: they are shared among long prompts. */
static uint64_t precision_seed(const struct sequence *s)
{
    return sequence_fast_rows(s) > 0 ? 0x9e3779b97f4a7c15u : 0;
}

static enum status prepare(struct sequence *s, struct engine_request *request, uint32_t context,
                           struct reason *why)
{
    struct prompt_input *prompt = &request->prompt;
    enum status status = check_length(request, context, why);
    if (status != STATUS_OK)
        return status;
    s->prompt_count = (uint32_t)prompt->tokens.count;
    const uint32_t room = context - s->prompt_count;
    s->max_count = s->prompt_count + (request->max_tokens < room ? request->max_tokens : room);
    status = check_ids(s, &prompt->tokens, why);
    if (status == STATUS_OK)
        status = place_tokens(s, prompt, why);
    if (status == STATUS_OK)
        status = take_tokens(s, &prompt->tokens, why);
    if (status == STATUS_OK)
        status =
            sampler_create(&request->sampling, s->model->config.text.vocab_size, &s->sampler, why);
    if (status == STATUS_OK)
        status = text_stream_init(&s->text, request->stop, request->stop_count,
                                  request->skip_special, why);
    s->text.include_stop = request->include_stop;
    return status == STATUS_OK ? copy_stop_ids(s, request, why) : status;
}

/* Room for the tokens to come, and for the pages that hold them. */
static enum status grow_tokens(struct sequence *s, struct reason *why)
{
    int32_t *ids = realloc(s->ids, s->max_count * sizeof *ids);
    if (!ids)
        return reason_no_memory(why, s->max_count * sizeof *ids);
    s->ids = ids;
    s->pages.cap = kv_pages_for(s->max_count);
    s->pages.list = calloc(s->pages.cap, sizeof *s->pages.list);
    if (!s->pages.list)
        return reason_no_memory(why, s->pages.cap * sizeof *s->pages.list);
    return prefix_init(&s->prefix, s->prefix_seed ^ precision_seed(s), s->pages.cap, why);
}

enum status sequence_start(struct sequence *s, struct reason *why)
{
    if (s->started)
        return STATUS_OK;
    s->started = true;
    enum status status = grow_tokens(s, why);
    if (status == STATUS_OK)
        status = start_sampler(s, why);
    if (status == STATUS_OK)
        status = text_stream_start(&s->text, why);
    return status == STATUS_OK ? prepare_logprobs(s, why) : status;
}

enum status sequence_create(const struct model *model, uint32_t context,
                            struct engine_request *request, struct sequence **out,
                            struct reason *why)
{
    struct sequence *s = calloc(1, sizeof *s);
    if (!s) {
        prompt_input_release(&request->prompt);
        return reason_no_memory(why, sizeof *s);
    }
    s->model = model;
    s->on_event = request->on_event;
    s->arg = request->arg;
    s->min_tokens = request->min_tokens;
    s->ignore_eos = request->ignore_eos;
    s->include_stop = request->include_stop;
    s->bad_words = request->bad_words;
    s->stop_id = -1;
    s->submitted_ns = clock_ns(&clock_system);
    s->wants_logprobs = request->logprobs;
    s->top_logprobs = request->top_logprobs;
    s->scores_prompt = request->logprobs && request->prompt_logprobs;
    s->prefix_seed = request->prefix_seed;
    s->thinking = request->thinking;
    s->thinks = s->thinking.possible && s->thinking.begun;
    s->visuals = request->prompt.visuals;
    s->visual_count = request->prompt.visual_count;
    for (size_t i = 0; i < s->visual_count; i++)
        s->picture_bytes += grid_patches(s->visuals[i].grid) * PATCH_FLOATS * sizeof(float);
    atomic_init(&s->cancelled, false);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->ended, NULL);
    const enum status status = prepare(s, request, context, why);
    request->prompt.visuals = NULL;
    request->prompt.visual_count = 0;
    prompt_input_release(&request->prompt);
    if (status != STATUS_OK)
        sequence_destroy(s);
    else
        *out = s;
    return status;
}

void sequence_destroy(struct sequence *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->visual_count; i++)
        free(s->visuals[i].patches);
    free(s->visuals);
    free(s->positions);
    free(s->segments);
    free(s->features);
    free(s->pages.list);
    prefix_release(&s->prefix);
    free(s->ids);
    free(s->stop_ids);
    free(s->raw_logits);
    free(s->logprobs);
    sampler_destroy(s->sampler);
    text_stream_release(&s->text);
    grammar_guide_destroy(s->guide);
    pthread_cond_destroy(&s->ended);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

void sequence_position(const struct sequence *s, uint32_t index, int32_t position[3])
{
    for (uint32_t axis = 0; axis < 3; axis++)
        position[axis] = index < s->prompt_count
                             ? s->positions[(size_t)axis * s->prompt_count + index]
                             : (int32_t)index + s->delta;
}

const struct digest *sequence_page_digest(struct sequence *s, uint32_t page)
{
    assert((page + 1) * KV_PAGE_TOKENS <= s->count);
    while (s->prefix.count <= page) {
        struct prefix_token tokens[KV_PAGE_TOKENS];
        const uint32_t first = s->prefix.count * KV_PAGE_TOKENS;
        for (uint32_t i = 0; i < KV_PAGE_TOKENS; i++) {
            tokens[i].id = s->ids[first + i];
            sequence_position(s, first + i, tokens[i].position);
        }
        prefix_add(&s->prefix, tokens, first, KV_PAGE_TOKENS, s->segments, s->segment_count);
    }
    return &s->prefix.pages[page];
}

static void let_go(struct sequence *s, uint32_t segment, struct image_cache *cache)
{
    if (s->features[segment])
        image_cache_let_go(cache, s->features[segment]);
    s->features[segment] = NULL;
}

void sequence_drop_features(struct sequence *s, struct image_cache *cache)
{
    for (uint32_t i = 0; i < s->segment_count; i++)
        let_go(s, i, cache);
    s->encoded = s->passed = 0;
}

void sequence_set_cached(struct sequence *s, uint32_t count, struct image_cache *cache)
{
    s->cached = count;
    s->reached = count > s->reached ? count : s->reached;
    while (s->passed < s->segment_count) {
        const struct segment *segment = &s->segments[s->passed];
        if (segment->first + segment_tokens(segment) > count)
            break;
        let_go(s, s->passed++, cache);
    }
    s->encoded = s->encoded > s->passed ? s->encoded : s->passed;
}

static void give(const struct sequence *s, struct engine_event event)
{
    event.prompt_tokens = s->prompt_count;
    event.cached_tokens = s->reused;
    event.output_tokens = sequence_output_count(s);
    event.reasoning_tokens = s->reasoning_tokens;
    event.queue_ns = s->started_ns ? s->started_ns - s->submitted_ns : -1;
    event.stop_string = s->text.stopped ? s->text.stopped_by : -1;
    event.stop_id = s->stop_id;
    s->on_event(s->arg, &event);
}

void sequence_score(struct sequence *s, uint32_t index, const float *logits)
{
    logprobs_compute(logits, s->model->config.text.vocab_size, s->ids[index + 1], s->top_logprobs,
                     s->logprobs);
    s->scored = index + 1;
    give(s, (struct engine_event){.prompt_logprobs = s->logprobs});
}

void sequence_give_last(struct sequence *s, struct str text, enum finish_reason finish,
                        const struct reason *why)
{
    give(s, (struct engine_event){.text = text, .finish = finish, .why = why});
}

static bool is_among(int32_t id, const int32_t *ids, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (ids[i] == id)
            return true;
    return false;
}

/* The ids that end an answer by themselves; none of them if they are to be ignored. */
static uint32_t end_count(const struct sequence *s)
{
    return s->ignore_eos ? 0 : s->model->config.generation.eos_count;
}

static bool is_end(const struct sequence *s, int32_t id)
{
    return is_among(id, s->model->config.generation.eos, end_count(s));
}

static bool ends_answer(const struct sequence *s, int32_t id)
{
    return is_end(s, id) || is_among(id, s->stop_ids, s->stop_id_count);
}

static void forbid(const struct sequence *s, const int32_t *ids, uint32_t count, float *logits)
{
    for (uint32_t i = 0; i < count; i++)
        if (ids[i] >= 0 && (uint32_t)ids[i] < s->model->config.text.vocab_size)
            logits[ids[i]] = -INFINITY;
}

static int32_t draw(struct sequence *s, float *logits)
{
    const int32_t *ends = s->model->config.generation.eos;
    const uint32_t vocab_size = s->model->config.text.vocab_size;
    if (s->guide)
        grammar_guide_restrict(s->guide, logits, vocab_size, ends, end_count(s));
    if (s->raw_logits)
        memcpy(s->raw_logits, logits, vocab_size * sizeof *logits);
    if (sequence_output_count(s) < s->min_tokens) {
        forbid(s, ends, end_count(s), logits);
        forbid(s, s->stop_ids, s->stop_id_count, logits);
    }
    if (s->bad_words)
        bad_words_forbid(s->bad_words, s->ids + s->prompt_count, sequence_output_count(s), logits,
                         vocab_size);
    int32_t id = s->thinking.close;
    if (!s->thinks || !s->thinking.limited || s->reasoning_tokens < s->thinking.budget)
        id = sampler_next(s->sampler, logits);
    if (s->guide)
        id = grammar_guide_take(s->guide, id, ends, end_count(s));
    if (s->raw_logits)
        logprobs_compute(s->raw_logits, vocab_size, id, s->top_logprobs, s->logprobs);
    return id;
}

/* Follows the reasoning by the output's newest token. */
static void note_thinking(struct sequence *s, int32_t id)
{
    const struct thinking *thinking = &s->thinking;
    if (!thinking->possible)
        return;
    if (!s->thinks)
        s->thinks = !thinking->begun && id == thinking->open && sequence_output_count(s) == 1;
    else if (id == thinking->close || id == thinking->call || ends_answer(s, id))
        s->thinks = false;
    else
        s->reasoning_tokens++;
}

enum finish_reason sequence_take_token(struct sequence *s, float *logits, struct str *last)
{
    const int32_t id = draw(s, logits);
    sampler_see_output(s->sampler, id);
    s->ids[s->count++] = id;
    note_thinking(s, id);
    struct engine_event event = {.ids = &id, .id_count = 1, .logprobs = s->logprobs};
    if (ends_answer(s, id)) {
        s->stop_id = is_end(s, id) ? -1 : id;
        if (s->include_stop)
            event.text = text_stream_push(&s->text, s->model->tokenizer, id, false);
        give(s, event);
        *last = text_stream_finish(&s->text);
        return FINISH_STOP;
    }
    const bool may_stop = sequence_output_count(s) > s->min_tokens;
    event.text = text_stream_push(&s->text, s->model->tokenizer, id, may_stop);
    give(s, event);
    *last = (struct str){0};
    if (s->text.stopped)
        return FINISH_STOP;
    const bool complete = s->guide && grammar_guide_finished(s->guide);
    if (s->count < s->max_count && !complete)
        return FINISH_NONE;
    *last = text_stream_finish(&s->text);
    return s->text.stopped || complete ? FINISH_STOP : FINISH_LENGTH;
}

void sequence_mark_over(struct sequence *s)
{
    pthread_mutex_lock(&s->lock);
    s->over = true;
    pthread_cond_signal(&s->ended);
    pthread_mutex_unlock(&s->lock);
}

void sequence_cancel(struct sequence *sequence)
{
    atomic_store(&sequence->cancelled, true);
}

void sequence_release(struct sequence *sequence)
{
    if (!sequence)
        return;
    sequence_cancel(sequence);
    pthread_mutex_lock(&sequence->lock);
    while (!sequence->over)
        pthread_cond_wait(&sequence->ended, &sequence->lock);
    pthread_mutex_unlock(&sequence->lock);
    sequence_destroy(sequence);
}
