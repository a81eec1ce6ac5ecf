/* Text being rendered by a template, with a record of what each stretch of it is. */
#pragma once

#include "model/chat_template.h"

struct span {
    enum piece_kind kind;
    size_t begin, end; /* bytes of the text */
};

struct rendering {
    struct buf text;
    struct span *spans; /* adjoining, in order; neighbours of kind TEXT are one span */
    size_t count, cap;
    bool failed; /* out of memory */
};

void rendering_init(struct rendering *r, size_t max_bytes);
void rendering_release(struct rendering *r);

/* The template's own words: markers in them count. */
void rendering_literal(struct rendering *r, const char *literal);

/* Words of the request: never a marker, whatever they spell. */
void rendering_text(struct rendering *r, struct str text);

/* <|vision_start|><|image_pad|><|vision_end|>, or the same with <|video_pad|>. */
void rendering_visual(struct rendering *r, enum piece_kind kind);

/* The bytes [begin, end) of another rendering; a marker is never cut, only text is. */
void rendering_range(struct rendering *r, const struct rendering *from, size_t begin, size_t end);
