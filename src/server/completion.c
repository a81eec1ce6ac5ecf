#include "server/completion.h"

#include "api/completion_request.h"
#include "api/completion_response.h"
#include "server/chat_grammar.h"
#include "server/job.h"

#include <math.h>
#include <stdio.h>

static enum status parse(struct job *job, const struct json *root, struct reason *why)
{
    job->completion = arena_alloc(&job->arena, sizeof *job->completion);
    if (!job->completion)
        return reason_no_memory(why, sizeof *job->completion);
    enum status status = job_note_unknown(job, root, completion_tables, why);
    if (status == STATUS_OK)
        status = completion_request_parse(root, &job->arena, job->completion, why);
    if (status != STATUS_OK)
        return status;
    job->params = &job->completion->params;
    job->model = job->params->model;
    job->prompt_count = job->completion->prompt_count;
    job->answer_count = job->prompt_count * (uint32_t)job->params->n;
    job->scores_prompt = job->completion->echo && job->params->logprobs;
    return STATUS_OK;
}

static uint32_t prompt_of(const struct job *job, const struct answer *answer)
{
    return answer->choice.index / (uint32_t)job->params->n;
}

/* The list of ids: "prompt", or "prompt[3]". */
static void name_prompt(const struct job *job, uint32_t index, char out[32])
{
    if (job->completion->one_list)
        snprintf(out, 32, "prompt");
    else
        snprintf(out, 32, "prompt[%u]", index);
}

static enum status make_prompt(struct job *job, struct answer *answer, struct reason *why)
{
    const uint32_t index = prompt_of(job, answer);
    const struct completion_prompt *prompt = &job->completion->prompts[index];
    struct token_list *tokens = &answer->prompt.tokens;
    char path[32];
    name_prompt(job, index, path);
    enum status status = STATUS_OK;
    if (prompt->text.len > 0)
        return prompt_build_text(job->service->model, prompt->text, false, &answer->prompt, why);
    status = job_check_tokens(job, path, prompt->ids, why);
    if (status == STATUS_OK)
        status = token_list_reserve(tokens, prompt->ids.count, why);
    for (uint32_t i = 0; i < prompt->ids.count && status == STATUS_OK; i++)
        status = token_list_add(tokens, prompt->ids.ids[i], why);
    return status;
}

/* The prompt as text, where it is given back. */
static enum status echo(struct job *job, struct answer *answer, struct reason *why)
{
    const struct completion_prompt *prompt = &job->completion->prompts[prompt_of(job, answer)];
    struct buf *text = &answer->delta.content;
    buf_add_str(text, prompt->text);
    struct decode_stream decode;
    decode_stream_init(&decode, !job->params->keep_special);
    for (uint32_t i = 0; i < prompt->ids.count; i++)
        decode_stream_push(&decode, job->service->model->tokenizer, prompt->ids.ids[i], text);
    decode_stream_finish(&decode, text);
    return text->failed ? reason_no_memory(why, text->len) : STATUS_OK;
}

static enum status prepare_answer(struct job *job, struct answer *answer, struct reason *why)
{
    enum status status = make_prompt(job, answer, why);
    if (status == STATUS_OK)
        answer->first_id = answer->prompt.tokens.count > 0 ? answer->prompt.tokens.ids[0] : -1;
    if (status == STATUS_OK && job->params->return_token_ids)
        status = job_keep_prompt_ids(job, answer, why);
    if (status == STATUS_OK && job->completion->echo)
        status = echo(job, answer, why);
    return status;
}

static enum status prepare(struct job *job, struct reason *why)
{
    enum status status = job_prepare_params(job, why);
    if (status == STATUS_OK)
        status = response_grammar_make(job->params, &job->grammar, why);
    if (status == STATUS_OK)
        status = job_make_answers(job, why);
    for (uint32_t i = 0; i < job->answer_count && status == STATUS_OK; i++)
        status = prepare_answer(job, &job->answers[i], why);
    return status;
}

static void take(struct job *job, struct answer *answer, const struct news *news)
{
    (void)job;
    buf_add_str(&answer->delta.content, buf_str(&news->text));
}

static struct answer_end end_of(const struct job *job, const struct answer *answer)
{
    const bool cut = answer->finish == FINISH_LENGTH || job->params->max_tokens == 0;
    return job_end_of(job, answer, answer->finish == FINISH_NONE ? NULL : cut ? "length" : "stop");
}

static struct completion_text text_of(const struct job *job, const struct answer *answer)
{
    return (struct completion_text){
        .index = answer->choice.index,
        .text = buf_str(&answer->delta.content),
        .end = end_of(job, answer),
        .prompt_ids = answer->prompt_ids,
    };
}

