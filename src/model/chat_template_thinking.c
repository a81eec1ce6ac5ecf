/* The Thinking template (specification 3.3): as Instruct, but earlier reasoning is removed, and the
 * answer begins inside a reasoning block. */
#include "model/chat_template_parts.h"

#include <stdlib.h>

static const char think_open[] = "<think>", think_close[] = "</think>";

static const struct content_options shown = {.visuals = true, .count = true};
static const struct content_options shown_uncounted = {.visuals = true};

/* Bytes of `text` in front of, or behind, the wanted occurrence of `word`; SIZE_MAX if none. */
static size_t find_first(struct str text, const char *word)
{
    const char *at = text.len ? memmem(text.ptr, text.len, word, strlen(word)) : NULL;
    return at ? (size_t)(at - text.ptr) : SIZE_MAX;
}

static size_t find_last_end(struct str text, const char *word)
{
    size_t end = SIZE_MAX, from = 0;
    for (;;) {
        const size_t at = find_first(str_slice(text, from, text.len), word);
        if (at == SIZE_MAX)
            return end;
        from += at + strlen(word);
        end = from;
    }
}

static size_t skip_newlines(struct str text, size_t begin, size_t end)
{
    while (begin < end && text.ptr[begin] == '\n')
        begin++;
    return begin;
}

static size_t drop_newlines(struct str text, size_t begin, size_t end)
{
    while (end > begin && text.ptr[end - 1] == '\n')
        end--;
    return end;
}

/* A user message that is only a wrapped tool response is no question. */
static bool is_tool_response(struct template_state *s, const struct json *message)
{
    struct rendering content;
    rendering_init(&content, s->out->text.max);
    template_content(s, &content, message_get(message, "content"), shown_uncounted);
    const struct str text = buf_str(&content.text);
    const bool result = str_starts(text, "<tool_response>") && str_ends(text, "</tool_response>");
    s->out->failed |= content.failed;
    rendering_release(&content);
    return result;
}

/* Index of the last question; the last message if there is none. */
static size_t last_query(struct template_state *s)
{
    size_t index = 0, last = s->messages->count ? s->messages->count - 1 : 0;
    JSON_EACH(message, s->messages) {
        if (message_has_role(message, "user") && !is_tool_response(s, message))
            last = index;
        index++;
    }
    return last;
}

/* Reasoning and answer of an assistant message, as ranges of two renderings. */
struct split {
    const struct rendering *reasoning; /* NULL: none */
    size_t reasoning_begin, reasoning_end;
    size_t begin, end; /* of the answer in the content */
};

static struct split split_content(const struct rendering *content, const struct rendering *given)
{
    const struct str text = buf_str(&content->text);
    struct split split = {given, 0, given ? given->text.len : 0, 0, text.len};
    const size_t close = given ? SIZE_MAX : find_first(text, think_close);
    if (close == SIZE_MAX)
        return split;
    const size_t open = find_last_end(str_slice(text, 0, close), think_open);
    split.reasoning = content;
    split.reasoning_end = drop_newlines(text, 0, close);
    split.reasoning_begin = skip_newlines(
        text, open != SIZE_MAX && open <= split.reasoning_end ? open : 0, split.reasoning_end);
    split.begin = skip_newlines(text, find_last_end(text, think_close), text.len);
    return split;
}

static void assistant_turn(struct template_state *s, const struct json *message,
                           const struct rendering *content, bool after_query)
{
    const struct json *reasoning = message_get(message, "reasoning_content");
    if (!reasoning)
        reasoning = message_get(message, "reasoning");
    if (!reasoning)
        reasoning = message_get(message, "thinking");
    struct rendering given;
    rendering_init(&given, s->out->text.max);
    const bool is_given = json_is(reasoning, JSON_STRING);
    if (is_given)
        rendering_text(&given, reasoning->text);
    const struct split split = split_content(content, is_given ? &given : NULL);
    const struct str text = buf_str(&content->text);
    const bool thought = split.reasoning && split.reasoning_end > split.reasoning_begin;
    rendering_literal(s->out, "<|im_start|>assistant\n");
    size_t begin = split.begin;
    if (after_query && (!message->next || thought)) {
        rendering_literal(s->out, "<think>\n");
        if (thought) {
            const struct str from = buf_str(&split.reasoning->text);
            const size_t end = drop_newlines(from, split.reasoning_begin, split.reasoning_end);
            rendering_range(s->out, split.reasoning,
                            skip_newlines(from, split.reasoning_begin, end), end);
        }
        rendering_literal(s->out, "\n</think>\n\n");
        begin = skip_newlines(text, begin, split.end);
    }
    rendering_range(s->out, content, begin, split.end);
    template_tool_calls(s, message, split.end > split.begin);
    rendering_literal(s->out, "<|im_end|>\n");
    s->out->failed |= given.failed;
    rendering_release(&given);
}

static void turn(struct template_state *s, const struct json *previous, const struct json *message,
                 bool after_query)
{
    if (message_has_role(message, "tool")) {
        template_tool_response(s, previous, message);
        return;
    }
    struct rendering content;
    rendering_init(&content, s->out->text.max);
    template_content(s, &content, message_get(message, "content"), shown);
    const bool system = message_has_role(message, "system") && previous;
    if (message_has_role(message, "user") || system) {
        rendering_literal(s->out, system ? "<|im_start|>system\n" : "<|im_start|>user\n");
        rendering_range(s->out, &content, 0, content.text.len);
        rendering_literal(s->out, "<|im_end|>\n");
    } else if (message_has_role(message, "assistant")) {
        assistant_turn(s, message, &content, after_query);
    }
    s->out->failed |= content.failed;
    rendering_release(&content);
}

void template_thinking(struct template_state *s)
{
    const struct json *first = s->messages->first;
    if (s->tools) {
        template_tools(s, true);
    } else if (message_has_role(first, "system")) {
        rendering_literal(s->out, "<|im_start|>system\n");
        template_content(s, s->out, message_get(first, "content"), shown_uncounted);
        rendering_literal(s->out, "<|im_end|>\n");
    }
    const size_t query = last_query(s);
    const struct json *previous = NULL;
    size_t index = 0;
    JSON_EACH(message, s->messages) {
        turn(s, previous, message, index > query);
        previous = message;
        index++;
    }
    if (s->options.add_generation_prompt)
        rendering_literal(s->out, "<|im_start|>assistant\n<think>\n");
    if (s->options.add_generation_prompt && s->options.no_thinking)
        rendering_literal(s->out, "\n</think>\n\n");
}
