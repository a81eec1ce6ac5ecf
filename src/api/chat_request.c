#include "api/chat_request.h"

#include "api/chat_format.h"
#include "api/chat_messages.h"
#include "api/chat_tokens.h"
#include "api/chat_tools.h"
#include "api/chat_unsupported.h"

#include <math.h>

static const struct number_row {
    const char *name;
    struct field_range range;
    size_t offset; /* of a double in struct chat_request */
} numbers[] = {
    {"temperature", {0, 2, false}, offsetof(struct chat_request, temperature)},
    {"top_p", {0, 1, true}, offsetof(struct chat_request, top_p)},
    {"min_p", {0, 1, false}, offsetof(struct chat_request, min_p)},
    {"presence_penalty", {-2, 2, false}, offsetof(struct chat_request, presence_penalty)},
    {"frequency_penalty", {-2, 2, false}, offsetof(struct chat_request, frequency_penalty)},
    {"repetition_penalty", {0, 10, true}, offsetof(struct chat_request, repetition_penalty)},
};

static const struct integer_row {
    const char *name;
    int64_t min, max;
    size_t offset; /* of an int64_t */
} integers[] = {
    {"max_tokens", 1, INT64_MAX, offsetof(struct chat_request, max_tokens)},
    {"max_completion_tokens", 1, INT64_MAX, offsetof(struct chat_request, max_tokens)},
    {"min_tokens", 0, INT64_MAX, offsetof(struct chat_request, min_tokens)},
    {"n", 1, CHAT_N_MAX, offsetof(struct chat_request, n)},
    {"top_k", -1, INT64_MAX, offsetof(struct chat_request, top_k)},
    {"seed", INT64_MIN, INT64_MAX, offsetof(struct chat_request, seed)},
};

static const struct switch_row {
    const char *name;
    size_t offset; /* of a bool */
} switches[] = {
    {"stream", offsetof(struct chat_request, stream)},
    {"ignore_eos", offsetof(struct chat_request, ignore_eos)},
    {"return_token_ids", offsetof(struct chat_request, return_token_ids)},
    {"add_generation_prompt", offsetof(struct chat_request, add_generation_prompt)},
};

static const struct chat_request absent = {
    .max_tokens = -1,
    .n = 1,
    .temperature = NAN,
    .top_p = NAN,
    .min_p = NAN,
    .presence_penalty = NAN,
    .frequency_penalty = NAN,
    .repetition_penalty = NAN,
    .top_k = -1,
    .thinking_budget = -1,
    .add_generation_prompt = true,
};

/* The member of *out at `offset`. */
static void *at(struct chat_request *out, size_t offset)
{
    return (char *)out + offset;
}

static enum status parse_model(const struct field *body, struct chat_request *out,
                               struct reason *why)
{
    const struct field model = field_member(body, "model");
    const enum status status = field_text(&model, &out->model, why);
    if (status)
        reason_hint(why, "GET /v1/models lists the models.", "GET /v1/models 可列出所有模型。");
    return status;
}

static enum status parse_integers(const struct field *body, struct chat_request *out,
                                  struct reason *why)
{
    for (size_t i = 0; i < ARRAY_LEN(integers); i++) {
        const struct integer_row *row = &integers[i];
        const struct field field = field_member(body, row->name);
        const enum status status =
            field_integer(&field, row->min, row->max, at(out, row->offset), why);
        if (status)
            return status;
    }
    const struct field top_k = field_member(body, "top_k"), seed = field_member(body, "seed");
    if (top_k.json && out->top_k < 0)
        out->top_k = 0; /* -1 turns it off, as in vLLM */
    out->has_seed = seed.json != NULL;
    const struct field min_tokens = field_member(body, "min_tokens");
    if (out->max_tokens < 0 || out->min_tokens <= out->max_tokens)
        return STATUS_OK;
    reason_set(why, "invalid_value", "%s must not be above max_tokens (%lld).",
               "%s 不能大于 max_tokens（%lld）。", field_path(&min_tokens).text,
               (long long)out->max_tokens);
    return field_blame(&min_tokens, why);
}

static enum status parse_numbers(const struct field *body, struct chat_request *out,
                                 struct reason *why)
{
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        const struct field field = field_member(body, numbers[i].name);
        const enum status status =
            field_number(&field, numbers[i].range, at(out, numbers[i].offset), why);
        if (status)
            return status;
    }
    return STATUS_OK;
}

