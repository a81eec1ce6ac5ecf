#include "api/completion_request.h"

enum {
    STRING = 1 << JSON_STRING,
    NUMBER = 1 << JSON_NUMBER,
    ARRAY = 1 << JSON_ARRAY,
};

static enum status refuse_empty(const struct field *prompt, struct reason *why)
{
    reason_set(why, "invalid_value", "%s must not be empty.", "%s 不能为空。",
               field_path(prompt).text);
    return field_blame(prompt, why);
}

/* One element of a list of prompts, which are all of the first one's type. */
static enum status parse_element(const struct field *prompt, enum json_type type,
                                 struct arena *arena, struct completion_prompt *out,
                                 struct reason *why)
{
    if (type == JSON_STRING)
        return field_text(prompt, &out->text, why);
    const enum status status = field_is(prompt, JSON_ARRAY, why);
    if (status)
        return status;
    return prompt->json->count == 0 ? refuse_empty(prompt, why)
                                    : id_list_parse(prompt, UINT32_MAX, arena, &out->ids, why);
}

static enum status parse_list(const struct field *list, struct arena *arena,
                              struct completion_prompt *prompts, struct reason *why)
{
    const enum json_type type = list->json->first->type;
    uint32_t index = 0;
    JSON_EACH(item, list->json) {
        const struct field prompt = field_element(list, item, index);
        if (index == 0 && type != JSON_STRING && type != JSON_ARRAY)
            return field_wrong_type(&prompt, "a string, a token id or an array of token ids",
                                    "字符串、token 编号或 token 编号数组", why);
        const enum status status = parse_element(&prompt, type, arena, &prompts[index++], why);
        if (status)
            return status;
    }
    return STATUS_OK;
}

static enum status parse_prompt(const struct field *prompt, struct arena *arena, void *to,
                                struct reason *why)
{
    struct completion_request *out = to;
    const struct json *v = prompt->json;
    if (v->type == JSON_ARRAY && v->count == 0)
        return refuse_empty(prompt, why);
    out->one_list = v->type == JSON_ARRAY && v->first->type == JSON_NUMBER;
    const bool single = v->type == JSON_STRING || out->one_list;
    out->prompt_count = single ? 1 : v->count;
    if (out->prompt_count > COMPLETION_ANSWERS_MAX)
        return field_too_many(prompt, COMPLETION_ANSWERS_MAX, why);
    struct completion_prompt *prompts = arena_array(arena, out->prompt_count, sizeof *prompts);
    if (!prompts)
        return reason_no_memory(why, out->prompt_count * sizeof *prompts);
    out->prompts = prompts;
    return single ? parse_element(prompt, v->type, arena, prompts, why)
                  : parse_list(prompt, arena, prompts, why);
}

static enum status parse_logprobs(const struct field *logprobs, struct arena *arena, void *to,
                                  struct reason *why)
{
    (void)arena;
    struct completion_request *out = to;
    out->params.logprobs = true;
    return field_integer(logprobs, 0, PARAMS_LOGPROBS_MAX, &out->params.top_logprobs, why);
}

static enum status parse_suffix(const struct field *suffix, struct arena *arena, void *to,
                                struct reason *why)
{
    (void)arena;
    (void)to;
    if (suffix->json->text.len == 0)
        return STATUS_OK;
    reason_set(why, "invalid_value", "%s is not supported: the model cannot fill in a middle.",
               "不支持 %s：该模型不能在中间补写。", field_path(suffix).text);
    reason_hint(why, "Leave it out.", "请去掉它。");
    return field_blame(suffix, why);
}

static const struct field_row completion_rows[] = {
    {"prompt", FIELD_PARSED, true, .types = STRING | ARRAY,
     .en = "a string, or an array of strings or token ids",
     .zh = "字符串、字符串数组或 token 编号数组", .parse = parse_prompt},
    {"max_tokens", FIELD_INTEGER, FIELD_AT(completion_request, params.max_tokens),
     .max = INT64_MAX},
    {"logprobs", FIELD_PARSED, .types = NUMBER, .en = "an integer", .zh = "整数",
     .parse = parse_logprobs},
    {"echo", FIELD_BOOL, FIELD_AT(completion_request, echo)},
    {"suffix", FIELD_PARSED, .types = STRING, .en = "a string", .zh = "字符串",
     .parse = parse_suffix},
    {0},
};

const struct field_row *const completion_tables[] = {completion_rows, generation_rows, NULL};

static enum status check_answers(const struct field *body, const struct completion_request *request,
                                 struct reason *why)
{
    const struct field n = field_member(body, "n");
    if (request->prompt_count * (uint64_t)request->params.n <= COMPLETION_ANSWERS_MAX)
        return STATUS_OK;
    reason_set(why, "invalid_value",
               "%s asks for %lld answers to %u prompts; together %d are allowed.",
               "%s 要求 %lld 个回答，提示有 %u 个；两者之积最多为 %d。", field_path(&n).text,
               (long long)request->params.n, request->prompt_count, COMPLETION_ANSWERS_MAX);
    return field_blame(&n, why);
}

enum status completion_request_parse(const struct json *root, struct arena *arena,
                                     struct completion_request *out, struct reason *why)
{
    const struct field body = field_body(root);
    *out = (struct completion_request){.params = generation_params_absent};
    out->params.max_tokens = COMPLETION_USUAL_TOKENS;
    enum status status = field_table_parse(&body, completion_rows, arena, out, why);
    if (status && why && strcmp(why->subject, "prompt") == 0)
        reason_hint(why, "Write \"prompt\": \"Once upon a time\".",
                    "请写成 \"prompt\": \"从前\"。");
    if (!status)
        status = generation_params_parse(&body, arena, &out->params, why);
    if (!status)
        status = generation_form_check(&body, &out->params, false, why);
    return status ? status : check_answers(&body, out, why);
}
