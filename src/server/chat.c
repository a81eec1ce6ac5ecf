#include "server/chat.h"
#include "server/request_id.h"

#include <stdlib.h>

enum {
    JSON_NODES_MAX = 200000,
    PING_SECONDS = 15,
    SILENT_BEGIN_SECONDS = 5, /* a stream that has no token by then begins without one */
};

/* Everything is over: the worker, the engine, and the answer if there was anybody to answer. */
static void chat_free(struct chat *chat)
{
    struct call *call = chat->call;
    for (int i = 0; i < PARAMS_N_MAX; i++) {
        prompt_input_release(&chat->prompts[i]);
        choice_release(&chat->choices[i]);
        answer_parts_release(&chat->parts[i]);
        answer_delta_release(&chat->deltas[i]);
        token_list_release(&chat->answer_ids[i]);
        logprob_list_release(&chat->logprobs[i]);
    }
    grammar_release(chat->grammar);
    arena_release(&chat->arena);
    buf_release(&chat->body);
    free(chat);
    call_chat_over(call);
}

static void chat_complete(struct chat *chat)
{
    if (chat->call->exchange) {
        if (chat->failed)
            chat_write_failure(chat);
        else if (chat->request.params.stream)
            chat_write_end(chat);
        else
            chat_write_whole(chat);
    }
    chat_free(chat);
}

static enum status parse(struct chat *chat, struct reason *why)
{
    const struct json_limits limits = {.max_nodes = JSON_NODES_MAX};
    struct json *root;
    if (chat->body.len == 0) {
        reason_set(why, "invalid_json", "The request body is empty.", "请求体为空。");
        reason_hint(why, "Send a JSON object with model and messages, and its Content-Length.",
                    "请发送含有 model 和 messages 的 JSON 对象，并带上 Content-Length。");
        return STATUS_INVALID;
    }
    const enum status status =
        json_parse(chat->body.data, chat->body.len, limits, &chat->arena, &root, why);
    return status == STATUS_OK ? chat_request_parse(root, &chat->arena, &chat->request, why)
                               : status;
}

static enum status check(struct chat *chat, struct reason *why)
{
    enum status status = parse(chat, why);
    const struct str model = chat->request.params.model;
    if (status == STATUS_OK)
        snprintf(chat->call->model, sizeof chat->call->model, "%.*s", STR_ARG(model));
    if (status == STATUS_OK && !call_has_model(chat->call, model))
        status = call_model_not_found(chat->call, model, why);
    if (status == STATUS_OK)
        status = call_check_ready(chat->call, why);
    return status;
}

static void cancel_all(struct chat *chat)
{
    for (int64_t i = 0; i < chat->request.params.n; i++)
        if (chat->choices[i].sequence && !chat->choices[i].finished)
            sequence_cancel(chat->choices[i].sequence);
}

void chat_fail(struct chat *chat, const struct reason *why)
{
    if (chat->failed)
        return;
    chat->failed = true;
    chat->failure = *why;
    atomic_store(&chat->cancelled, true);
    if (chat->state == CHAT_RUNNING)
        cancel_all(chat);
}

static void after_work(uv_work_t *work, int cancelled)
{
    struct chat *chat = work->data;
    chat->state = CHAT_RUNNING;
    struct reason why;
    if (!cancelled && chat->prepared != STATUS_OK)
        chat_fail(chat, &chat->why);
    else if (call_check_ready(chat->call, &why) != STATUS_OK)
        chat_fail(chat, &why);
    if (!cancelled && !chat->failed && chat->call->exchange)
        chat_submit(chat);
    if (chat->unfinished == 0)
        chat_complete(chat);
}

static void do_work(uv_work_t *work)
{
    chat_prepare(work->data);
}

