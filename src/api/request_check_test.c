#include "request_check_test.h"

#include "api/completion_request.h"
#include "api/error.h"
#include "api/tokenize_request.h"
#include "model/chat_template.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define HOLDS(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static void check_reason(const struct reason *why)
{
    const struct error_row *row = error_find(why->code);
    HOLDS(strcmp(row->code, why->code) == 0);
    HOLDS(row->status == 400 || strcmp(why->code, "memory_full") == 0);
    HOLDS(why->message[LANG_EN][0] && why->message[LANG_ZH][0]);
}

static bool within(double value, double min, double max)
{
    return isnan(value) || (value >= min && value <= max);
}

static void check_numbers(const struct chat_request *r)
{
    HOLDS(r->params.max_tokens == -1 || r->params.max_tokens >= 1);
    HOLDS(r->params.min_tokens >= 0 &&
          (r->params.max_tokens < 0 || r->params.min_tokens <= r->params.max_tokens));
    HOLDS(r->params.n >= 1 && r->params.n <= PARAMS_N_MAX);
    HOLDS(r->params.top_k >= -1);
    HOLDS(within(r->params.temperature, 0, 2) && within(r->params.min_p, 0, 1));
    HOLDS(within(r->params.top_p, 0, 1) && r->params.top_p != 0);
    HOLDS(within(r->params.presence_penalty, -2, 2) && within(r->params.frequency_penalty, -2, 2));
    HOLDS(within(r->params.repetition_penalty, 0, 10) && r->params.repetition_penalty != 0);
    HOLDS(r->params.bias_count <= PARAMS_BIAS_COUNT_MAX &&
          r->params.stop_ids.count <= PARAMS_IDS_MAX);
    for (uint32_t i = 0; i < r->params.bias_count; i++)
        HOLDS(r->params.biases[i].id >= 0 && within((double)r->params.biases[i].bias, -100, 100));
    for (uint32_t i = 0; i < r->params.stop_ids.count; i++)
        HOLDS(r->params.stop_ids.ids[i] >= 0);
    HOLDS(r->params.top_logprobs == 0 ||
          (r->params.logprobs && within((double)r->params.top_logprobs, 1, 20)));
    HOLDS(r->thinking_budget >= -1);
    HOLDS(r->params.stop_count <= PARAMS_STOP_MAX);
    for (uint32_t i = 0; i < r->params.stop_count; i++)
        HOLDS(r->params.stop[i].len > 0);
    HOLDS(!r->params.include_usage || r->params.stream);
}

static bool sizes_fit(const struct chat_image *image)
{
    return image->min_pixels != 0 && image->max_pixels != 0 &&
           (image->max_pixels < 0 || image->min_pixels <= image->max_pixels);
}

static void check_media(const struct chat_request *r)
{
    for (uint32_t i = 0; i < r->image_count; i++)
        HOLDS(r->images[i].url.len > 0 && r->images[i].path[0] && sizes_fit(&r->images[i]));
    for (uint32_t i = 0; i < r->video_count; i++) {
        const struct chat_video *video = &r->videos[i];
        HOLDS((video->frame_count > 0) != (video->url.len > 0) && video->path[0]);
        HOLDS(within(video->fps, 0.001, 1000));
        HOLDS(video->max_frames == -1 || (video->max_frames >= 2 && video->url.len > 0));
        for (uint32_t j = 0; j < video->frame_count; j++)
            HOLDS(video->frames[j].url.len > 0 && video->frames[j].path[0]);
    }
}

/* The templates show every picture and video once. */
static void check_templates(const struct chat_request *r)
{
    for (int kind = TEMPLATE_INSTRUCT; kind <= TEMPLATE_THINKING; kind++) {
        struct arena arena;
        arena_init(&arena, 256 << 20);
        struct prompt prompt;
        struct reason why;
        const struct template_options options = {.add_generation_prompt = r->add_generation_prompt,
                                                 .add_vision_id = r->add_vision_id,
                                                 .no_thinking = r->no_thinking};
        HOLDS(!chat_template_render((enum template_kind)kind, r->messages, r->tools, options,
                                    &arena, &prompt, &why));
        HOLDS(prompt.images == r->image_count && prompt.videos == r->video_count);
        arena_release(&arena);
    }
}

