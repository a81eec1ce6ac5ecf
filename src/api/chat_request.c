#include "api/chat_request.h"

#include "api/chat_messages.h"
#include "api/chat_tools.h"

#include <math.h>

static enum status parse_messages(const struct field *messages, struct arena *arena, void *to,
                                  struct reason *why)
{
    return chat_messages_parse(messages, arena, to, why);
}

static enum status parse_enable_thinking(const struct field *enable, struct arena *arena, void *to,
                                         struct reason *why)
{
    (void)arena;
    (void)why;
    ((struct chat_request *)to)->no_thinking = !enable->json->truth;
    return STATUS_OK;
}

enum {
    STRING = 1 << JSON_STRING,
    BOOL = 1 << JSON_BOOL,
    ARRAY = 1 << JSON_ARRAY,
    OBJECT = 1 << JSON_OBJECT,
};

/* Also at the top of the body, where others have them. */
#define THINKING                                                                                   \
    {"enable_thinking", FIELD_PARSED,   .types = BOOL,                                             \
     .en = "a boolean", .zh = "布尔值", .parse = parse_enable_thinking},                           \
        {"thinking_budget", FIELD_INTEGER, FIELD_AT(chat_request, thinking_budget),                \
         .max = INT64_MAX},                                                                        \
    {                                                                                              \
        "thinking_token_budget", FIELD_INTEGER, FIELD_AT(chat_request, thinking_budget),           \
            .max = INT64_MAX                                                                       \
    }

#define PIXELS                                                                                     \
    {"min_pixels", FIELD_INTEGER, FIELD_AT(chat_request, min_pixels), .min = 1, .max = INT64_MAX}, \
    {                                                                                              \
        "max_pixels", FIELD_INTEGER, FIELD_AT(chat_request, max_pixels), .min = 1,                 \
                                                                         .max = INT64_MAX          \
    }

static const struct field_row template_rows[] = {
    {"add_vision_id", FIELD_BOOL, FIELD_AT(chat_request, add_vision_id)},
    THINKING,
    {0},
};

static const struct field_row size_rows[] = {
    {"shortest_edge", FIELD_INTEGER, FIELD_AT(chat_request, min_pixels), .min = 1,
     .max = INT64_MAX},
    {"longest_edge", FIELD_INTEGER, FIELD_AT(chat_request, max_pixels), .min = 1, .max = INT64_MAX},
    {0},
};

static const struct field_row processor_rows[] = {
    {"size", FIELD_OBJECT, .members = size_rows, .closed = true},
    PIXELS,
    {"fps", FIELD_NUMBER, FIELD_AT(chat_request, video_fps), .range = {0.001, 1000, false}},
    {0},
};

/* What makes the prompt. */
const struct field_row chat_prompt_rows[] = {
    {"messages", FIELD_PARSED, true, .types = ARRAY, .en = "an array", .zh = "数组",
     .parse = parse_messages},
    {"tools", FIELD_PARSED, .types = ARRAY, .en = "an array", .zh = "数组",
     .parse = chat_tools_parse},
    {"add_generation_prompt", FIELD_BOOL, FIELD_AT(chat_request, add_generation_prompt)},
    THINKING,
    {"chat_template_kwargs", FIELD_OBJECT, .members = template_rows},
    {"mm_processor_kwargs", FIELD_OBJECT, .members = processor_rows, .closed = true},
    PIXELS,
    {"chat_template", FIELD_NEUTRAL, .neutral = ONLY_ABSENT},
    {"continue_final_message", FIELD_NEUTRAL, .neutral = ONLY_FALSE},
    {0},
};

static enum status parse_modalities(const struct field *modalities, struct arena *arena, void *to,
                                    struct reason *why)
{
    (void)arena;
    (void)to;
    uint32_t index = 0;
    JSON_EACH(item, modalities->json) {
        const struct field modality = field_element(modalities, item, index++);
        if (!json_is(item, JSON_STRING))
            return field_is(&modality, JSON_STRING, why);
        if (str_is(item->text, "text"))
            continue;
        reason_set(why, "invalid_value", "%s asks for something that is not supported.",
                   "%s 要求的功能不受支持。", field_path(&modality).text);
        reason_hint(why, "Answers are text: give [\"text\"].", "回答只有文本：请写成 [\"text\"]。");
        return field_blame(&modality, why);
    }
    return STATUS_OK;
}

