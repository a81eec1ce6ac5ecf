#include "server/job.h"

#include "server/remote.h"
#include "server/request_id.h"

#include <stdlib.h>

enum {
    JSON_NODES_MAX = 400000,
    PARSE_HERE_BYTES = 64 << 10, /* larger bodies are parsed on a worker */
    PING_SECONDS = 15,
    SILENT_BEGIN_SECONDS = 5, /* a stream that has no token by then begins without one */
};

static void release_answers(struct job *job)
{
    for (uint32_t i = 0; job->answers && i < job->answer_count; i++) {
        struct answer *answer = &job->answers[i];
        prompt_input_release(&answer->prompt);
        choice_release(&answer->choice);
        answer_parts_release(&answer->parts);
        answer_delta_release(&answer->delta);
        token_list_release(&answer->ids);
        logprob_list_release(&answer->logprobs);
        logprob_list_release(&answer->prompt_logprobs);
    }
    free(job->answers);
}

/* Everything is over: the worker, the engine, and the answer if there was anybody to answer. */
static void job_free(struct job *job)
{
    struct call *call = job->call;
    release_answers(job);
    grammar_release(job->grammar);
    bad_words_release(&job->bad_words);
    buf_release(&job->output);
    arena_release(&job->arena);
    buf_release(&job->body);
    free(job->why);
    free(job->failure);
    free(job);
    call_job_over(call);
}

static void job_complete(struct job *job)
{
    if (job->call->exchange) {
        if (job->failed)
            job_write_failure(job);
        else if (job_streams(job))
            job_write_end(job);
        else
            job_write_whole(job);
    }
    job_free(job);
}

static enum status parse_json(struct job *job, struct json **root, struct reason *why)
{
    const struct json_limits limits = {.max_nodes = JSON_NODES_MAX};
    if (job->body.len == 0) {
        reason_set(why, "invalid_json", "The request body is empty.", "请求体为空。");
        reason_hint(why, "Send a JSON object, and its Content-Length.",
                    "请发送 JSON 对象，并带上 Content-Length。");
        return STATUS_INVALID;
    }
    return json_parse(job->body.data, job->body.len, limits, &job->arena, root, why);
}

static enum status parse(struct job *job, struct reason *why)
{
    struct json *root;
    enum status status = parse_json(job, &root, why);
    if (status == STATUS_OK)
        status = job->kind->parse(job, root, why);
    if (status == STATUS_OK && job->model.len > 0 && !call_has_model(job->call, job->model))
        status = call_model_not_found(job->call, job->model, why);
    return status;
}

static void cancel_all(struct job *job)
{
    for (uint32_t i = 0; job->answers && i < job->answer_count; i++) {
        const struct choice *choice = &job->answers[i].choice;
        if (choice->sequence && !choice->finished)
            sequence_cancel(choice->sequence);
    }
}

void job_fail(struct job *job, const struct reason *why)
{
    if (job->failed)
        return;
    job->failed = true;
    job->failure = reason_copy(why);
    atomic_store(&job->cancelled, true);
    if (job->state == JOB_FETCHING)
        remote_cancel(job->remote);
    else if (job->state == JOB_RUNNING)
        cancel_all(job);
}

/* Why a step failed, if it did; most jobs have no use for the room. */
static void keep_reason(struct job *job, const struct reason *why)
{
    free(job->why);
    job->why = job->worked == STATUS_OK ? NULL : reason_copy(why);
}

/* The worker is done with a step. False: the job ends with it. */
static bool take_step(struct job *job, bool cancelled)
{
    struct reason why;
    if (!cancelled && job->worked != STATUS_OK)
        job_fail(job, kept_reason(job->why, &why));
    else if (call_check_ready(job->call, &why) != STATUS_OK)
        job_fail(job, &why);
    return !cancelled && !job->failed && job->call->exchange;
}

static void after_prepare(uv_work_t *work, int cancelled)
{
    struct job *job = work->data;
    job->state = JOB_RUNNING;
    remote_destroy(job->remote);
    job->remote = NULL;
    if (take_step(job, cancelled) && job->answer_count > 0)
        job_submit(job);
    if (job->unfinished == 0)
        job_complete(job);
}

