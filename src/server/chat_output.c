/* The answer of a chat on its way to the client: one JSON document, or server-sent events. */
#include "server/chat.h"
#include "server/request_id.h"

enum { EVENT_BYTES = 4 << 20, ANSWER_BYTES = 128 << 20 };

/* As OpenAI has it, a call that was named by tool_choice ends with "stop". */
static const char *finish_name(const struct chat *chat, uint32_t index)
{
    if (chat->finishes[index] == FINISH_LENGTH)
        return "length";
    const bool named = chat->request.forced_tool.len > 0;
    return chat->parts[index].calls > 0 && !named ? "tool_calls" : "stop";
}

static struct chat_usage usage_of(const struct chat *chat)
{
    struct chat_usage usage = {.prompt_tokens = chat->prompt_tokens,
                               .cached_tokens = chat->cached_tokens,
                               .image_tokens = chat->image_tokens};
    for (int64_t i = 0; i < chat->request.params.n; i++) {
        usage.completion_tokens += chat->output_tokens[i];
        usage.reasoning_tokens += chat->reasoning_tokens[i];
    }
    return usage;
}

/* Fields of every answer: `more` are those of its kind. */
static size_t fields_of(const struct chat *chat, struct http_field *fields, char clamped[16])
{
    size_t n = 0;
    fields[n++] = (struct http_field){"x-request-id", str_from(chat->call->id)};
    if (chat->clamped_tokens) {
        snprintf(clamped, 16, "%u", chat->clamped_tokens);
        fields[n++] = (struct http_field){"x-max-tokens-clamped", str_from(clamped)};
    }
    return n;
}

static void send_events(struct chat *chat, struct buf *events)
{
    if (events->failed) /* memory is used up: the client must not take the answer for whole */
        http_stream_abort(chat->call->exchange);
    else
        http_stream_write(chat->call->exchange, buf_str(events));
    chat->written_ns = (int64_t)uv_hrtime();
    buf_release(events);
}

static void begin_stream(struct chat *chat)
{
    struct http_field fields[8];
    char clamped[16];
    size_t n = fields_of(chat, fields, clamped);
    fields[n++] = (struct http_field){"content-type", STR("text/event-stream; charset=utf-8")};
    fields[n++] = (struct http_field){"cache-control", STR("no-cache")};
    fields[n++] = (struct http_field){"x-accel-buffering", STR("no")};
    http_stream_begin(chat->call->exchange, 200, fields, n);
    chat->begun = true;
    struct buf events;
    buf_init(&events, EVENT_BYTES);
    for (uint32_t i = 0; i < (uint32_t)chat->request.params.n; i++)
        chat_chunk_role(&events, &chat->head, i,
                        i == 0 ? chat->prompt_ids : (struct chat_token_ids){0});
    send_events(chat, &events);
}

/* The text of a token as the tokenizer has it; an engine's row is a row of the answer. */
struct row_reader {
    const struct tokenizer *tokenizer;
    const struct token_logprob *rows;
    uint32_t row;
};

static bool read_item(const void *arg, size_t token, uint32_t item, struct str *bytes,
                      double *logprob)
{
    const struct row_reader *reader = arg;
    const struct token_logprob *found = &reader->rows[token * reader->row + item];
    if (item >= reader->row || found->id < 0)
        return false;
    *bytes = tokenizer_bytes(reader->tokenizer, found->id);
    *logprob = (double)found->logprob;
    return true;
}

static struct row_reader reader_of(const struct chat *chat, uint32_t index,
                                   const struct logprob_list *list)
{
    return (struct row_reader){chat->service->model->tokenizer, list->items,
                               chat->choices[index].logprob_row};
}

static struct chat_logprobs logprobs_of(const struct row_reader *reader,
                                        const struct logprob_list *list)
{
    if (reader->row == 0)
        return (struct chat_logprobs){0};
    return (struct chat_logprobs){list->count / reader->row, read_item, reader};
}

/* Adds what the text says to the choice's delta. */
static void take_parts(struct chat *chat, uint32_t index, const struct news *news)
{
    struct answer_delta *delta = &chat->deltas[index];
    answer_parts_push(&chat->parts[index], buf_str(&news->text), delta);
    if (news->finish != FINISH_NONE)
        answer_parts_finish(&chat->parts[index], news->finish == FINISH_LENGTH, delta);
    for (size_t i = 0; i < delta->call_count; i++) {
        struct answer_call *call = &delta->calls[i];
        if (call->begins && !call->id[0])
            request_id_make("call_", call->id, sizeof call->id);
    }
    if (answer_delta_failed(delta)) {
        struct reason why;
        (void)reason_no_memory(&why, CHAT_TEXT_MAX);
        chat_fail(chat, &why);
    }
}

