#include "model/chat_template.h"

#include "model/chat_template_parts.h"

enum { PROMPT_MAX_BYTES = 256 << 20 };

enum status chat_template_render(enum template_kind kind, const struct json *messages,
                                 const struct json *tools, struct template_options options,
                                 struct arena *arena, struct prompt *out, struct reason *why)
{
    struct rendering r;
    rendering_init(&r, PROMPT_MAX_BYTES);
    const bool has_tools = json_is(tools, JSON_ARRAY) && tools->count > 0;
    struct template_state s = {&r, messages, has_tools ? tools : NULL, options, 0, 0};
    if (kind == TEMPLATE_THINKING)
        template_thinking(&s);
    else
        template_instruct(&s);
    *out = (struct prompt){.arena = arena};
    const char *text = arena_strdup(arena, buf_str(&r.text));
    out->pieces = arena_array(arena, r.count + 1, sizeof *out->pieces);
    enum status status = STATUS_OK;
    if (r.failed || !text || !out->pieces)
        status = reason_no_memory(why, r.text.len);
    for (size_t i = 0; i < r.count && !status; i++) {
        const struct span span = r.spans[i];
        out->pieces[i] = (struct piece){span.kind, {text + span.begin, span.end - span.begin}};
        out->images += span.kind == PIECE_IMAGE;
        out->videos += span.kind == PIECE_VIDEO;
    }
    out->count = out->cap = r.count;
    rendering_release(&r);
    return status;
}

void prompt_text(const struct prompt *prompt, struct buf *out)
{
    for (size_t i = 0; i < prompt->count; i++)
        buf_add_str(out, prompt->pieces[i].text);
}
