#include "server/chat.h"
#include "server/chat_grammar.h"
#include "server/request_id.h"

#include <math.h>
#include <stdlib.h>

enum {
    JSON_NODES_MAX = 200000,
    ARENA_BYTES = 64 << 20,
    TEXT_BYTES_MAX = 64 << 20, /* of one answer */
    USUAL_MAX_TOKENS = 4096,
    PING_SECONDS = 15,
    SILENT_BEGIN_SECONDS = 5, /* a stream that has no token by then begins without one */
};

/* Everything is over: the worker, the engine, and the answer if there was anybody to answer. */
static void chat_free(struct chat *chat)
{
    struct call *call = chat->call;
    for (int i = 0; i < CHAT_N_MAX; i++) {
        prompt_input_release(&chat->prompts[i]);
        choice_release(&chat->choices[i]);
        buf_release(&chat->contents[i]);
        token_list_release(&chat->answer_ids[i]);
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
        else if (chat->request.stream)
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
    const struct str model = chat->request.model;
    if (status == STATUS_OK)
        snprintf(chat->call->model, sizeof chat->call->model, "%.*s", STR_ARG(model));
    if (status == STATUS_OK && !service_has_model(chat->service, model))
        status = call_model_not_found(chat->call, model, why);
    if (status == STATUS_OK)
        status = call_check_ready(chat->call, why);
    return status;
}

static float or_usual(double asked, double usual)
{
    return (float)(isnan(asked) ? usual : asked);
}

/* The request's word, else the configuration's, else the checkpoint's. */
static struct sampling sampling_of(const struct chat *chat)
{
    const struct chat_request *r = &chat->request;
    const struct settings *set = chat->service->settings;
    const struct generation_defaults *usual = &chat->service->model->config.generation;
    const double temperature = usual->do_sample ? usual->temperature : 0;
    const double top_p = set->model.defaults.top_p,
                 set_temperature = set->model.defaults.temperature;
    const int64_t top_k = set->model.defaults.top_k >= 0 ? set->model.defaults.top_k : usual->top_k;
    return (struct sampling){
        .temperature =
            or_usual(r->temperature, isnan(set_temperature) ? temperature : set_temperature),
        .top_p = or_usual(r->top_p, isnan(top_p) ? usual->top_p : top_p),
        .min_p = or_usual(r->min_p, usual->min_p),
        .top_k = (uint32_t)(r->top_k >= 0 ? r->top_k : top_k),
        .repetition_penalty = or_usual(r->repetition_penalty, usual->repetition_penalty),
        .presence_penalty = or_usual(r->presence_penalty, 0),
        .frequency_penalty = or_usual(r->frequency_penalty, 0),
        .seed = (uint64_t)r->seed,
        .seeded = r->has_seed,
    };
}

/* How many tokens may be generated in the room that the prompt leaves. */
static uint32_t max_tokens_of(struct chat *chat)
{
    struct engine_figures figures;
    engine_figures_read(chat->service->engine, &figures);
    const uint32_t room =
        figures.context > chat->prompt_tokens ? figures.context - chat->prompt_tokens : 1;
    const int64_t set = chat->service->settings->model.defaults.max_tokens;
    const int64_t asked = chat->request.max_tokens;
    if (asked < 0)
        return set > 0 && set < room     ? (uint32_t)set
               : room < USUAL_MAX_TOKENS ? room
                                         : USUAL_MAX_TOKENS;
    if (asked <= room)
        return (uint32_t)asked;
    chat->clamped_tokens = room;
    return room;
}

static enum status submit_one(struct chat *chat, uint32_t i, uint32_t max_tokens,
                              struct reason *why)
{
    const struct chat_request *r = &chat->request;
    struct choice *choice = &chat->choices[i];
    struct engine_request request = {
        .prompt = chat->prompts[i],
        .sampling = sampling_of(chat),
        .max_tokens = max_tokens,
        .min_tokens = (uint32_t)(r->min_tokens < max_tokens ? r->min_tokens : max_tokens),
        .ignore_eos = r->ignore_eos,
        .skip_special = true,
        .stop_count = r->stop_count,
        .grammar = chat->grammar,
        .grammar_after = chat_grammar_after(chat->service->model, &chat->prompts[i].tokens),
        .on_event = choice_on_event,
        .arg = choice,
    };
    request.sampling.seed += i; /* the choices differ, and the first is what n = 1 gives */
    for (uint32_t k = 0; k < r->stop_count; k++)
        request.stop[k] = r->stop[k];
    chat->prompts[i] = (struct prompt_input){0}; /* taken over */
    return engine_submit(chat->service->engine, &request, &choice->sequence, why);
}

static void cancel_all(struct chat *chat)
{
    for (int64_t i = 0; i < chat->request.n; i++)
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

static bool keep_prompt_ids(struct chat *chat)
{
    const struct token_list *tokens = &chat->prompts[0].tokens;
    if (!chat->request.return_token_ids)
        return true;
    int32_t *copy = arena_array(&chat->arena, tokens->count, sizeof *copy);
    if (!copy)
        return false;
    memcpy(copy, tokens->ids, tokens->count * sizeof *copy);
    chat->prompt_ids = (struct chat_token_ids){copy, tokens->count};
    return true;
}

static void submit(struct chat *chat)
{
    struct reason why;
    chat->prompt_tokens = chat->call->prompt_tokens = (uint32_t)chat->prompts[0].tokens.count;
    chat->image_tokens = (uint32_t)chat->prompts[0].image_tokens;
    if (!keep_prompt_ids(chat)) {
        (void)reason_no_memory(&why, ARENA_BYTES);
        chat_fail(chat, &why);
        return;
    }
    const uint32_t max_tokens = max_tokens_of(chat);
    for (uint32_t i = 0; i < (uint32_t)chat->request.n && !chat->failed; i++) {
        if (submit_one(chat, i, max_tokens, &why) == STATUS_OK)
            chat->unfinished++;
        else
            chat_fail(chat, &why);
    }
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
        submit(chat);
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
        .model = request->model,
        .created = clock_wall_ms(&clock_system) / 1000,
        .usage_chunk = request->stream && request->include_usage,
    };
    for (uint32_t i = 0; i < CHAT_N_MAX; i++) {
        choice_init(&chat->choices[i], chat, &service->inbox, i, request->return_token_ids,
                    TEXT_BYTES_MAX);
        buf_init(&chat->contents[i], TEXT_BYTES_MAX);
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
    arena_init(&chat->arena, ARENA_BYTES);
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
    if (choice->index == 0)
        chat->cached_tokens = news->cached_tokens;
    call->output_tokens = 0;
    for (int64_t i = 0; i < chat->request.n; i++)
        call->output_tokens += chat->output_tokens[i];
    if (!call->first_token_ns)
        call->first_token_ns = news->first_ns;
    struct reason why;
    if (news->ids_failed || news->text.failed) {
        (void)reason_no_memory(&why, TEXT_BYTES_MAX);
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
    const int64_t limit = chat->service->settings->server.request_timeout_ms;
    if (ms > limit) {
        struct reason why;
        reason_set(&why, "request_deadline", "The answer did not become complete within %lld s.",
                   "应答未能在 %lld 秒内完成。", (long long)limit / 1000);
        reason_hint(&why, "Ask for fewer tokens, or raise server.request_timeout.",
                    "请减少要求的 token 数，或调大 server.request_timeout。");
        chat_fail(chat, &why);
        return;
    }
    if (!chat->request.stream || chat->failed || !chat->call->exchange ||
        chat->state != CHAT_RUNNING)
        return;
    const int64_t silent_s = (now_ns - chat->written_ns) / 1000000000;
    if (silent_s >= (chat->begun ? PING_SECONDS : SILENT_BEGIN_SECONDS))
        chat_write_ping(chat);
}