static void do_prepare(uv_work_t *work)
{
    struct job *job = work->data;
    struct reason why;
    job->worked = job->kind->prepare(job, &why);
    if (job->worked == STATUS_OK && job->grammar)
        job->worked = engine_prepare_grammars(job->service->engine, &why);
    keep_reason(job, &why);
}

static void prepare(struct job *job)
{
    job->state = JOB_PREPARING;
    uv_queue_work(&job->service->loop, &job->work, do_prepare,
                  after_prepare); /* fails only without do_prepare */
}

static void after_fetch(void *arg, enum status status, const struct reason *why)
{
    struct job *job = arg;
    job->worked = status;
    if (status != STATUS_OK)
        keep_reason(job, why);
    if (take_step(job, false)) {
        prepare(job);
    } else {
        remote_destroy(job->remote);
        job->remote = NULL;
        job_complete(job);
    }
}

/* What the network has to bring comes first, and holds no worker. */
static void fetch(struct job *job)
{
    struct reason why;
    job->state = JOB_FETCHING;
    const enum status status =
        job->chat ? remote_begin(job->call, job->chat, after_fetch, job, &job->remote, &why)
                  : STATUS_OK;
    if (status != STATUS_OK) {
        job->state = JOB_PARSING;
        job_fail(job, &why);
        job_complete(job);
    } else if (!job->remote) {
        prepare(job);
    }
}

static void note_request(struct job *job)
{
    job->call->ignored = job->ignored;
    snprintf(job->call->model, sizeof job->call->model, "%.*s", STR_ARG(job->model));
    if (job->kind->id_prefix)
        request_id_make(job->kind->id_prefix, job->id, sizeof job->id);
    job->head = (struct answer_head){
        .id = job->id,
        .model = job->model,
        .created = clock_wall_ms(&clock_system) / 1000,
        .fingerprint = job->service->fingerprint,
        .usage_chunk = job_streams(job) && job->params->include_usage,
    };
}

static void after_parse(uv_work_t *work, int cancelled)
{
    struct job *job = work->data;
    if (!cancelled)
        note_request(job);
    if (take_step(job, cancelled))
        fetch(job);
    else
        job_complete(job);
}

static void do_parse(uv_work_t *work)
{
    struct job *job = work->data;
    struct reason why;
    job->worked = parse(job, &why);
    keep_reason(job, &why);
}

void job_begin(struct call *call, const struct job_kind *kind)
{
    struct reason why;
    struct job *job = calloc(1, sizeof *job);
    if (!job) {
        (void)reason_no_memory(&why, sizeof *job);
        call_refuse(call, &why);
        return;
    }
    call->job = job;
    job->call = call;
    job->service = call->service;
    job->kind = kind;
    job->begun_ns = job->written_ns = (int64_t)uv_hrtime();
    job->body = call->exchange->body;
    buf_init(&call->exchange->body, 0);
    buf_init(&job->output, JOB_OUTPUT_MAX);
    arena_init(&job->arena, JOB_ARENA_BYTES);
    job->work.data = job;
    if (job->body.len > PARSE_HERE_BYTES) {
        uv_queue_work(&job->service->loop, &job->work, do_parse, after_parse);
        return;
    }
    do_parse(&job->work);
    after_parse(&job->work, 0);
}

void job_client_gone(struct job *job)
{
    atomic_store(&job->cancelled, true);
    if (job->state == JOB_FETCHING)
        remote_cancel(job->remote);
    else if (job->state != JOB_RUNNING)
        uv_cancel((uv_req_t *)&job->work);
    else
        cancel_all(job);
}

enum status job_make_answers(struct job *job, struct reason *why)
{
    const struct generation_params *params = job->params;
    job->answers = calloc(job->answer_count, sizeof *job->answers);
    if (!job->answers)
        return reason_no_memory(why, job->answer_count * sizeof *job->answers);
    for (uint32_t i = 0; i < job->answer_count; i++) {
        struct answer *answer = &job->answers[i];
        choice_init(&answer->choice, job, &job->service->inbox, i, params->return_token_ids,
                    JOB_TEXT_MAX);
        if (params->logprobs)
            answer->choice.logprob_row = 1 + (uint32_t)params->top_logprobs;
        answer_delta_init(&answer->delta, JOB_TEXT_MAX);
        answer->stop_string = answer->stop_id = -1;
    }
    return STATUS_OK;
}