/* What is said of the answer, beside generation_rows. */
static const struct field_row answer_rows[] = {
    {"max_tokens", FIELD_INTEGER, FIELD_AT(chat_request, params.max_tokens), .min = 1,
     .max = INT64_MAX},
    {"max_completion_tokens", FIELD_INTEGER, FIELD_AT(chat_request, params.max_tokens), .min = 1,
     .max = INT64_MAX},
    {"tool_choice", FIELD_PARSED, .types = STRING | OBJECT, .en = "a string or an object",
     .zh = "字符串或对象", .parse = chat_tool_choice_parse},
    {"parallel_tool_calls", FIELD_PARSED, .types = BOOL, .en = "a boolean", .zh = "布尔值",
     .parse = chat_parallel_calls_parse},
    {"logprobs", FIELD_BOOL, FIELD_AT(chat_request, params.logprobs)},
    {"top_logprobs", FIELD_INTEGER, FIELD_AT(chat_request, params.top_logprobs),
     .max = PARAMS_LOGPROBS_MAX},
    {"modalities", FIELD_PARSED, .types = ARRAY, .en = "an array", .zh = "数组",
     .parse = parse_modalities},
    {"functions", FIELD_NEUTRAL, .neutral = ONLY_EMPTY_ARRAY},
    {"function_call", FIELD_NEUTRAL, .neutral = ONLY_ABSENT},
    {"audio", FIELD_NEUTRAL, .neutral = ONLY_ABSENT},
    {"web_search_options", FIELD_NEUTRAL, .neutral = ONLY_ABSENT},
    {"echo", FIELD_NEUTRAL, .neutral = ONLY_FALSE},
    {0},
};

const struct field_row *const chat_tables[] = {chat_prompt_rows, answer_rows, generation_rows,
                                               NULL};

/* Pictures that do not say their size get the request's; what contradicts it is stronger. */
static void settle_pixels(struct chat_request *out)
{
    for (uint32_t i = 0; i < out->image_count; i++) {
        struct chat_image *image = &out->images[i];
        const int64_t own_min = image->min_pixels, own_max = image->max_pixels;
        image->min_pixels = own_min > 0 ? own_min : out->min_pixels;
        image->max_pixels = own_max > 0 ? own_max : out->max_pixels;
        if (image->max_pixels < 0 || image->min_pixels <= image->max_pixels)
            continue;
        if (own_max > 0)
            image->min_pixels = image->max_pixels;
        else
            image->max_pixels = image->min_pixels;
    }
    for (uint32_t i = 0; i < out->video_count; i++)
        if (isnan(out->videos[i].fps))
            out->videos[i].fps = out->video_fps;
}

static enum status check_pixels(const struct field *body, const struct chat_request *request,
                                struct reason *why)
{
    const struct field kwargs = field_member(body, "mm_processor_kwargs");
    const enum status status =
        chat_pixels_check(body, request->min_pixels, request->max_pixels, why);
    return status ? status
                  : chat_pixels_check(&kwargs, request->min_pixels, request->max_pixels, why);
}

static enum status parse_prompt(const struct field *body, struct arena *arena,
                                struct chat_request *out, struct reason *why)
{
    *out = (struct chat_request){
        .params = generation_params_absent,
        .thinking_budget = -1,
        .min_pixels = -1,
        .max_pixels = -1,
        .video_fps = NAN,
        .add_generation_prompt = true,
    };
    enum status status = field_table_parse(body, chat_prompt_rows, arena, out, why);
    if (status && why && strcmp(why->subject, "messages") == 0)
        reason_hint(why, "Write \"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}].",
                    "请写成 \"messages\": [{\"role\": \"user\", \"content\": \"你好\"}]。");
    if (!status)
        status = check_pixels(body, out, why);
    if (!status)
        settle_pixels(out);
    return status;
}

static enum status check_logprobs(const struct field *body, const struct generation_params *params,
                                  struct reason *why)
{
    const struct field top = field_member(body, "top_logprobs");
    if (params->logprobs || params->top_logprobs == 0)
        return STATUS_OK;
    reason_set(why, "invalid_value", "%s may be given only if logprobs is true.",
               "仅当 logprobs 为 true 时才能使用 %s。", field_path(&top).text);
    return field_blame(&top, why);
}

enum status chat_request_parse(const struct json *root, struct arena *arena,
                               struct chat_request *out, struct reason *why)
{
    const struct field body = field_body(root);
    enum status status = parse_prompt(&body, arena, out, why);
    if (!status)
        status = field_table_parse(&body, answer_rows, arena, out, why);
    if (!status)
        status = generation_params_parse(&body, arena, &out->params, why);
    if (!status)
        status = check_logprobs(&body, &out->params, why);
    return status ? status : generation_form_check(&body, &out->params, out->forced_call, why);
}

enum status chat_prompt_parse(const struct json *root, struct arena *arena,
                              struct chat_request *out, struct reason *why)
{
    const struct field body = field_body(root);
    return parse_prompt(&body, arena, out, why);
}
