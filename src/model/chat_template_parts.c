#include "model/chat_template_parts.h"

#include "model/json_dumps.h"

#include <stdio.h>

static const char tools_head[] =
    "# Tools\n\nYou may call one or more functions to assist with the user query.\n\nYou are "
    "provided with function signatures within <tools></tools> XML tags:\n<tools>";
static const char tools_tail[] =
    "\n</tools>\n\nFor each function call, return a json object with function name and arguments "
    "within <tool_call></tool_call> XML tags:\n<tool_call>\n{\"name\": <function-name>, "
    "\"arguments\": <args-json-object>}\n</tool_call><|im_end|>\n";

const struct json *message_get(const struct json *message, const char *key)
{
    const struct json *v = json_get(message, key);
    return v && v->type != JSON_NULL ? v : NULL;
}

bool message_has_role(const struct json *message, const char *role)
{
    const struct json *v = json_get(message, "role");
    return json_is(v, JSON_STRING) && str_is(v->text, role);
}

static bool has_type(const struct json *item, const char *type)
{
    const struct json *v = json_get(item, "type");
    return json_is(v, JSON_STRING) && str_is(v->text, type);
}

static void add_visual(struct template_state *s, struct rendering *out, enum piece_kind kind,
                       struct content_options options)
{
    uint32_t *number = kind == PIECE_IMAGE ? &s->pictures : &s->videos;
    *number += options.count;
    if (!options.visuals)
        return;
    if (s->options.add_vision_id) {
        char label[32];
        snprintf(label, sizeof label, "%s %u: ", kind == PIECE_IMAGE ? "Picture" : "Video",
                 *number);
        rendering_literal(out, label);
    }
    rendering_visual(out, kind);
}

void template_content(struct template_state *s, struct rendering *out, const struct json *content,
                      struct content_options options)
{
    if (json_is(content, JSON_STRING)) {
        rendering_text(out, content->text);
        return;
    }
    JSON_EACH(item, content) {
        const struct json *text = json_get(item, "text");
        if (json_get(item, "image") || json_get(item, "image_url") || has_type(item, "image")) {
            if (options.visuals || options.count)
                add_visual(s, out, PIECE_IMAGE, options);
            else if (json_is(text, JSON_STRING))
                rendering_text(out, text->text);
        } else if (json_get(item, "video") || has_type(item, "video")) {
            if (options.visuals || options.count)
                add_visual(s, out, PIECE_VIDEO, options);
            else if (json_is(text, JSON_STRING))
                rendering_text(out, text->text);
        } else if (json_is(text, JSON_STRING)) {
            rendering_text(out, text->text);
        }
    }
}

static void add_json(struct rendering *out, const struct json *v)
{
    struct buf text;
    buf_init(&text, out->text.max);
    json_dumps(v, &text);
    rendering_text(out, buf_str(&text));
    out->failed |= text.failed;
    buf_release(&text);
}

void template_tools(struct template_state *s, bool system_visuals)
{
    const struct json *first = s->messages->first;
    rendering_literal(s->out, "<|im_start|>system\n");
    if (message_has_role(first, "system")) {
        template_content(s, s->out, message_get(first, "content"),
                         (struct content_options){.visuals = system_visuals});
        rendering_literal(s->out, "\n\n");
    }
    rendering_literal(s->out, tools_head);
    JSON_EACH(tool, s->tools) {
        rendering_literal(s->out, "\n");
        add_json(s->out, tool);
    }
    rendering_literal(s->out, tools_tail);
}

void template_tool_calls(struct template_state *s, const struct json *message, bool after_text)
{
    const struct json *calls = message_get(message, "tool_calls");
    if (!json_is(calls, JSON_ARRAY))
        return;
    JSON_EACH(call, calls) {
        const struct json *function = json_get(call, "function");
        const bool wrapped = json_is(function, JSON_OBJECT) && function->count > 0;
        const struct json *source = wrapped ? function : call;
        const struct json *name = json_get(source, "name");
        const struct json *arguments = json_get(source, "arguments");
        if (after_text || call != calls->first)
            rendering_literal(s->out, "\n");
        rendering_literal(s->out, "<tool_call>\n{\"name\": \"");
        if (json_is(name, JSON_STRING))
            rendering_text(s->out, name->text);
        rendering_literal(s->out, "\", \"arguments\": ");
        if (json_is(arguments, JSON_STRING))
            rendering_text(s->out, arguments->text);
        else if (arguments)
            add_json(s->out, arguments);
        rendering_literal(s->out, "}\n</tool_call>");
    }
}

void template_tool_response(struct template_state *s, const struct json *previous,
                            const struct json *message)
{
    if (!previous || !message_has_role(previous, "tool"))
        rendering_literal(s->out, "<|im_start|>user");
    rendering_literal(s->out, "\n<tool_response>\n");
    template_content(s, s->out, message_get(message, "content"),
                     (struct content_options){.visuals = true, .count = true});
    rendering_literal(s->out, "\n</tool_response>");
    if (!message->next || !message_has_role(message->next, "tool"))
        rendering_literal(s->out, "<|im_end|>\n");
}
