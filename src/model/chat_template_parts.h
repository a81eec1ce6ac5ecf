/* What the Instruct and the Thinking template share. */
#pragma once

#include "model/rendering.h"

struct template_state {
    struct rendering *out;
    const struct json *messages, *tools;
    struct template_options options;
    uint32_t pictures, videos; /* numbers given so far, for "Picture 1: " */
};

/* The member of a message; one whose value is null counts as absent. */
const struct json *message_get(const struct json *message, const char *key);
bool message_has_role(const struct json *message, const char *role);

/* Appends a message's content. visuals: pictures and videos become placeholders; otherwise they are
 * left out. count: they get the next numbers. */
struct content_options {
    bool visuals, count;
};
void template_content(struct template_state *s, struct rendering *out, const struct json *content,
                      struct content_options options);

/* The system turn that lists the tools; the first system message's text in front. */
void template_tools(struct template_state *s, bool system_visuals);

/* `<tool_call>` blocks; `after_text`: something stands in front of the first. */
void template_tool_calls(struct template_state *s, const struct json *message, bool after_text);

/* One message of role tool; its neighbours decide where the user turn begins and ends. */
void template_tool_response(struct template_state *s, const struct json *previous,
                            const struct json *message);

void template_instruct(struct template_state *s);
void template_thinking(struct template_state *s);
