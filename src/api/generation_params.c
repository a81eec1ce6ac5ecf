#include "api/generation_params.h"

#include "api/response_format.h"

#include <math.h>

const struct generation_params generation_params_absent = {
    .max_tokens = -1,
    .n = 1,
    .temperature = NAN,
    .top_p = NAN,
    .min_p = NAN,
    .presence_penalty = NAN,
    .frequency_penalty = NAN,
    .repetition_penalty = NAN,
    .top_k = -1,
};

enum status field_too_many(const struct field *field, uint32_t most, struct reason *why)
{
    reason_set(why, "invalid_value", "%s has %u entries; %u are allowed.",
               "%s 有 %u 项，最多允许 %u 项。", field_path(field).text, field->json->count, most);
    return field_blame(field, why);
}

/* The elements of an array of non-empty strings, as many as it has. */
static enum status fill_texts(const struct field *list, struct str *out, struct reason *why)
{
    uint32_t index = 0;
    JSON_EACH(item, list->json) {
        const struct field text = field_element(list, item, index);
        const enum status status = field_text(&text, &out[index++], why);
        if (status)
            return status;
    }
    return STATUS_OK;
}

static enum status parse_stop(const struct field *stop, struct arena *arena, void *to,
                              struct reason *why)
{
    (void)arena;
    struct generation_params *out = to;
    if (stop->json->type == JSON_STRING) {
        out->stop_count = 1;
        return field_text(stop, &out->stop[0], why);
    }
    if (stop->json->count > PARAMS_STOP_MAX)
        return field_too_many(stop, PARAMS_STOP_MAX, why);
    out->stop_count = stop->json->count;
    return fill_texts(stop, out->stop, why);
}

static enum status parse_bad_words(const struct field *words, struct arena *arena, void *to,
                                   struct reason *why)
{
    struct generation_params *out = to;
    const uint32_t count = words->json->count;
    if (count > PARAMS_BAD_WORDS_MAX)
        return field_too_many(words, PARAMS_BAD_WORDS_MAX, why);
    struct str *list = arena_array(arena, count, sizeof *list);
    if (!list)
        return reason_no_memory(why, count * sizeof *list);
    out->bad_words = list;
    out->bad_word_count = count;
    return fill_texts(words, list, why);
}

/* A key of logit_bias: the digits of a token id. */
static bool read_key(struct str key, int32_t *out)
{
    enum { DIGITS_MAX = 9 };
    int32_t id = 0;
    for (size_t i = 0; i < key.len && i < DIGITS_MAX; i++) {
        if (key.ptr[i] < '0' || key.ptr[i] > '9')
            return false;
        id = id * 10 + (key.ptr[i] - '0');
    }
    *out = id;
    return key.len > 0 && key.len <= DIGITS_MAX;
}

static enum status parse_bias(const struct field *list, const struct json *entry,
                              struct token_bias *out, struct reason *why)
{
    static const struct field_range range = {-PARAMS_BIAS_MOST, PARAMS_BIAS_MOST, false};
    double bias = 0;
    const struct field_quote name = field_quote(entry->key);
    const struct field field = {.json = entry, .parent = list, .name = name.text};
    if (!read_key(entry->key, &out->id)) {
        reason_set(why, "invalid_value", "%s is not the id of a token.", "%s 不是 token 的编号。",
                   field_path(&field).text);
        reason_hint(why, "Write \"logit_bias\": {\"9707\": -100}.",
                    "请写成 \"logit_bias\": {\"9707\": -100}。");
        return field_blame(&field, why);
    }
    const enum status status = field_number(&field, range, &bias, why);
    out->bias = (float)bias;
    return status;
}

static enum status parse_logit_bias(const struct field *field, struct arena *arena, void *to,
                                    struct reason *why)
{
    struct generation_params *out = to;
    const uint32_t count = field->json->count;
    if (count > PARAMS_BIAS_COUNT_MAX)
        return field_too_many(field, PARAMS_BIAS_COUNT_MAX, why);
    struct token_bias *biases = arena_array(arena, count, sizeof *biases);
    if (!biases)
        return reason_no_memory(why, count * sizeof *biases);
    JSON_EACH(entry, field->json) {
        const enum status bad = parse_bias(field, entry, &biases[out->bias_count++], why);
        if (bad)
            return bad;
    }
    out->biases = biases;
    return STATUS_OK;
}

enum status id_list_parse(const struct field *field, uint32_t most, struct arena *arena,
                          struct id_list *out, struct reason *why)
{
    if (field->json->count > most)
        return field_too_many(field, most, why);
    int32_t *ids = arena_array(arena, field->json->count, sizeof *ids);
    if (!ids)
        return reason_no_memory(why, field->json->count * sizeof *ids);
    uint32_t count = 0;
    JSON_EACH(item, field->json) {
        const struct field element = field_element(field, item, count);
        int64_t id = 0;
        if (!json_is(item, JSON_NUMBER))
            return field_wrong_type(&element, "an integer", "整数", why);
        const enum status bad = field_integer(&element, 0, INT32_MAX, &id, why);
        if (bad)
            return bad;
        ids[count++] = (int32_t)id;
    }
    *out = (struct id_list){ids, count};
    return STATUS_OK;
}

