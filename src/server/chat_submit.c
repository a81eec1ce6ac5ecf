/* From a prepared chat to the sequences of the engine. */
#include "server/chat.h"
#include "server/chat_grammar.h"

#include <math.h>

enum { USUAL_MAX_TOKENS = 4096 };

static float or_usual(double asked, double usual)
{
    return (float)(isnan(asked) ? usual : asked);
}

/* The request's word, else the configuration's, else the checkpoint's. */
static struct sampling sampling_of(const struct chat *chat)
{
    const struct chat_request *r = &chat->request;
    const struct settings *set = chat->call->settings;
    const struct generation_defaults *usual = &chat->service->model->config.generation;
    const double temperature = usual->do_sample ? usual->temperature : 0;
    const double top_p = set->model.defaults.top_p,
                 set_temperature = set->model.defaults.temperature;
    const int64_t top_k = set->model.defaults.top_k >= 0 ? set->model.defaults.top_k : usual->top_k;
    return (struct sampling){
        .temperature =
            or_usual(r->params.temperature, isnan(set_temperature) ? temperature : set_temperature),
        .top_p = or_usual(r->params.top_p, isnan(top_p) ? usual->top_p : top_p),
        .min_p = or_usual(r->params.min_p, usual->min_p),
        .top_k = (uint32_t)(r->params.top_k >= 0 ? r->params.top_k : top_k),
        .repetition_penalty = or_usual(r->params.repetition_penalty, usual->repetition_penalty),
        .presence_penalty = or_usual(r->params.presence_penalty, 0),
        .frequency_penalty = or_usual(r->params.frequency_penalty, 0),
        .allowed = r->params.allowed.ids,
        .allowed_count = r->params.allowed.count,
        .seed = (uint64_t)r->params.seed,
        .seeded = r->params.has_seed,
    };
}

/* How many tokens may be generated in the room that the prompt leaves. */
static uint32_t max_tokens_of(struct chat *chat)
{
    struct engine_figures figures;
    engine_figures_read(chat->service->engine, &figures);
    const uint32_t room =
        figures.context > chat->prompt_tokens ? figures.context - chat->prompt_tokens : 1;
    const int64_t set = chat->call->settings->model.defaults.max_tokens;
    const int64_t asked = chat->request.params.max_tokens;
    if (asked < 0)
        return set > 0 && set < room     ? (uint32_t)set
               : room < USUAL_MAX_TOKENS ? room
                                         : USUAL_MAX_TOKENS;
    if (asked <= room)
        return (uint32_t)asked;
    chat->clamped_tokens = room;
    return room;
}

static struct thinking thinking_of(const struct chat *chat, const struct token_list *prompt)
{
    const struct model *model = chat->service->model;
    const struct chat_request *r = &chat->request;
    const int64_t budget = r->thinking_budget;
    const bool calls = r->tools && !chat->grammar;
    struct thinking thinking = {
        .begun = chat_grammar_after(model, prompt) >= 0,
        .open = tokenizer_added_id(model->tokenizer, "<think>"),
        .close = tokenizer_added_id(model->tokenizer, "</think>"),
        .call = calls ? tokenizer_added_id(model->tokenizer, "<tool_call>") : -1,
        .limited = budget >= 0,
        .budget = budget < UINT32_MAX ? (uint32_t)budget : UINT32_MAX,
    };
    thinking.possible = chat_reasons(chat) && thinking.open >= 0 && thinking.close >= 0;
    return thinking;
}

static void begin_parts(struct chat *chat, uint32_t i, bool reasoning_begun)
{
    const struct chat_request *r = &chat->request;
    const struct answer_form form = {
        .reasons = chat_reasons(chat),
        .reasoning_begun = reasoning_begun,
        .calls = r->tools,
        .calls_end_reasoning = !chat->grammar, /* which begins behind the reasoning */
        .calls_come_first = chat->grammar,
        .one_call = r->one_call,
        .stream = r->params.stream,
    };
    answer_parts_init(&chat->parts[i], form, CHAT_TEXT_MAX);
}

/* What all choices have in common. */
struct submission {
    struct sampling sampling;
    struct id_list stop_ids;
    uint32_t max_tokens;
};