/* Log-probabilities of the prompt, whose first token has none, and of what follows. */
struct echo_reader {
    struct logprob_reader generated;
    const struct token_logprob *prompt; /* rows, from the second token on */
    size_t prompt_count;                /* rows */
    int32_t first;                      /* token of the prompt */
};

static bool read_item(const void *arg, size_t token, uint32_t item, struct str *bytes,
                      double *logprob)
{
    const struct echo_reader *reader = arg;
    const uint32_t row = reader->generated.row;
    if (token == 0) {
        *bytes = tokenizer_bytes(reader->generated.tokenizer, reader->first);
        *logprob = NAN;
        return item == 0;
    }
    const struct token_logprob *rows =
        token <= reader->prompt_count
            ? reader->prompt + (token - 1) * row
            : reader->generated.rows + (token - 1 - reader->prompt_count) * row;
    if (item >= row || rows[item].id < 0)
        return false;
    *bytes = tokenizer_bytes(reader->generated.tokenizer, rows[item].id);
    *logprob = (double)rows[item].logprob;
    return true;
}

/* Those of `list`, behind the prompt's if they are still to be written. */
static struct answer_logprobs logprobs_of(const struct job *job, const struct answer *answer,
                                          const struct logprob_list *list, bool with_prompt,
                                          struct echo_reader *reader)
{
    const struct answer_logprobs generated = job_logprobs(job, answer, list, &reader->generated);
    if (!with_prompt || !generated.arg)
        return generated;
    reader->prompt = answer->prompt_logprobs.items;
    reader->prompt_count = answer->prompt_logprobs.count / reader->generated.row;
    reader->first = answer->first_id;
    return (struct answer_logprobs){1 + reader->prompt_count + generated.count, read_item, reader};
}

/* What there is before a token: the prompt, its ids; and answers of no token. A prompt that is
 * scored waits for its scores. */
static void write_begin(struct job *job, struct buf *out)
{
    for (uint32_t i = 0; i < job->answer_count && !job->scores_prompt; i++) {
        struct answer *answer = &job->answers[i];
        struct completion_text text = text_of(job, answer);
        if (job->params->max_tokens > 0)
            text.end = job_end_of(job, answer, NULL); /* it goes on */
        if (text.text.len == 0 && !text.prompt_ids.ids && !text.end.finish_reason)
            continue;
        completion_chunk(out, &job->head, &text);
        answer_delta_clear(&answer->delta);
    }
}

static void write_news(struct job *job, struct answer *answer, const struct news *news,
                       struct buf *out)
{
    const bool first = job->scores_prompt && !answer->prompt_written;
    struct completion_text text = text_of(job, answer);
    struct echo_reader reader;
    if (!first)
        text.prompt_ids = (struct answer_ids){0};
    text.ids =
        (struct answer_ids){answer->choice.wants_ids ? news->ids.ids : NULL, news->ids.count};
    text.logprobs = logprobs_of(job, answer, &news->logprobs, first, &reader);
    text.offset = answer->characters;
    const bool has_tokens = text.ids.count > 0 || news->logprobs.count > 0;
    if (!text.end.finish_reason && !has_tokens && (first || text.text.len == 0))
        return;
    completion_chunk(out, &job->head, &text);
    answer->characters += completion_characters(&text.logprobs);
    answer->prompt_written = true;
    answer_delta_clear(&answer->delta);
}

static void write_usage(struct job *job, const struct answer_usage *usage, struct buf *out)
{
    completion_chunk_usage(out, &job->head, usage);
}

static void write_whole(struct job *job, const struct answer_usage *usage, struct buf *out)
{
    struct completion_text texts[COMPLETION_ANSWERS_MAX];
    struct echo_reader readers[COMPLETION_ANSWERS_MAX];
    for (uint32_t i = 0; i < job->answer_count; i++) {
        const struct answer *answer = &job->answers[i];
        texts[i] = text_of(job, answer);
        if (job->params->return_token_ids)
            texts[i].ids = (struct answer_ids){answer->ids.ids, answer->ids.count};
        texts[i].logprobs =
            logprobs_of(job, answer, &answer->logprobs, job->scores_prompt, &readers[i]);
    }
    completion_response_write(out, &job->head, texts, job->answer_count, usage);
}

static const struct job_kind completion_kind = {
    .id_prefix = "cmpl-",
    .prompt_field = "prompt",
    .parse = parse,
    .prepare = prepare,
    .take = take,
    .write_begin = write_begin,
    .write_news = write_news,
    .write_usage = write_usage,
    .write_whole = write_whole,
};

void completion_answer(struct call *call)
{
    job_begin(call, &completion_kind);
}
