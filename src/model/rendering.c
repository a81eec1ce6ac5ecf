#include "model/rendering.h"

#include <stdlib.h>

/* What the two templates write themselves and the vocabulary has as added tokens. */
static const char *const markers[] = {
    "<|im_start|>", "<|im_end|>",      "<|vision_start|>", "<|vision_end|>", "<tool_call>",
    "</tool_call>", "<tool_response>", "</tool_response>", "<think>",        "</think>",
};

void rendering_init(struct rendering *r, size_t max_bytes)
{
    *r = (struct rendering){0};
    buf_init(&r->text, max_bytes);
}

void rendering_release(struct rendering *r)
{
    buf_release(&r->text);
    free(r->spans);
    r->spans = NULL;
    r->count = r->cap = 0;
}

static void add(struct rendering *r, enum piece_kind kind, struct str text)
{
    if (text.len == 0 || r->failed)
        return;
    const size_t begin = r->text.len;
    buf_add_str(&r->text, text);
    if (r->text.failed) {
        r->failed = true;
        return;
    }
    if (kind == PIECE_TEXT && r->count && r->spans[r->count - 1].kind == PIECE_TEXT) {
        r->spans[r->count - 1].end = r->text.len;
        return;
    }
    if (r->count == r->cap) {
        const size_t cap = r->cap ? r->cap * 2 : 32;
        struct span *spans = realloc(r->spans, cap * sizeof *spans);
        if (!spans) {
            r->failed = true;
            return;
        }
        r->spans = spans;
        r->cap = cap;
    }
    r->spans[r->count++] = (struct span){kind, begin, r->text.len};
}

static struct str marker_at(const char *text)
{
    for (size_t i = 0; i < ARRAY_LEN(markers); i++)
        if (strncmp(text, markers[i], strlen(markers[i])) == 0)
            return str_from(markers[i]);
    return (struct str){NULL, 0};
}

void rendering_literal(struct rendering *r, const char *literal)
{
    const char *begin = literal, *at = literal;
    while (*at) {
        const struct str marker = *at == '<' ? marker_at(at) : (struct str){NULL, 0};
        if (!marker.len) {
            at++;
            continue;
        }
        add(r, PIECE_TEXT, (struct str){begin, (size_t)(at - begin)});
        add(r, PIECE_MARKER, marker);
        begin = at += marker.len;
    }
    add(r, PIECE_TEXT, (struct str){begin, (size_t)(at - begin)});
}

void rendering_text(struct rendering *r, struct str text)
{
    add(r, PIECE_TEXT, text);
}

void rendering_visual(struct rendering *r, enum piece_kind kind)
{
    add(r, PIECE_MARKER, STR("<|vision_start|>"));
    add(r, kind, kind == PIECE_IMAGE ? STR("<|image_pad|>") : STR("<|video_pad|>"));
    add(r, PIECE_MARKER, STR("<|vision_end|>"));
}

void rendering_range(struct rendering *r, const struct rendering *from, size_t begin, size_t end)
{
    for (size_t i = 0; i < from->count; i++) {
        const struct span s = from->spans[i];
        if (s.end <= begin || s.begin >= end)
            continue;
        const size_t a = s.kind == PIECE_TEXT && s.begin < begin ? begin : s.begin;
        const size_t b = s.kind == PIECE_TEXT && s.end > end ? end : s.end;
        add(r, s.kind, str_slice(buf_str(&from->text), a, b));
    }
    if (from->failed)
        r->failed = true;
}
