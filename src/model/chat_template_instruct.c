/* The Instruct template (specification 3.2). */
#include "model/chat_template_parts.h"

static void user_turn(struct template_state *s, const struct json *message)
{
    rendering_literal(s->out, "<|im_start|>user\n");
    template_content(s, s->out, message_get(message, "content"),
                     (struct content_options){.visuals = true, .count = true});
    rendering_literal(s->out, "<|im_end|>\n");
}

static void assistant_turn(struct template_state *s, const struct json *message)
{
    const struct json *content = message_get(message, "content");
    const bool filled =
        json_is(content, JSON_STRING) ? content->text.len > 0 : content && content->count > 0;
    rendering_literal(s->out, "<|im_start|>assistant\n");
    template_content(s, s->out, content, (struct content_options){0});
    template_tool_calls(s, message, filled);
    rendering_literal(s->out, "<|im_end|>\n");
}

void template_instruct(struct template_state *s)
{
    const struct json *first = s->messages->first;
    if (s->tools) {
        template_tools(s, false);
    } else if (message_has_role(first, "system")) {
        rendering_literal(s->out, "<|im_start|>system\n");
        template_content(s, s->out, message_get(first, "content"), (struct content_options){0});
        rendering_literal(s->out, "<|im_end|>\n");
    }
    const struct json *previous = NULL;
    JSON_EACH(message, s->messages) {
        if (message_has_role(message, "user"))
            user_turn(s, message);
        else if (message_has_role(message, "assistant"))
            assistant_turn(s, message);
        else if (message_has_role(message, "tool"))
            template_tool_response(s, previous, message);
        previous = message;
    }
    if (s->options.add_generation_prompt)
        rendering_literal(s->out, "<|im_start|>assistant\n");
}