static enum status parse_switches(const struct field *body, struct chat_request *out,
                                  struct reason *why)
{
    for (size_t i = 0; i < ARRAY_LEN(switches); i++) {
        const struct field field = field_member(body, switches[i].name);
        const enum status status = field_bool(&field, at(out, switches[i].offset), why);
        if (status)
            return status;
    }
    return STATUS_OK;
}

static enum status parse_stop(const struct field *body, struct chat_request *out,
                              struct reason *why)
{
    const struct field stop = field_member(body, "stop");
    if (!stop.json)
        return STATUS_OK;
    if (stop.json->type == JSON_STRING) {
        out->stop_count = 1;
        return field_text(&stop, &out->stop[0], why);
    }
    if (stop.json->type != JSON_ARRAY)
        return field_wrong_type(&stop, "a string or an array of strings", "字符串或字符串数组",
                                why);
    if (stop.json->count > CHAT_STOP_MAX) {
        reason_set(why, "invalid_value", "%s holds %u strings; %d are allowed.",
                   "%s 有 %u 个字符串，最多允许 %d 个。", field_path(&stop).text, stop.json->count,
                   CHAT_STOP_MAX);
        return field_blame(&stop, why);
    }
    JSON_EACH(item, stop.json) {
        const struct field text = field_element(&stop, item, out->stop_count);
        const enum status status = field_text(&text, &out->stop[out->stop_count++], why);
        if (status)
            return status;
    }
    return STATUS_OK;
}

static enum status parse_stream_options(const struct field *body, struct chat_request *out,
                                        struct reason *why)
{
    const struct field options = field_member(body, "stream_options");
    if (!options.json)
        return STATUS_OK;
    const enum status status = field_is(&options, JSON_OBJECT, why);
    if (status)
        return status;
    if (!out->stream) {
        reason_set(why, "invalid_value", "%s may be given only if stream is true.",
                   "仅当 stream 为 true 时才能使用 %s。", field_path(&options).text);
        return field_blame(&options, why);
    }
    const struct field include_usage = field_member(&options, "include_usage");
    return field_bool(&include_usage, &out->include_usage, why);
}

/* Also at the top of the body, where others have them. */
static enum status parse_thinking(const struct field *object, struct chat_request *out,
                                  struct reason *why)
{
    static const char *const budgets[] = {"thinking_budget", "thinking_token_budget"};
    bool enabled = !out->no_thinking;
    const struct field enable = field_member(object, "enable_thinking");
    enum status status = field_bool(&enable, &enabled, why);
    out->no_thinking = !enabled;
    for (size_t i = 0; i < ARRAY_LEN(budgets) && !status; i++) {
        const struct field budget = field_member(object, budgets[i]);
        status = field_integer(&budget, 0, INT64_MAX, &out->thinking_budget, why);
    }
    return status;
}

static enum status parse_template_options(const struct field *body, struct chat_request *out,
                                          struct reason *why)
{
    const struct field options = field_member(body, "chat_template_kwargs");
    if (!options.json)
        return STATUS_OK;
    enum status status = field_is(&options, JSON_OBJECT, why);
    const struct field add_vision_id = field_member(&options, "add_vision_id");
    if (!status)
        status = field_bool(&add_vision_id, &out->add_vision_id, why);
    return status ? status : parse_thinking(&options, out, why);
}

enum status chat_request_parse(const struct json *root, struct arena *arena,
                               struct chat_request *out, struct reason *why)
{
    static enum status (*const parsers[])(const struct field *, struct chat_request *,
                                          struct reason *) = {
        parse_model,    parse_switches,         parse_integers,    parse_numbers,
        parse_stop,     chat_tools_parse,       chat_format_parse, parse_stream_options,
        parse_thinking, parse_template_options,
    };
    const struct field body = field_body(root);
    *out = absent;
    enum status status = field_is(&body, JSON_OBJECT, why);
    if (!status)
        status = chat_messages_parse(&body, arena, out, why);
    for (size_t i = 0; i < ARRAY_LEN(parsers) && !status; i++)
        status = parsers[i](&body, out, why);
    if (!status)
        status = chat_tokens_parse(&body, arena, out, why);
    return status ? status : chat_unsupported_check(&body, why);
}
