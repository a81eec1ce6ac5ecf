#include "server/tokenize.h"

#include "api/tokenize_request.h"
#include "server/chat.h"

static enum status parse(struct job *job, const struct json *root, struct reason *why)
{
    job->tokenize = arena_alloc(&job->arena, sizeof *job->tokenize);
    if (!job->tokenize)
        return reason_no_memory(why, sizeof *job->tokenize);
    enum status status = job_note_unknown(job, root, tokenize_tables(root), why);
    if (status == STATUS_OK)
        status = tokenize_request_parse(root, &job->arena, job->tokenize, why);
    job->model = job->tokenize->model;
    if (job->tokenize->is_chat)
        job->chat = &job->tokenize->chat;
    return status;
}

static enum status make_prompt(struct job *job, struct prompt_input *prompt, struct reason *why)
{
    const struct tokenize_request *request = job->tokenize;
    return request->is_chat ? chat_make_prompts(job, &prompt, 1, why)
                            : prompt_build_text(job->service->model, request->prompt,
                                                request->parse_special, prompt, why);
}

static void spell(const void *tokenizer, int32_t id, struct buf *out)
{
    tokenizer_spell(tokenizer, id, out);
}

static enum status prepare(struct job *job, struct reason *why)
{
    struct prompt_input prompt = {0};
    const enum status status = make_prompt(job, &prompt, why);
    if (status == STATUS_OK) {
        struct engine_figures figures;
        engine_figures_read(job->service->engine, &figures);
        const bool spelled = job->tokenize->return_token_strs;
        tokenize_response_write(
            &job->output, (struct id_list){prompt.tokens.ids, (uint32_t)prompt.tokens.count},
            figures.context,
            (struct token_strings){spell, spelled ? job->service->model->tokenizer : NULL});
    }
    prompt_input_release(&prompt);
    return status;
}

static const struct job_kind tokenize_kind = {.parse = parse, .prepare = prepare};

void tokenize_answer(struct call *call)
{
    job_begin(call, &tokenize_kind);
}

static enum status parse_tokens(struct job *job, const struct json *root, struct reason *why)
{
    job->detokenize = arena_alloc(&job->arena, sizeof *job->detokenize);
    if (!job->detokenize)
        return reason_no_memory(why, sizeof *job->detokenize);
    enum status status = job_note_unknown(job, root, detokenize_tables, why);
    if (status == STATUS_OK)
        status = detokenize_request_parse(root, &job->arena, job->detokenize, why);
    job->model = job->detokenize->model;
    return status;
}

static enum status decode(struct job *job, struct reason *why)
{
    const struct id_list tokens = job->detokenize->tokens;
    const enum status status = job_check_tokens(job, "tokens", tokens, why);
    if (status != STATUS_OK)
        return status;
    struct buf text;
    buf_init(&text, JOB_TEXT_MAX);
    struct decode_stream stream;
    decode_stream_init(&stream, false);
    for (uint32_t i = 0; i < tokens.count; i++)
        decode_stream_push(&stream, job->service->model->tokenizer, tokens.ids[i], &text);
    decode_stream_finish(&stream, &text);
    detokenize_response_write(&job->output, buf_str(&text));
    job->output.failed = job->output.failed || text.failed;
    buf_release(&text);
    return STATUS_OK;
}

static const struct job_kind detokenize_kind = {.parse = parse_tokens, .prepare = decode};

void detokenize_answer(struct call *call)
{
    job_begin(call, &detokenize_kind);
}
