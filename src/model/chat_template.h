/* The two official chat templates, Instruct and Thinking, in C (specification 3).
 *
 * A rendered prompt is a list of pieces, so that text of a request can never become a control
 * token: only TEMPLATE pieces are parsed for markers; the pieces between two markers are
 * tokenised together with added tokens off. */
#pragma once

#include "base/arena.h"
#include "model/tokenizer.h"
#include "json/json.h"

enum template_kind { TEMPLATE_INSTRUCT, TEMPLATE_THINKING };

/* The text of the template that a checkpoint directory ships: chat_template.jinja,
 * chat_template.json, or tokenizer_config.json, the first that has one; empty if there is none.
 * out->max bounds the files. Codes: unreadable too_large bad_tokenizer. */
enum { CHAT_TEMPLATE_MAX_BYTES = 4 << 20 };
MUST_CHECK enum status chat_template_read(const char *dir, struct buf *out, struct reason *why);

/* Which template a checkpoint directory ships, by length and hash of its text. *known is false if
 * the text is neither, or there is none; kind is then the nearer one. Codes: as above. */
MUST_CHECK enum status chat_template_detect(const char *dir, enum template_kind *kind, bool *known,
                                            struct reason *why);

/* The same of a template's text. */
void chat_template_judge(struct str text, enum template_kind *kind, bool *known);

/* What a piece of the rendered prompt is. */
enum piece_kind {
    PIECE_MARKER, /* a marker that the template wrote: <|im_start|>, <think>, … */
    PIECE_TEXT,   /* everything else */
    PIECE_IMAGE,  /* one <|image_pad|>, to be repeated */
    PIECE_VIDEO,  /* one <|video_pad|>, between its two markers */
};

struct piece {
    enum piece_kind kind;
    struct str text; /* as rendered */
};

struct prompt {
    struct piece *pieces;
    size_t count, cap;
    uint32_t images, videos;
    struct arena *arena; /* borrowed: holds pieces and texts */
};

struct template_options {
    bool add_generation_prompt, add_vision_id;
    bool no_thinking; /* Thinking: the generation prompt closes the reasoning that it opens, as
                       * Qwen3's template does for enable_thinking: false */
};

/* Renders `messages` (a JSON array in OpenAI's or Hugging Face's shape; `tools` a JSON array or
 * NULL). The JSON must be valid for the API (the caller checked it): unknown roles are dropped as
 * the templates do. */
MUST_CHECK enum status chat_template_render(enum template_kind kind, const struct json *messages,
                                            const struct json *tools,
                                            struct template_options options, struct arena *arena,
                                            struct prompt *out, struct reason *why);

/* Token ids of a prompt. image_tokens[i] copies of <|image_pad|> for image i. Video j is replaced
 * by its timestamps and pads (3.6): frame groups with times and pads each. NULL for either leaves
 * its pads single. Codes: bad_tokenizer if the tokenizer lacks a marker. */
struct video_layout {
    const double *times; /* [groups] seconds */
    uint32_t groups, tokens_per_group;
    bool keep_outer; /* transformers 5.x: keep the outer <|vision_start|>…<|vision_end|> */
};

MUST_CHECK enum status prompt_tokens(const struct prompt *prompt, const struct tokenizer *tokenizer,
                                     const uint32_t *image_tokens,
                                     const struct video_layout *videos, struct token_list *out,
                                     struct reason *why);

/* The prompt as one string (tests, /tokenize). */
void prompt_text(const struct prompt *prompt, struct buf *out);
