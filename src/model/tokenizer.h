/* Byte-level BPE as Qwen2/Qwen3 use it (specification 2).
 *
 * Immutable once loaded; any number of threads may use it. */
#pragma once

#include "base/buf.h"
#include "base/status.h"
#include "base/str.h"

#include <stdint.h>

struct tokenizer;

/* A growable list of token ids. */
struct token_list {
    int32_t *ids;
    size_t count, cap;
};

void token_list_release(struct token_list *list);

/* Room for `more` further ids. */
MUST_CHECK enum status token_list_reserve(struct token_list *list, size_t more, struct reason *why);
MUST_CHECK enum status token_list_add(struct token_list *list, int32_t id, struct reason *why);

/* Reads tokenizer.json. Codes: missing_file unreadable bad_tokenizer not_a_checkpoint. */
MUST_CHECK enum status tokenizer_load(const char *path, struct tokenizer **out, struct reason *why);
void tokenizer_destroy(struct tokenizer *tokenizer); /* takes NULL */

/* Appends the ids of `text` to `out`. Code: invalid_value if it is not UTF-8. parse_special: added
 * tokens spelled in the text become their ids; otherwise the text is plain, whatever it spells. */
MUST_CHECK enum status tokenizer_encode(const struct tokenizer *tokenizer, struct str text,
                                        bool parse_special, struct token_list *out,
                                        struct reason *why);

/* The bytes of one token (added tokens: their text); len 0 for ids that decode to nothing. */
struct str tokenizer_bytes(const struct tokenizer *tokenizer, int32_t id);

/* Appends a token as the vocabulary spells it: GPT-2 letters for bytes ("Ġ" for a space), an added
 * token's own text; nothing for ids that decode to nothing. */
void tokenizer_spell(const struct tokenizer *tokenizer, int32_t id, struct buf *out);

/* The id of an added token by its text; -1 if there is none. */
int32_t tokenizer_added_id(const struct tokenizer *tokenizer, const char *text);
bool tokenizer_is_special(const struct tokenizer *tokenizer, int32_t id);
bool tokenizer_is_added(const struct tokenizer *tokenizer, int32_t id);

/* Number of ids (base vocabulary and added tokens). */
int32_t tokenizer_size(const struct tokenizer *tokenizer);

/* Streaming decode (2.9): a push emits every complete character and holds back an incomplete but
 * still valid tail of at most 3 bytes; U+FFFD for what can no longer become valid. */
struct decode_stream {
    char held[4];
    uint32_t held_len;
    bool skip_special;
};

void decode_stream_init(struct decode_stream *stream, bool skip_special);
void decode_stream_push(struct decode_stream *stream, const struct tokenizer *tokenizer, int32_t id,
                        struct buf *out);
void decode_stream_finish(struct decode_stream *stream, struct buf *out);