static void note_finish(struct job *job, struct answer *answer, const struct news *news)
{
    struct choice *choice = &answer->choice;
    choice->finished = true;
    job->unfinished--;
    answer->finish = news->finish;
    answer->stop_string = news->stop_string;
    answer->stop_id = news->stop_id;
    sequence_release(choice->sequence);
    choice->sequence = NULL;
    struct reason why;
    if (news->finish == FINISH_FAILED)
        job_fail(job, kept_reason(news->why, &why));
    if (news->finish != FINISH_CANCELLED)
        return;
    reason_set(&why, "draining", "The service is shutting down.", "服务正在关闭。");
    job_fail(job, &why);
}

static void note_figures(struct job *job, struct answer *answer, const struct news *news)
{
    struct call *call = job->call;
    call->output_tokens += news->output_tokens - answer->output_tokens;
    call->cached_tokens += news->cached_tokens - answer->cached_tokens;
    if (news->output_tokens > 0 && answer->output_tokens == 0)
        call->answered++;
    answer->output_tokens = news->output_tokens;
    answer->reasoning_tokens = news->reasoning_tokens;
    answer->cached_tokens = news->cached_tokens;
    if (!call->first_token_ns && news->first_ns) {
        call->first_token_ns = news->first_ns;
        call->queue_ns = news->queue_ns;
    }
    if (news->last_ns)
        call->last_token_ns = news->last_ns;
}

/* Nothing was to be generated: only the prompt's log-probabilities are wanted. */
static void drop_generated(struct news *news)
{
    buf_clear(&news->text);
    news->ids.count = news->logprobs.count = 0;
    news->output_tokens = 0;
    news->first_ns = 0;
    news->stop_string = news->stop_id = -1;
}

void job_take_news(struct choice *choice, struct news *news)
{
    struct job *job = choice->job;
    struct answer *answer = &job->answers[choice->index];
    struct reason why;
    if (job->params->max_tokens == 0)
        drop_generated(news);
    note_figures(job, answer, news);
    const struct logprob_list *scores = &news->prompt_logprobs;
    if (scores->count > 0 && !news->failed)
        news->failed = logprob_list_add(&answer->prompt_logprobs, scores->items, scores->count,
                                        NULL) != STATUS_OK;
    if (news->failed || news->text.failed) {
        (void)reason_no_memory(&why, JOB_TEXT_MAX);
        job_fail(job, &why);
    }
    if (news->finish != FINISH_NONE)
        note_finish(job, answer, news);
    if (job->call->exchange && !job->failed)
        job_write_news(job, answer, news);
    if (job->unfinished == 0)
        job_complete(job);
}

void job_tick(struct job *job, int64_t now_ns)
{
    const int64_t ms = (now_ns - job->begun_ns) / 1000000;
    const int64_t limit = job->call->settings->server.request_timeout_ms;
    struct reason why;
    if (job->state == JOB_FETCHING && call_check_ready(job->call, &why) != STATUS_OK) {
        job_fail(job, &why); /* as it would be when all had come */
        return;
    }
    if (ms > limit) {
        reason_set(&why, "request_deadline", "The answer did not become complete within %lld s.",
                   "应答未能在 %lld 秒内完成。", (long long)limit / 1000);
        reason_hint(&why, "Ask for fewer tokens, or raise server.request_timeout.",
                    "请减少要求的 token 数，或调大 server.request_timeout。");
        job_fail(job, &why);
        return;
    }
    if (job->state != JOB_RUNNING || !job_streams(job) || job->failed || !job->call->exchange)
        return;
    const int64_t silent_s = (now_ns - job->written_ns) / 1000000000;
    if (silent_s >= (job->begun ? PING_SECONDS : SILENT_BEGIN_SECONDS))
        job_write_ping(job);
}