static void begin(struct chat *chat)
{
    struct service *service = chat->service;
    const struct chat_request *request = &chat->request;
    request_id_make("chatcmpl-", chat->id, sizeof chat->id);
    chat->head = (struct chat_head){
        .id = chat->id,
        .model = request->params.model,
        .created = clock_wall_ms(&clock_system) / 1000,
        .usage_chunk = request->params.stream && request->params.include_usage,
    };
    for (uint32_t i = 0; i < PARAMS_N_MAX; i++) {
        choice_init(&chat->choices[i], chat, &service->inbox, i, request->params.return_token_ids,
                    CHAT_TEXT_MAX);
        chat->choices[i].logprob_row =
            request->params.logprobs ? 1 + (uint32_t)request->params.top_logprobs : 0;
        answer_delta_init(&chat->deltas[i], CHAT_TEXT_MAX);
    }
    chat->work.data = chat;
    uv_queue_work(&service->loop, &chat->work, do_work,
                  after_work); /* fails only without do_work */
}

void chat_answer(struct call *call)
{
    struct reason why;
    struct chat *chat = calloc(1, sizeof *chat);
    if (!chat) {
        (void)reason_no_memory(&why, sizeof *chat);
        call_refuse(call, &why);
        return;
    }
    call->chat = chat;
    chat->call = call;
    chat->service = call->service;
    chat->begun_ns = chat->written_ns = (int64_t)uv_hrtime();
    chat->body = call->exchange->body;
    buf_init(&call->exchange->body, 0);
    arena_init(&chat->arena, CHAT_ARENA_BYTES);
    if (check(chat, &why) == STATUS_OK) {
        begin(chat);
        return;
    }
    chat_fail(chat, &why);
    chat_complete(chat);
}

void chat_client_gone(struct chat *chat)
{
    atomic_store(&chat->cancelled, true);
    if (chat->state == CHAT_PREPARING)
        uv_cancel((uv_req_t *)&chat->work);
    else
        cancel_all(chat);
}

static void note_finish(struct chat *chat, struct choice *choice, const struct news *news)
{
    choice->finished = true;
    chat->unfinished--;
    chat->finishes[choice->index] = news->finish;
    sequence_release(choice->sequence);
    choice->sequence = NULL;
    struct reason why = news->why;
    if (news->finish == FINISH_CANCELLED)
        reason_set(&why, "draining", "The service is shutting down.", "服务正在关闭。");
    if (news->finish == FINISH_FAILED || news->finish == FINISH_CANCELLED)
        chat_fail(chat, &why);
}

void chat_take_news(struct choice *choice, struct news *news)
{
    struct chat *chat = choice->chat;
    struct call *call = chat->call;
    chat->output_tokens[choice->index] = news->output_tokens;
    chat->reasoning_tokens[choice->index] = news->reasoning_tokens;
    if (choice->index == 0)
        chat->cached_tokens = news->cached_tokens;
    call->output_tokens = 0;
    for (int64_t i = 0; i < chat->request.params.n; i++)
        call->output_tokens += chat->output_tokens[i];
    if (!call->first_token_ns)
        call->first_token_ns = news->first_ns;
    struct reason why;
    if (news->failed || news->text.failed) {
        (void)reason_no_memory(&why, CHAT_TEXT_MAX);
        chat_fail(chat, &why);
    }
    if (news->finish != FINISH_NONE)
        note_finish(chat, choice, news);
    if (call->exchange && !chat->failed)
        chat_write_news(chat, choice, news);
    if (chat->unfinished == 0)
        chat_complete(chat);
}

void chat_tick(struct chat *chat, int64_t now_ns)
{
    const int64_t ms = (now_ns - chat->begun_ns) / 1000000;
    const int64_t limit = chat->call->settings->server.request_timeout_ms;
    if (ms > limit) {
        struct reason why;
        reason_set(&why, "request_deadline", "The answer did not become complete within %lld s.",
                   "应答未能在 %lld 秒内完成。", (long long)limit / 1000);
        reason_hint(&why, "Ask for fewer tokens, or raise server.request_timeout.",
                    "请减少要求的 token 数，或调大 server.request_timeout。");
        chat_fail(chat, &why);
        return;
    }
    if (!chat->request.params.stream || chat->failed || !chat->call->exchange ||
        chat->state != CHAT_RUNNING)
        return;
    const int64_t silent_s = (now_ns - chat->written_ns) / 1000000000;
    if (silent_s >= (chat->begun ? PING_SECONDS : SILENT_BEGIN_SECONDS))
        chat_write_ping(chat);
}
