#include "server/chat.h"

#include "api/chat_response.h"
#include "server/chat_grammar.h"
#include "server/request_id.h"

#include <stdlib.h>

static enum status parse(struct job *job, const struct json *root, struct reason *why)
{
    job->chat = arena_alloc(&job->arena, sizeof *job->chat);
    if (!job->chat)
        return reason_no_memory(why, sizeof *job->chat);
    enum status status = job_note_unknown(job, root, chat_tables, why);
    if (status == STATUS_OK)
        status = chat_request_parse(root, &job->arena, job->chat, why);
    if (status != STATUS_OK)
        return status;
    job->params = &job->chat->params;
    job->model = job->params->model;
    job->prompt_count = 1;
    job->answer_count = (uint32_t)job->params->n;
    return STATUS_OK;
}

static enum status prepare_prompts(struct job *job, struct reason *why)
{
    struct prompt_input *prompts[PARAMS_N_MAX];
    for (uint32_t i = 0; i < job->answer_count; i++)
        prompts[i] = &job->answers[i].prompt;
    return chat_make_prompts(job, prompts, job->answer_count, why);
}

/* For return_token_ids, before the engine takes the prompt. */
static enum status keep_prompt_ids(struct job *job, struct reason *why)
{
    return job->params->return_token_ids ? job_keep_prompt_ids(job, &job->answers[0], why)
                                         : STATUS_OK;
}

static enum status prepare(struct job *job, struct reason *why)
{
    enum status status = job_prepare_params(job, why);
    if (status == STATUS_OK)
        status = chat_grammar_make(job->chat, job->service->model, &job->grammar, why);
    if (status == STATUS_OK)
        status = job_make_answers(job, why);
    if (status == STATUS_OK)
        status = prepare_prompts(job, why);
    return status ? status : keep_prompt_ids(job, why);
}

static struct thinking thinking_of(const struct job *job, const struct token_list *prompt)
{
    const struct model *model = job->service->model;
    const int64_t budget = job->chat->thinking_budget;
    const bool calls = job->chat->tools && !job->grammar;
    struct thinking thinking = {
        .begun = chat_grammar_after(model, prompt) >= 0,
        .open = tokenizer_added_id(model->tokenizer, "<think>"),
        .close = tokenizer_added_id(model->tokenizer, "</think>"),
        .call = calls ? tokenizer_added_id(model->tokenizer, "<tool_call>") : -1,
        .limited = budget >= 0,
        .budget = budget < UINT32_MAX ? (uint32_t)budget : UINT32_MAX,
    };
    thinking.possible = job_reasons(job) && thinking.open >= 0 && thinking.close >= 0;
    return thinking;
}

static void begin_parts(const struct job *job, struct answer *answer, bool reasoning_begun)
{
    const struct answer_form form = {
        .reasons = job_reasons(job),
        .reasoning_begun = reasoning_begun,
        .calls = job->chat->tools,
        .calls_end_reasoning = !job->grammar, /* which begins behind the reasoning */
        .calls_come_first = job->grammar,
        .one_call = job->chat->one_call,
        .stream = job->params->stream,
    };
    answer_parts_init(&answer->parts, form, JOB_TEXT_MAX);
}

/* One call is enough: what would come behind it need not be generated. */
static enum status add_call_end(struct job *job, struct engine_request *request, struct reason *why)
{
    const int32_t close = tokenizer_added_id(job->service->model->tokenizer, "</tool_call>");
    if (!job->chat->tools || !job->chat->one_call || job->grammar || close < 0)
        return STATUS_OK;
    int32_t *ids = arena_array(&job->arena, request->stop_id_count + 1, sizeof *ids);
    if (!ids)
        return reason_no_memory(why, JOB_ARENA_BYTES);
    for (size_t i = 0; i < request->stop_id_count; i++)
        ids[i] = request->stop_ids[i];
    ids[request->stop_id_count++] = close;
    request->stop_ids = ids;
    return STATUS_OK;
}

