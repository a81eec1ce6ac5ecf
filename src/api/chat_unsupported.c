#include "api/chat_unsupported.h"

/* The one value of a field that asks for nothing beyond what is done anyway. */
enum neutral {
    ONLY_ABSENT,
    ONLY_FALSE,
    ONLY_TRUE,
    ONLY_ONE,
    ONLY_EMPTY_ARRAY,
    ONLY_EMPTY_OBJECT,
};

static const struct unsupported_row {
    const char *name;
    enum neutral neutral;
} rows[] = {
    {"functions", ONLY_EMPTY_ARRAY},
    {"function_call", ONLY_ABSENT},
    {"audio", ONLY_ABSENT},
    {"web_search_options", ONLY_ABSENT},
    /* vLLM */
    {"best_of", ONLY_ONE},
    {"use_beam_search", ONLY_FALSE},
    {"prompt_logprobs", ONLY_ABSENT},
    {"echo", ONLY_FALSE},
    {"continue_final_message", ONLY_FALSE},
    {"chat_template", ONLY_ABSENT},
    {"bad_words", ONLY_EMPTY_ARRAY},
    {"include_stop_str_in_output", ONLY_FALSE},
    {"skip_special_tokens", ONLY_TRUE},
    {"truncate_prompt_tokens", ONLY_ABSENT},
    {"logits_processors", ONLY_EMPTY_ARRAY},
    {"structured_outputs", ONLY_ABSENT},
    {"guided_json", ONLY_ABSENT},
    {"guided_regex", ONLY_ABSENT},
    {"guided_choice", ONLY_ABSENT},
    {"guided_grammar", ONLY_ABSENT},
    {"mm_processor_kwargs", ONLY_EMPTY_OBJECT},
    {"min_pixels", ONLY_ABSENT},
    {"max_pixels", ONLY_ABSENT},
};

/* Type of the field, and the value that it may have, in words. */
static const struct neutral_row {
    enum json_type type;
    const char *shown;
} neutrals[] = {
    [ONLY_ABSENT] = {JSON_NULL, "null"},     [ONLY_FALSE] = {JSON_BOOL, "false"},
    [ONLY_TRUE] = {JSON_BOOL, "true"},       [ONLY_ONE] = {JSON_NUMBER, "1"},
    [ONLY_EMPTY_ARRAY] = {JSON_ARRAY, "[]"}, [ONLY_EMPTY_OBJECT] = {JSON_OBJECT, "{}"},
};

static bool is_neutral(const struct json *v, enum neutral neutral)
{
    int64_t number;
    switch (neutral) {
    case ONLY_FALSE: return !v->truth;
    case ONLY_TRUE: return v->truth;
    case ONLY_ONE: return json_int64(v, &number) && number == 1;
    case ONLY_EMPTY_ARRAY:
    case ONLY_EMPTY_OBJECT: return v->count == 0;
    case ONLY_ABSENT: break;
    }
    return false;
}

static enum status refuse(const struct field *field, const char *allowed, struct reason *why)
{
    reason_set(why, "invalid_value", "%s asks for something that is not supported yet.",
               "%s 要求的功能暂不支持。", field_path(field).text);
    reason_hint(why, "Leave it out, or give %s.", "请去掉它，或写成 %s。", allowed);
    return field_blame(field, why);
}

static enum status check_rows(const struct field *body, struct reason *why)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct field field = field_member(body, rows[i].name);
        const struct neutral_row *neutral = &neutrals[rows[i].neutral];
        if (!field.json)
            continue;
        if (rows[i].neutral != ONLY_ABSENT && field.json->type != neutral->type)
            return field_is(&field, neutral->type, why);
        if (!is_neutral(field.json, rows[i].neutral))
            return refuse(&field, neutral->shown, why);
    }
    return STATUS_OK;
}

static enum status check_modalities(const struct field *body, struct reason *why)
{
    const struct field modalities = field_member(body, "modalities");
    if (!modalities.json)
        return STATUS_OK;
    const enum status status = field_is(&modalities, JSON_ARRAY, why);
    uint32_t index = 0;
    if (status)
        return status;
    JSON_EACH(item, modalities.json) {
        const struct field modality = field_element(&modalities, item, index++);
        if (!json_is(item, JSON_STRING))
            return field_is(&modality, JSON_STRING, why);
        if (!str_is(item->text, "text"))
            return refuse(&modality, "\"text\"", why);
    }
    return STATUS_OK;
}

enum status chat_unsupported_check(const struct field *body, struct reason *why)
{
    const enum status status = check_modalities(body, why);
    return status ? status : check_rows(body, why);
}