static enum status submit_one(struct chat *chat, uint32_t i, const struct submission *common,
                              struct reason *why)
{
    const struct chat_request *r = &chat->request;
    const uint32_t max_tokens = common->max_tokens;
    struct choice *choice = &chat->choices[i];
    struct engine_request request = {
        .prompt = chat->prompts[i],
        .sampling = common->sampling,
        .max_tokens = max_tokens,
        .min_tokens =
            (uint32_t)(r->params.min_tokens < max_tokens ? r->params.min_tokens : max_tokens),
        .ignore_eos = r->params.ignore_eos,
        .skip_special = true,
        .stop_count = r->params.stop_count,
        .stop_ids = common->stop_ids.ids,
        .stop_id_count = common->stop_ids.count,
        .logprobs = r->params.logprobs,
        .top_logprobs = (uint32_t)r->params.top_logprobs,
        .thinking = thinking_of(chat, &chat->prompts[i].tokens),
        .grammar = chat->grammar,
        .grammar_after = chat_grammar_after(chat->service->model, &chat->prompts[i].tokens),
        .on_event = choice_on_event,
        .arg = choice,
    };
    request.sampling.seed += i; /* the choices differ, and the first is what n = 1 gives */
    for (uint32_t k = 0; k < r->params.stop_count; k++)
        request.stop[k] = r->params.stop[k];
    begin_parts(chat, i, request.thinking.begun);
    chat->prompts[i] = (struct prompt_input){0}; /* taken over */
    return engine_submit(chat->service->engine, &request, &choice->sequence, why);
}

static bool keep_prompt_ids(struct chat *chat)
{
    const struct token_list *tokens = &chat->prompts[0].tokens;
    if (!chat->request.params.return_token_ids)
        return true;
    int32_t *copy = arena_array(&chat->arena, tokens->count, sizeof *copy);
    if (!copy)
        return false;
    memcpy(copy, tokens->ids, tokens->count * sizeof *copy);
    chat->prompt_ids = (struct chat_token_ids){copy, tokens->count};
    return true;
}

static bool copy_biases(struct chat *chat, struct sampling *sampling)
{
    const struct chat_request *r = &chat->request;
    struct logit_bias *biases = arena_array(&chat->arena, r->params.bias_count, sizeof *biases);
    if (!biases)
        return false;
    for (uint32_t i = 0; i < r->params.bias_count; i++)
        biases[i] = (struct logit_bias){r->params.biases[i].id, r->params.biases[i].bias};
    sampling->biases = biases;
    sampling->bias_count = r->params.bias_count;
    return true;
}

/* One call is enough: what would come behind it need not be generated. */
static bool add_call_end(struct chat *chat, struct id_list *stop)
{
    const struct chat_request *r = &chat->request;
    const int32_t close = tokenizer_added_id(chat->service->model->tokenizer, "</tool_call>");
    if (!r->tools || !r->one_call || chat->grammar || close < 0)
        return true;
    int32_t *ids = arena_array(&chat->arena, (size_t)stop->count + 1, sizeof *ids);
    if (!ids)
        return false;
    for (uint32_t i = 0; i < stop->count; i++)
        ids[i] = stop->ids[i];
    ids[stop->count] = close;
    *stop = (struct id_list){ids, stop->count + 1};
    return true;
}

void chat_submit(struct chat *chat)
{
    struct reason why;
    chat->prompt_tokens = chat->call->prompt_tokens = (uint32_t)chat->prompts[0].tokens.count;
    chat->image_tokens = (uint32_t)chat->prompts[0].image_tokens;
    struct submission common = {
        .sampling = sampling_of(chat),
        .stop_ids = chat->request.params.stop_ids,
        .max_tokens = max_tokens_of(chat),
    };
    if (!keep_prompt_ids(chat) || !copy_biases(chat, &common.sampling) ||
        !add_call_end(chat, &common.stop_ids)) {
        (void)reason_no_memory(&why, CHAT_ARENA_BYTES);
        chat_fail(chat, &why);
        return;
    }
    for (uint32_t i = 0; i < (uint32_t)chat->request.params.n && !chat->failed; i++) {
        if (submit_one(chat, i, &common, &why) == STATUS_OK)
            chat->unfinished++;
        else
            chat_fail(chat, &why);
    }
}
