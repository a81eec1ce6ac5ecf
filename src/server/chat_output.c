/* The answer of a chat on its way to the client: one JSON document, or server-sent events. */
#include "server/chat.h"

enum { EVENT_BYTES = 4 << 20, ANSWER_BYTES = 128 << 20 };

static const char *finish_name(enum finish_reason finish)
{
    return finish == FINISH_LENGTH ? "length" : "stop";
}

static struct chat_usage usage_of(const struct chat *chat)
{
    struct chat_usage usage = {.prompt_tokens = chat->prompt_tokens,
                               .cached_tokens = chat->cached_tokens,
                               .image_tokens = chat->image_tokens};
    for (int64_t i = 0; i < chat->request.n; i++)
        usage.completion_tokens += chat->output_tokens[i];
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
    for (uint32_t i = 0; i < (uint32_t)chat->request.n; i++)
        chat_chunk_role(&events, &chat->head, i,
                        i == 0 ? chat->prompt_ids : (struct chat_token_ids){0});
    send_events(chat, &events);
}

static void stream_news(struct chat *chat, const struct choice *choice, const struct news *news)
{
    if (!chat->begun)
        begin_stream(chat);
    struct buf events;
    buf_init(&events, EVENT_BYTES);
    const struct chat_token_ids ids = {choice->wants_ids ? news->ids.ids : NULL, news->ids.count};
    if (news->text.len > 0 || (choice->wants_ids && news->ids.count > 0))
        chat_chunk_content(&events, &chat->head, choice->index, buf_str(&news->text), ids);
    if (news->finish != FINISH_NONE)
        chat_chunk_finish(&events, &chat->head, choice->index, finish_name(news->finish));
    send_events(chat, &events);
}

static void keep_news(struct chat *chat, const struct choice *choice, const struct news *news)
{
    buf_add_str(&chat->contents[choice->index], buf_str(&news->text));
    struct token_list *ids = &chat->answer_ids[choice->index];
    for (size_t i = 0; i < news->ids.count; i++) {
        if (token_list_add(ids, news->ids.ids[i], &chat->failure) != STATUS_OK) {
            chat->failed = true;
            return;
        }
    }
}

void chat_write_news(struct chat *chat, struct choice *choice, const struct news *news)
{
    if (chat->request.stream)
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
    struct chat_answer answers[CHAT_N_MAX];
    for (int64_t i = 0; i < chat->request.n; i++) {
        const struct token_list *ids = &chat->answer_ids[i];
        answers[i] = (struct chat_answer){
            .content = buf_str(&chat->contents[i]),
            .finish_reason = finish_name(chat->finishes[i]),
            .ids = {chat->request.return_token_ids ? ids->ids : NULL, ids->count},
        };
    }
    struct buf body;
    buf_init(&body, ANSWER_BYTES);
    const struct chat_usage usage = usage_of(chat);
    chat_response_write(&body, &chat->head, answers, (size_t)chat->request.n, chat->prompt_ids,
                        &usage);
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
