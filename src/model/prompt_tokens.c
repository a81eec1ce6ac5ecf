/* From the pieces of a rendered prompt to token ids (specification 3.6). */
#include "model/chat_template.h"

enum { TEXT_MAX_BYTES = 256 << 20 };

struct assembler {
    const struct tokenizer *tokenizer;
    struct token_list *out;
    struct buf run; /* text since the last marker */
    struct reason *why;
};

static enum status flush(struct assembler *a)
{
    if (a->run.failed)
        return reason_no_memory(a->why, a->run.len);
    const enum status status =
        tokenizer_encode(a->tokenizer, buf_str(&a->run), false, a->out, a->why);
    buf_clear(&a->run);
    return status;
}

/* The text before it, then `count` copies of a marker's id. */
static enum status add_marker(struct assembler *a, const char *marker, uint32_t count)
{
    enum status status = flush(a);
    const int32_t id = tokenizer_added_id(a->tokenizer, marker);
    if (!status && id < 0) {
        reason_set(a->why, "bad_tokenizer", "The tokenizer has no token %s.",
                   "分词器中没有词元 %s。", marker);
        status = STATUS_INVALID;
    }
    if (!status)
        status = token_list_reserve(a->out, count, a->why);
    for (uint32_t i = 0; i < count && !status; i++)
        a->out->ids[a->out->count++] = id;
    return status;
}

/* Frame groups, each with its time in front. */
static enum status add_video(struct assembler *a, const struct video_layout *video)
{
    enum status status = STATUS_OK;
    for (uint32_t g = 0; g < video->groups && !status; g++) {
        buf_printf(&a->run, "<%.1f seconds>", video->times[g]);
        status = add_marker(a, "<|vision_start|>", 1);
        if (!status)
            status = add_marker(a, "<|video_pad|>", video->tokens_per_group);
        if (!status)
            status = add_marker(a, "<|vision_end|>", 1);
    }
    return status;
}

static enum status add_piece(struct assembler *a, const struct piece *piece)
{
    if (piece->kind == PIECE_TEXT) {
        buf_add_str(&a->run, piece->text);
        return STATUS_OK;
    }
    char marker[32];
    if (piece->text.len >= sizeof marker)
        return STATUS_INTERNAL;
    memcpy(marker, piece->text.ptr, piece->text.len);
    marker[piece->text.len] = '\0';
    return add_marker(a, marker, 1);
}

enum status prompt_tokens(const struct prompt *prompt, const struct tokenizer *tokenizer,
                          const uint32_t *image_tokens, const struct video_layout *videos,
                          struct token_list *out, struct reason *why)
{
    struct assembler a = {.tokenizer = tokenizer, .out = out, .why = why};
    buf_init(&a.run, TEXT_MAX_BYTES);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < prompt->count && !status; i++) {
        const struct piece *piece = &prompt->pieces[i];
        const bool video_follows =
            i + 1 < prompt->count && prompt->pieces[i + 1].kind == PIECE_VIDEO;
        if (video_follows && videos && !videos->keep_outer) {
            status = add_video(&a, videos++); /* instead of marker, pad and marker */
            i += 2;
        } else if (piece->kind == PIECE_VIDEO && videos) {
            status = add_video(&a, videos++);
        } else if (piece->kind == PIECE_IMAGE && image_tokens) {
            status = add_marker(&a, "<|image_pad|>", *image_tokens++);
        } else {
            status = add_piece(&a, piece);
        }
    }
    if (!status)
        status = flush(&a);
    buf_release(&a.run);
    return status;
}