static enum status shape(struct job *job, struct answer *answer, struct engine_request *request,
                         struct reason *why)
{
    request->thinking = thinking_of(job, &request->prompt.tokens);
    request->grammar_after = chat_grammar_after(job->service->model, &request->prompt.tokens);
    begin_parts(job, answer, request->thinking.begun);
    return add_call_end(job, request, why);
}

static void take(struct job *job, struct answer *answer, const struct news *news)
{
    (void)job;
    struct answer_delta *delta = &answer->delta;
    answer_parts_push(&answer->parts, buf_str(&news->text), delta);
    if (news->finish != FINISH_NONE)
        answer_parts_finish(&answer->parts, news->finish == FINISH_LENGTH, delta);
    for (size_t i = 0; i < delta->call_count; i++) {
        struct answer_call *call = &delta->calls[i];
        if (call->begins && !call->id[0])
            request_id_make("call_", call->id, sizeof call->id);
    }
}

/* As OpenAI has it, a call that was named by tool_choice ends with "stop". */
static struct answer_end end_of(const struct job *job, const struct answer *answer)
{
    const bool named = job->chat->forced_tool.len > 0;
    const bool calls = answer->parts.calls > 0 && !named;
    const char *name = answer->finish == FINISH_LENGTH ? "length" : calls ? "tool_calls" : "stop";
    return job_end_of(job, answer, name);
}

static void write_begin(struct job *job, struct buf *out)
{
    for (uint32_t i = 0; i < job->answer_count; i++)
        chat_chunk_role(out, &job->head, i, job->answers[i].prompt_ids);
}

static void write_news(struct job *job, struct answer *answer, const struct news *news,
                       struct buf *out)
{
    const uint32_t index = answer->choice.index;
    const struct answer_ids ids = {answer->choice.wants_ids ? news->ids.ids : NULL,
                                   news->ids.count};
    struct logprob_reader reader;
    const struct answer_logprobs logprobs = job_logprobs(job, answer, &news->logprobs, &reader);
    if (!answer_delta_is_empty(&answer->delta) || (ids.ids && ids.count > 0) || logprobs.count > 0)
        chat_chunk_delta(out, &job->head, index, &answer->delta, ids, logprobs);
    const struct answer_end end = end_of(job, answer);
    if (news->finish != FINISH_NONE)
        chat_chunk_finish(out, &job->head, index, &end);
    answer_delta_clear(&answer->delta);
}

static void write_usage(struct job *job, const struct answer_usage *usage, struct buf *out)
{
    chat_chunk_usage(out, &job->head, usage);
}

static void write_whole(struct job *job, const struct answer_usage *usage, struct buf *out)
{
    struct chat_answer answers[PARAMS_N_MAX];
    struct logprob_reader readers[PARAMS_N_MAX];
    for (uint32_t i = 0; i < job->answer_count; i++) {
        const struct answer *answer = &job->answers[i];
        answers[i] = (struct chat_answer){
            .parts = &answer->delta,
            .reasons = job_reasons(job),
            .end = end_of(job, answer),
            .ids = {job->params->return_token_ids ? answer->ids.ids : NULL, answer->ids.count},
            .logprobs = job_logprobs(job, answer, &answer->logprobs, &readers[i]),
        };
    }
    chat_response_write(out, &job->head, answers, job->answer_count, job->answers[0].prompt_ids,
                        usage);
}

static const struct job_kind chat_kind = {
    .id_prefix = "chatcmpl-",
    .prompt_field = "messages",
    .parse = parse,
    .prepare = prepare,
    .shape = shape,
    .take = take,
    .write_begin = write_begin,
    .write_news = write_news,
    .write_usage = write_usage,
    .write_whole = write_whole,
};

void chat_answer(struct call *call)
{
    job_begin(call, &chat_kind);
}