static enum status parse_stop_ids(const struct field *field, struct arena *arena, void *to,
                                  struct reason *why)
{
    struct generation_params *out = to;
    return id_list_parse(field, PARAMS_IDS_MAX, arena, &out->stop_ids, why);
}

static enum status parse_allowed(const struct field *field, struct arena *arena, void *to,
                                 struct reason *why)
{
    struct generation_params *out = to;
    return id_list_parse(field, PARAMS_IDS_MAX, arena, &out->allowed, why);
}

static enum status parse_skip_special(const struct field *field, struct arena *arena, void *to,
                                      struct reason *why)
{
    (void)arena;
    (void)why;
    ((struct generation_params *)to)->keep_special = !field->json->truth;
    return STATUS_OK;
}

/* Of several candidates only the best: that needs a ranking, which there is not. */
static enum status parse_best_of(const struct field *field, struct arena *arena, void *to,
                                 struct reason *why)
{
    (void)arena;
    const struct generation_params *params = to;
    int64_t best_of = params->n;
    const enum status status = field_integer(field, 1, PARAMS_N_MAX, &best_of, why);
    if (status || best_of == params->n)
        return status;
    reason_set(why, "invalid_value", "%s must equal n (%lld): answers are not ranked here.",
               "%s 必须等于 n（%lld）：本服务不对回答排名。", field_path(field).text,
               (long long)params->n);
    reason_hint(why, "Ask for n answers and choose among them.", "请用 n 要求多个回答并自行选择。");
    return field_blame(field, why);
}

static const struct field_row stream_options[] = {
    {"include_usage", FIELD_BOOL, FIELD_AT(generation_params, include_usage)},
    {"include_obfuscation", FIELD_BOOL, .offset = FIELD_NOWHERE},
    {"continuous_usage_stats", FIELD_NEUTRAL, .neutral = ONLY_FALSE},
    {0},
};

enum {
    STRING = 1 << JSON_STRING,
    NUMBER = 1 << JSON_NUMBER,
    BOOL = 1 << JSON_BOOL,
    ARRAY = 1 << JSON_ARRAY,
    OBJECT = 1 << JSON_OBJECT,
};

const struct field_row generation_rows[] = {
    {"model", FIELD_TEXT, true, FIELD_AT(generation_params, model)},
    {"stream", FIELD_BOOL, FIELD_AT(generation_params, stream)},
    {"stream_options", FIELD_OBJECT, .members = stream_options},
    {"min_tokens", FIELD_INTEGER, FIELD_AT(generation_params, min_tokens), .max = INT64_MAX},
    {"n", FIELD_INTEGER, FIELD_AT(generation_params, n), .min = 1, .max = PARAMS_N_MAX},
    {"best_of", FIELD_PARSED, .types = NUMBER, .en = "an integer", .zh = "整数",
     .parse = parse_best_of},
    {"temperature", FIELD_NUMBER, FIELD_AT(generation_params, temperature), .range = {0, 2, false}},
    {"top_p", FIELD_NUMBER, FIELD_AT(generation_params, top_p), .range = {0, 1, true}},
    {"min_p", FIELD_NUMBER, FIELD_AT(generation_params, min_p), .range = {0, 1, false}},
    {"presence_penalty", FIELD_NUMBER, FIELD_AT(generation_params, presence_penalty),
     .range = {-2, 2, false}},
    {"frequency_penalty", FIELD_NUMBER, FIELD_AT(generation_params, frequency_penalty),
     .range = {-2, 2, false}},
    {"repetition_penalty", FIELD_NUMBER, FIELD_AT(generation_params, repetition_penalty),
     .range = {0, 10, true}},
    {"top_k", FIELD_INTEGER, FIELD_AT(generation_params, top_k), .min = -1, .max = INT64_MAX},
    {"seed", FIELD_INTEGER, FIELD_AT(generation_params, seed), .min = INT64_MIN, .max = INT64_MAX},
    {"stop", FIELD_PARSED, .types = STRING | ARRAY, .en = "a string or an array of strings",
     .zh = "字符串或字符串数组", .parse = parse_stop},
    {"include_stop_str_in_output", FIELD_BOOL, FIELD_AT(generation_params, include_stop)},
    {"stop_token_ids", FIELD_PARSED, .types = ARRAY, .en = "an array", .zh = "数组",
     .parse = parse_stop_ids},
    {"allowed_token_ids", FIELD_PARSED, .types = ARRAY, .en = "an array", .zh = "数组",
     .parse = parse_allowed},
    {"bad_words", FIELD_PARSED, .types = ARRAY, .en = "an array", .zh = "数组",
     .parse = parse_bad_words},
    {"logit_bias", FIELD_PARSED, .types = OBJECT, .en = "an object", .zh = "对象",
     .parse = parse_logit_bias},
    {"response_format", FIELD_PARSED, .types = OBJECT, .en = "an object", .zh = "对象",
     .parse = response_format_parse},
    {"ignore_eos", FIELD_BOOL, FIELD_AT(generation_params, ignore_eos)},
    {"return_token_ids", FIELD_BOOL, FIELD_AT(generation_params, return_token_ids)},
    {"skip_special_tokens", FIELD_PARSED, .types = BOOL, .en = "a boolean", .zh = "布尔值",
     .parse = parse_skip_special},
    {"cache_salt", FIELD_TEXT, FIELD_AT(generation_params, cache_salt)},
    /* vLLM's, not supported */
    {"use_beam_search", FIELD_NEUTRAL, .neutral = ONLY_FALSE},
    {"length_penalty", FIELD_NEUTRAL, .neutral = ONLY_ONE},
    {"prompt_logprobs", FIELD_NEUTRAL, .neutral = ONLY_ABSENT},
    {"return_tokens_as_token_ids", FIELD_NEUTRAL, .neutral = ONLY_FALSE},
    {"truncate_prompt_tokens", FIELD_NEUTRAL, .neutral = ONLY_ABSENT},
    {"logits_processors", FIELD_NEUTRAL, .neutral = ONLY_EMPTY_ARRAY},
    {"structured_outputs", FIELD_NEUTRAL, .neutral = ONLY_ABSENT},
    {"guided_json", FIELD_NEUTRAL, .neutral = ONLY_ABSENT},
    {"guided_regex", FIELD_NEUTRAL, .neutral = ONLY_ABSENT},
    {"guided_choice", FIELD_NEUTRAL, .neutral = ONLY_ABSENT},
    {"guided_grammar", FIELD_NEUTRAL, .neutral = ONLY_ABSENT},
    /* Without an effect on the answer. */
    {"user", FIELD_UNUSED, .offset = FIELD_NOWHERE},
    {"metadata", FIELD_UNUSED, .offset = FIELD_NOWHERE},
    {"store", FIELD_UNUSED, .offset = FIELD_NOWHERE},
    {"service_tier", FIELD_UNUSED, .offset = FIELD_NOWHERE},
    {"safety_identifier", FIELD_UNUSED, .offset = FIELD_NOWHERE},
    {"prompt_cache_key", FIELD_UNUSED, .offset = FIELD_NOWHERE},
    {"prompt_cache_retention", FIELD_UNUSED, .offset = FIELD_NOWHERE},
    {"priority", FIELD_UNUSED, .offset = FIELD_NOWHERE},
    {"request_id", FIELD_UNUSED, .offset = FIELD_NOWHERE},
    {"add_special_tokens", FIELD_UNUSED, .offset = FIELD_NOWHERE}, /* this tokenizer adds none */
    {"spaces_between_special_tokens", FIELD_UNUSED, .offset = FIELD_NOWHERE},
    {0},
};