static void stream_news(struct chat *chat, const struct choice *choice, const struct news *news)
{
    struct answer_delta *delta = &chat->deltas[choice->index];
    if (!chat->begun)
        begin_stream(chat);
    struct buf events;
    buf_init(&events, EVENT_BYTES);
    const struct chat_token_ids ids = {choice->wants_ids ? news->ids.ids : NULL, news->ids.count};
    const struct row_reader reader = reader_of(chat, choice->index, &news->logprobs);
    const struct chat_logprobs logprobs = logprobs_of(&reader, &news->logprobs);
    if (!answer_delta_is_empty(delta) || (ids.ids && ids.count > 0) || logprobs.count > 0)
        chat_chunk_delta(&events, &chat->head, choice->index, delta, ids, logprobs);
    if (news->finish != FINISH_NONE)
        chat_chunk_finish(&events, &chat->head, choice->index, finish_name(chat, choice->index));
    answer_delta_clear(delta);
    send_events(chat, &events);
}

static void keep_news(struct chat *chat, const struct choice *choice, const struct news *news)
{
    struct reason why;
    struct token_list *ids = &chat->answer_ids[choice->index];
    enum status status = STATUS_OK;
    for (size_t i = 0; i < news->ids.count && status == STATUS_OK; i++)
        status = token_list_add(ids, news->ids.ids[i], &why);
    if (status == STATUS_OK && news->logprobs.count > 0)
        status = logprob_list_add(&chat->logprobs[choice->index], news->logprobs.items,
                                  news->logprobs.count, &why);
    if (status != STATUS_OK)
        chat_fail(chat, &why);
}

void chat_write_news(struct chat *chat, struct choice *choice, const struct news *news)
{
    take_parts(chat, choice->index, news);
    if (chat->failed)
        return;
    if (chat->request.params.stream)
        stream_news(chat, choice, news);
    else
        keep_news(chat, choice, news);
}

void chat_write_end(struct chat *chat)
{
    struct buf events;
    buf_init(&events, EVENT_BYTES);
    const struct chat_usage usage = usage_of(chat);
    if (chat->head.usage_chunk)
        chat_chunk_usage(&events, &chat->head, &usage);
    chat_chunk_done(&events);
    send_events(chat, &events);
    http_stream_end(chat->call->exchange);
}

void chat_write_whole(struct chat *chat)
{
    struct chat_answer answers[PARAMS_N_MAX];
    struct row_reader readers[PARAMS_N_MAX];
    for (uint32_t i = 0; i < (uint32_t)chat->request.params.n; i++) {
        const struct token_list *ids = &chat->answer_ids[i];
        readers[i] = reader_of(chat, i, &chat->logprobs[i]);
        answers[i] = (struct chat_answer){
            .parts = &chat->deltas[i],
            .reasons = chat_reasons(chat),
            .finish_reason = finish_name(chat, i),
            .ids = {chat->request.params.return_token_ids ? ids->ids : NULL, ids->count},
            .logprobs = logprobs_of(&readers[i], &chat->logprobs[i]),
        };
    }
    struct buf body;
    buf_init(&body, ANSWER_BYTES);
    const struct chat_usage usage = usage_of(chat);
    chat_response_write(&body, &chat->head, answers, (size_t)chat->request.params.n,
                        chat->prompt_ids, &usage);
    if (body.failed) {
        chat->failed = true;
        (void)reason_no_memory(&chat->failure, ANSWER_BYTES);
        chat_write_failure(chat);
    } else {
        struct http_field fields[8];
        char clamped[16];
        size_t n = fields_of(chat, fields, clamped);
        fields[n++] = (struct http_field){"content-type", STR("application/json")};
        http_respond(chat->call->exchange, 200, fields, n, buf_str(&body));
    }
    buf_release(&body);
}

void chat_write_failure(struct chat *chat)
{
    if (!chat->begun) {
        call_refuse(chat->call, &chat->failure);
        return;
    }
    chat->call->code = error_find(chat->failure.code)->code;
    struct buf events;
    buf_init(&events, EVENT_BYTES);
    error_write_event(&events, &chat->failure, chat->call->lang, chat->call->id);
    send_events(chat, &events);
    http_stream_end(chat->call->exchange);
}

void chat_write_ping(struct chat *chat)
{
    if (!chat->begun) {
        begin_stream(chat);
        return;
    }
    struct buf events;
    buf_init(&events, EVENT_BYTES);
    buf_puts(&events, ": ping\n\n");
    send_events(chat, &events);
}