static void check_messages(const struct json *messages)
{
    uint32_t count = 0;
    JSON_EACH(message, messages) {
        const struct json *content = json_get(message, "content"),
                          *role = json_get(message, "role");
        HOLDS(json_is(role, JSON_STRING) && content);
        HOLDS(content->type == JSON_STRING || content->type == JSON_ARRAY ||
              (content->type == JSON_NULL &&
               (json_get(message, "tool_calls") || json_get(message, "reasoning_content"))));
        count++;
    }
    HOLDS(count > 0 && count == messages->count);
}

/* A refusal names its place, or is about the body itself. */
static enum status check_refusal(enum status status, const struct json *root,
                                 const struct reason *why)
{
    if (!status)
        return status;
    check_reason(why);
    HOLDS(why->subject[0] || root->type != JSON_OBJECT || strcmp(why->code, "memory_full") == 0);
    return status;
}

enum status chat_check(const struct json *root, struct arena *arena, struct chat_request *out,
                       struct reason *why)
{
    *why = (struct reason){.code = NULL};
    const enum status status = chat_request_parse(root, arena, out, why);
    if (status)
        return check_refusal(status, root, why);
    HOLDS(!why->code);
    HOLDS(out->params.model.len > 0 && out->messages);
    HOLDS(!out->tools || (out->tools->type == JSON_ARRAY && out->tools->count > 0));
    check_messages(out->messages);
    check_numbers(out);
    check_media(out);
    check_templates(out);
    return STATUS_OK;
}

static void check_completion(const struct completion_request *r)
{
    HOLDS(r->prompt_count >= 1);
    HOLDS(r->prompt_count * (uint64_t)r->params.n <= COMPLETION_ANSWERS_MAX);
    for (uint32_t i = 0; i < r->prompt_count; i++)
        HOLDS((r->prompts[i].text.len > 0) != (r->prompts[i].ids.count > 0));
    HOLDS(r->params.max_tokens >= 0 && r->params.model.len > 0);
}

static void check_unknown(enum request_route route, const struct json *root, struct arena *arena)
{
    const struct field_row *const *const tables[] = {
        [REQUEST_CHAT] = chat_tables,
        [REQUEST_COMPLETION] = completion_tables,
        [REQUEST_TOKENIZE] = tokenize_tables(root),
        [REQUEST_DETOKENIZE] = detokenize_tables,
    };
    const char *list = NULL;
    if (field_unknown_list(root, tables[route], arena, &list, NULL) || !list)
        return;
    HOLDS(strlen(list) < 256);
    HOLDS(strspn(list, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-,?+") ==
          strlen(list));
}

enum status request_check(enum request_route route, const struct json *root, struct arena *arena)
{
    struct chat_request chat;
    struct completion_request completion;
    struct tokenize_request tokenize;
    struct detokenize_request detokenize;
    struct reason why = {.code = NULL};
    enum status status = STATUS_OK;
    check_unknown(route, root, arena);
    switch (route) {
    case REQUEST_CHAT: return chat_check(root, arena, &chat, &why);
    case REQUEST_COMPLETION:
        status = completion_request_parse(root, arena, &completion, &why);
        if (!status)
            check_completion(&completion);
        break;
    case REQUEST_TOKENIZE:
        status = tokenize_request_parse(root, arena, &tokenize, &why);
        HOLDS(status || tokenize.is_chat == (tokenize.chat.messages != NULL));
        break;
    case REQUEST_DETOKENIZE:
        status = detokenize_request_parse(root, arena, &detokenize, &why);
        break;
    }
    return check_refusal(status, root, &why);
}