static enum status check_stream_options(const struct field *body,
                                        const struct generation_params *params, struct reason *why)
{
    const struct field options = field_member(body, "stream_options");
    if (!options.json || params->stream)
        return STATUS_OK;
    reason_set(why, "invalid_value", "%s may be given only if stream is true.",
               "仅当 stream 为 true 时才能使用 %s。", field_path(&options).text);
    return field_blame(&options, why);
}

static enum status check_min_tokens(const struct field *body,
                                    const struct generation_params *params, struct reason *why)
{
    const struct field field = field_member(body, "min_tokens");
    if (params->max_tokens < 0 || params->min_tokens <= params->max_tokens)
        return STATUS_OK;
    reason_set(why, "invalid_value", "%s must not be above max_tokens (%lld).",
               "%s 不能大于 max_tokens（%lld）。", field_path(&field).text,
               (long long)params->max_tokens);
    return field_blame(&field, why);
}

enum status generation_form_check(const struct field *body, const struct generation_params *params,
                                  bool forced, struct reason *why)
{
    const struct field allowed = field_member(body, "allowed_token_ids");
    const struct field bad_words = field_member(body, "bad_words");
    const bool banned = params->bad_word_count > 0;
    const struct field *field = banned ? &bad_words : &allowed;
    if ((!banned && params->allowed.count == 0) || (params->format == FORMAT_TEXT && !forced))
        return STATUS_OK;
    reason_set(why, "invalid_value",
               "%s cannot be combined with response_format or a forced tool call.",
               "%s 不能与 response_format 或强制的工具调用同时使用。", field_path(field).text);
    return field_blame(field, why);
}

enum status generation_params_parse(const struct field *body, struct arena *arena,
                                    struct generation_params *out, struct reason *why)
{
    enum status status = field_table_parse(body, generation_rows, arena, out, why);
    if (status && why && strcmp(why->subject, "model") == 0)
        reason_hint(why, "GET /v1/models lists the models.", "GET /v1/models 可列出所有模型。");
    const struct field seed = field_member(body, "seed"), top_k = field_member(body, "top_k");
    out->has_seed = seed.json;
    if (top_k.json && out->top_k < 0)
        out->top_k = 0; /* -1 turns it off, as in vLLM */
    if (!status)
        status = check_stream_options(body, out, why);
    return status ? status : check_min_tokens(body, out, why);
}
