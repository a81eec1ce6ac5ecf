/* The answer of a job on its way to the client: one JSON document, or server-sent events. */
#include "server/job.h"

#include <stdlib.h>

enum { EVENT_BYTES = 4 << 20 };

static struct answer_usage usage_of(const struct job *job)
{
    struct answer_usage usage = {.image_tokens = job->image_tokens};
    const uint32_t per_prompt = job->answer_count / job->prompt_count;
    for (uint32_t i = 0; i < job->answer_count; i++) {
        const struct answer *answer = &job->answers[i];
        usage.completion_tokens += answer->output_tokens;
        usage.reasoning_tokens += answer->reasoning_tokens;
        if (i % per_prompt > 0)
            continue;
        usage.prompt_tokens += answer->prompt_tokens;
        usage.cached_tokens += answer->cached_tokens;
    }
    return usage;
}

/* Fields of every answer. */
static size_t fields_of(const struct job *job, struct http_field *fields, char clamped[16])
{
    size_t n = 0;
    fields[n++] = (struct http_field){"x-request-id", str_from(job->call->id)};
    if (job->ignored)
        fields[n++] = (struct http_field){"x-ignored-parameters", str_from(job->ignored)};
    if (job->clamped_tokens) {
        snprintf(clamped, 16, "%u", job->clamped_tokens);
        fields[n++] = (struct http_field){"x-max-tokens-clamped", str_from(clamped)};
    }
    return n;
}

/* The job fails if there was no memory for the events: the client must not take what it gets for
 * whole. */
static void send_events(struct job *job, struct buf *events)
{
    if (events->failed) {
        struct reason why;
        (void)reason_no_memory(&why, EVENT_BYTES);
        job_fail(job, &why);
    } else if (events->len > 0) {
        http_stream_write(job->call->exchange, buf_str(events));
    }
    job->written_ns = (int64_t)uv_hrtime();
    buf_release(events);
}

static void begin_stream(struct job *job)
{
    struct http_field fields[8];
    char clamped[16];
    size_t n = fields_of(job, fields, clamped);
    fields[n++] = (struct http_field){"content-type", STR("text/event-stream; charset=utf-8")};
    fields[n++] = (struct http_field){"cache-control", STR("no-cache")};
    fields[n++] = (struct http_field){"x-accel-buffering", STR("no")};
    http_stream_begin(job->call->exchange, 200, fields, n);
    job->begun = true;
    struct buf events;
    buf_init(&events, EVENT_BYTES);
    job->kind->write_begin(job, &events);
    send_events(job, &events);
}

/* The text of a token as the tokenizer has it; an engine's row is a row of the answer. */
static bool read_item(const void *arg, size_t token, uint32_t item, struct str *bytes,
                      double *logprob)
{
    const struct logprob_reader *reader = arg;
    const struct token_logprob *found = &reader->rows[token * reader->row + item];
    if (item >= reader->row || found->id < 0)
        return false;
    *bytes = tokenizer_bytes(reader->tokenizer, found->id);
    *logprob = (double)found->logprob;
    return true;
}

struct answer_logprobs job_logprobs(const struct job *job, const struct answer *answer,
                                    const struct logprob_list *list, struct logprob_reader *reader)
{
    const uint32_t row = answer->choice.logprob_row;
    *reader = (struct logprob_reader){job->service->model->tokenizer, list->items, row};
    if (row == 0)
        return (struct answer_logprobs){0};
    return (struct answer_logprobs){list->count / row, read_item, reader};
}

/* Other stop tokens are our own. */
static bool asked_to_stop_at(const struct generation_params *params, int32_t id)
{
    for (uint32_t i = 0; i < params->stop_ids.count; i++)
        if (params->stop_ids.ids[i] == id)
            return true;
    return false;
}

struct answer_end job_end_of(const struct job *job, const struct answer *answer,
                             const char *finish_reason)
{
    struct answer_end end = {.finish_reason = finish_reason, .stop_id = -1};
    if (asked_to_stop_at(job->params, answer->stop_id))
        end.stop_id = answer->stop_id;
    if (answer->stop_string >= 0)
        end.stop = job->params->stop[answer->stop_string];
    return end;
}

static void stream_news(struct job *job, struct answer *answer, const struct news *news)
{
    struct buf events;
    buf_init(&events, EVENT_BYTES);
    job->kind->write_news(job, answer, news, &events);
    send_events(job, &events);
}

static void keep_news(struct job *job, struct answer *answer, const struct news *news)
{
    struct reason why;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < news->ids.count && status == STATUS_OK; i++)
        status = token_list_add(&answer->ids, news->ids.ids[i], &why);
    if (status == STATUS_OK && news->logprobs.count > 0)
        status =
            logprob_list_add(&answer->logprobs, news->logprobs.items, news->logprobs.count, &why);
    if (status != STATUS_OK)
        job_fail(job, &why);
}

void job_write_news(struct job *job, struct answer *answer, const struct news *news)
{
    if (job_streams(job) && !job->begun)
        begin_stream(job);
    job->kind->take(job, answer, news);
    if (answer_delta_failed(&answer->delta)) {
        struct reason why;
        (void)reason_no_memory(&why, JOB_TEXT_MAX);
        job_fail(job, &why);
    }
    if (job->failed)
        return;
    if (job_streams(job))
        stream_news(job, answer, news);
    else
        keep_news(job, answer, news);
}

void job_write_end(struct job *job)
{
    if (!job->begun)
        begin_stream(job);
    struct buf events;
    buf_init(&events, EVENT_BYTES);
    const struct answer_usage usage = usage_of(job);
    if (job->head.usage_chunk)
        job->kind->write_usage(job, &usage, &events);
    buf_puts(&events, "data: [DONE]\n\n");
    if (!job->failed)
        send_events(job, &events);
    buf_release(&events);
    if (job->failed)
        job_write_failure(job);
    else
        http_stream_end(job->call->exchange);
}

void job_write_whole(struct job *job)
{
    if (job->answer_count > 0) {
        const struct answer_usage usage = usage_of(job);
        job->kind->write_whole(job, &usage, &job->output);
    }
    if (job->output.failed) {
        job->failed = true;
        free(job->failure);
        job->failure = NULL;
        job_write_failure(job);
        return;
    }
    struct http_field fields[8];
    char clamped[16];
    size_t n = fields_of(job, fields, clamped);
    fields[n++] = (struct http_field){"content-type", STR("application/json")};
    http_respond(job->call->exchange, 200, fields, n, buf_str(&job->output));
}

void job_write_failure(struct job *job)
{
    struct reason space;
    const struct reason *why = kept_reason(job->failure, &space);
    if (!job->begun) {
        call_refuse(job->call, why);
        return;
    }
    job->call->code = error_find(why->code)->code;
    struct buf events;
    buf_init(&events, EVENT_BYTES);
    error_write_event(&events, why, job->call->lang, job->call->id);
    if (events.failed)
        http_stream_abort(job->call->exchange);
    else
        http_stream_write(job->call->exchange, buf_str(&events));
    buf_release(&events);
    http_stream_end(job->call->exchange);
}

void job_write_ping(struct job *job)
{
    if (!job->begun) {
        begin_stream(job);
        return;
    }
    struct buf events;
    buf_init(&events, EVENT_BYTES);
    buf_puts(&events, ": ping\n\n");
    send_events(job, &events);
}
