/* From token ids to text as it may be shown: whole characters, and nothing that could still turn
 * out to be the beginning of a stop string.
 *
 * Text is given out as soon as no stop string can start in it; at a match the text before it is
 * given out (and the match, if it is to be included), the rest is dropped, and `stopped` is set. */
#pragma once

#include "model/tokenizer.h"

enum { STOP_STRINGS_MAX = 16 };

struct stop_string {
    struct str text;
    int32_t index; /* in the caller's list */
};

struct text_stream {
    struct decode_stream decode;
    struct buf text; /* decoded; its first `given` bytes were given out */
    size_t given;
    size_t settled;           /* bytes in which no stop string may end: text of the first tokens */
    struct stop_string *stop; /* [stop_count], and behind them their texts; NULL: none */
    size_t stop_count;
    bool include_stop; /* a match is given out too; for the caller to set after init */
    bool stopped;
    int32_t stopped_by; /* stopped: the index of the stop string in the caller's list */
};

/* Copies the stop strings (empty ones are ignored). */
MUST_CHECK enum status text_stream_init(struct text_stream *stream, const struct str *stop,
                                        size_t stop_count, bool skip_special, struct reason *why);
/* Takes the memory that later pushes will mostly do with. */
MUST_CHECK enum status text_stream_start(struct text_stream *stream, struct reason *why);
void text_stream_release(struct text_stream *stream); /* takes a zeroed one too */

/* The text that token `id` makes ready; valid until the next call. may_stop: a stop string that
 * ends in this token's text ends the answer, also if it began before. */
struct str text_stream_push(struct text_stream *stream, const struct tokenizer *tokenizer,
                            int32_t id, bool may_stop);

/* What was held back, up to a stop string if one is in it (`stopped` is set then); nothing after a
 * stop. */
struct str text_stream_finish(struct text_stream *stream);
