#include "api/chat_tokens.h"

#include <stdio.h>

static enum status too_many(const struct field *field, uint32_t count, int most, struct reason *why)
{
    reason_set(why, "invalid_value", "%s has %u entries; %d are allowed.",
               "%s 有 %u 项，最多允许 %d 项。", field_path(field).text, count, most);
    return field_blame(field, why);
}

/* A key of logit_bias: the digits of a token id. */
static bool read_key(struct str key, int32_t *out)
{
    enum { DIGITS_MAX = 9 };
    int32_t id = 0;
    for (size_t i = 0; i < key.len; i++) {
        if (key.ptr[i] < '0' || key.ptr[i] > '9')
            return false;
        id = id * 10 + (key.ptr[i] - '0');
    }
    *out = id;
    return key.len > 0 && key.len <= DIGITS_MAX;
}

static enum status parse_bias(const struct field *list, const struct json *entry,
                              struct chat_bias *out, struct reason *why)
{
    static const struct field_range range = {-CHAT_BIAS_MOST, CHAT_BIAS_MOST, false};
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

static enum status parse_logit_bias(const struct field *body, struct arena *arena,
                                    struct chat_request *out, struct reason *why)
{
    const struct field field = field_member(body, "logit_bias");
    if (!field.json)
        return STATUS_OK;
    const enum status status = field_is(&field, JSON_OBJECT, why);
    if (status)
        return status;
    if (field.json->count > CHAT_BIAS_COUNT_MAX)
        return too_many(&field, field.json->count, CHAT_BIAS_COUNT_MAX, why);
    struct chat_bias *biases = arena_array(arena, field.json->count, sizeof *biases);
    if (!biases)
        return reason_no_memory(why, field.json->count * sizeof *biases);
    JSON_EACH(entry, field.json) {
        const enum status bad = parse_bias(&field, entry, &biases[out->bias_count++], why);
        if (bad)
            return bad;
    }
    out->biases = biases;
    return STATUS_OK;
}

static enum status parse_ids(const struct field *body, const char *name, struct arena *arena,
                             struct chat_ids *out, struct reason *why)
{
    const struct field field = field_member(body, name);
    if (!field.json)
        return STATUS_OK;
    const enum status status = field_is(&field, JSON_ARRAY, why);
    if (status)
        return status;
    if (field.json->count > CHAT_IDS_MAX)
        return too_many(&field, field.json->count, CHAT_IDS_MAX, why);
    int32_t *ids = arena_array(arena, field.json->count, sizeof *ids);
    if (!ids)
        return reason_no_memory(why, field.json->count * sizeof *ids);
    JSON_EACH(item, field.json) {
        const struct field element = field_element(&field, item, out->count);
        int64_t id = 0;
        const enum status bad = field_integer(&element, 0, INT32_MAX, &id, why);
        if (bad)
            return bad;
        ids[out->count++] = (int32_t)id;
    }
    out->ids = ids;
    return STATUS_OK;
}

static enum status parse_logprobs(const struct field *body, struct chat_request *out,
                                  struct reason *why)
{
    const struct field logprobs = field_member(body, "logprobs");
    const struct field top = field_member(body, "top_logprobs");
    enum status status = field_bool(&logprobs, &out->logprobs, why);
    if (!status)
        status = field_integer(&top, 0, CHAT_TOP_LOGPROBS_MAX, &out->top_logprobs, why);
    if (status || out->logprobs || out->top_logprobs == 0)
        return status;
    reason_set(why, "invalid_value", "%s may be given only if logprobs is true.",
               "仅当 logprobs 为 true 时才能使用 %s。", field_path(&top).text);
    return field_blame(&top, why);
}

/* A form may need tokens that are not allowed. */
static enum status check_allowed(const struct field *body, const struct chat_request *request,
                                 struct reason *why)
{
    const struct field field = field_member(body, "allowed_token_ids");
    if (request->allowed.count == 0 ||
        (request->format == CHAT_FORMAT_TEXT && !request->forced_call))
        return STATUS_OK;
    reason_set(why, "invalid_value",
               "%s cannot be combined with response_format or a forced tool call.",
               "%s 不能与 response_format 或强制的工具调用同时使用。", field_path(&field).text);
    return field_blame(&field, why);
}

enum status chat_tokens_parse(const struct field *body, struct arena *arena,
                              struct chat_request *out, struct reason *why)
{
    enum status status = parse_logprobs(body, out, why);
    if (!status)
        status = parse_logit_bias(body, arena, out, why);
    if (!status)
        status = parse_ids(body, "stop_token_ids", arena, &out->stop_ids, why);
    if (!status)
        status = parse_ids(body, "allowed_token_ids", arena, &out->allowed, why);
    return status ? status : check_allowed(body, out, why);
}
