#include "model/tokenizer.h"

#include "base/utf8.h"
#include "model/nfc.h"
#include "model/pretokenize.h"
#include "model/tokenizer_parts.h"

enum { WHOLE_MAX_BYTES = 24 };

static inline enum status add(struct token_list *out, int32_t id, struct reason *why)
{
    if (out->count == out->cap)
        return token_list_add(out, id, why);
    out->ids[out->count++] = id;
    return STATUS_OK;
}

/* One word: the vocabulary's own token where that is what BPE gives, else BPE. */
static enum status encode_word(const struct tokenizer *t, struct str word, struct token_list *out,
                               struct reason *why)
{
    if (word.len <= WHOLE_MAX_BYTES) {
        const int32_t id = vocabulary_find(&t->vocabulary, word);
        if (id >= 0 && t->vocabulary.whole[id])
            return add(out, id, why);
    }
    enum status status = token_list_reserve(out, word.len, why);
    size_t n;
    if (!status)
        status = bpe_encode(t->bpe, word, out->ids + out->count, &n, why);
    if (!status)
        out->count += n;
    return status;
}

/* Text without added tokens. */
static enum status encode_plain(const struct tokenizer *t, struct str text, struct token_list *out,
                                struct reason *why)
{
    struct buf composed;
    buf_init(&composed, text.len * 3 + 16); /* NFC is at most three times as long in UTF-8 */
    enum status status = STATUS_OK;
    if (!nfc_is_stable(t->classes, text)) {
        status = nfc_append(t->classes, text, &composed, why);
        text = buf_str(&composed);
    }
    for (size_t at = 0; at < text.len && !status;) {
        const size_t n = pretokenize_next(t->classes, text.ptr + at, text.len - at);
        status = encode_word(t, str_slice(text, at, at + n), out, why);
        at += n;
    }
    buf_release(&composed);
    return status;
}

/* The added token spelled at the start of `text`, the longest first. */
static const struct added_token *added_at(const struct tokenizer *t, struct str text)
{
    if (!t->added_starts[(unsigned char)text.ptr[0]])
        return NULL;
    for (size_t i = 0; i < t->added_count; i++)
        if (t->added[i].text.len <= text.len &&
            memcmp(t->added[i].text.ptr, text.ptr, t->added[i].text.len) == 0)
            return &t->added[i];
    return NULL;
}

enum status tokenizer_encode(const struct tokenizer *t, struct str text, bool parse_special,
                             struct token_list *out, struct reason *why)
{
    const size_t valid = utf8_valid_prefix(text.ptr, text.len);
    if (valid < text.len) {
        reason_set(why, "invalid_value", "The text is not valid UTF-8 at byte %zu.",
                   "文本在第 %zu 字节处不是合法的 UTF-8。", valid);
        return STATUS_INVALID;
    }
    if (!parse_special)
        return encode_plain(t, text, out, why);
    size_t begin = 0;
    enum status status = STATUS_OK;
    for (size_t at = 0; at < text.len && !status;) {
        const struct added_token *added = added_at(t, str_slice(text, at, text.len));
        if (!added) {
            at++;
            continue;
        }
        status = encode_plain(t, str_slice(text, begin, at), out, why);
        if (!status)
            status = token_list_add(out, added->id, why);
        at += added->text.len;
        begin = at;
    }
    return status ? status : encode_plain(t, str_slice(text, begin, text.len), out, why);
}

static const struct added_token *added_by_id(const struct tokenizer *t, int32_t id)
{
    for (size_t i = 0; i < t->added_count; i++)
        if (t->added[i].id == id)
            return &t->added[i];
    return NULL;
}

struct str tokenizer_bytes(const struct tokenizer *t, int32_t id)
{
    if (id >= 0 && id < t->vocabulary.size && t->vocabulary.tokens[id].ptr)
        return t->vocabulary.tokens[id];
    const struct added_token *added = added_by_id(t, id);
    return added ? added->text : (struct str){NULL, 0};
}

/* The GPT-2 letter of a byte: itself where it can be seen, else one from U+0100 on (specification
 * 2.3). */
static uint32_t letter_of_byte(unsigned char byte)
{
    if (byte <= 0x20)
        return 0x100u + byte;
    if (byte >= 0x7F && byte <= 0xA0)
        return 0x121u + (byte - 0x7Fu);
    return byte == 0xAD ? 0x143u : byte;
}

void tokenizer_spell(const struct tokenizer *t, int32_t id, struct buf *out)
{
    const struct added_token *added = added_by_id(t, id);
    if (added) {
        buf_add_str(out, added->text);
        return;
    }
    const struct str bytes = tokenizer_bytes(t, id);
    for (size_t i = 0; i < bytes.len; i++) {
        char letter[4];
        buf_add(out, letter, utf8_encode(letter_of_byte((unsigned char)bytes.ptr[i]), letter));
    }
}

int32_t tokenizer_added_id(const struct tokenizer *t, const char *text)
{
    for (size_t i = 0; i < t->added_count; i++)
        if (str_is(t->added[i].text, text))
            return t->added[i].id;
    return -1;
}

bool tokenizer_is_special(const struct tokenizer *t, int32_t id)
{
    const struct added_token *added = added_by_id(t, id);
    return added && added->special;
}

bool tokenizer_is_added(const struct tokenizer *t, int32_t id)
{
    return added_by_id(t, id) != NULL;
}

int32_t tokenizer_size(const struct tokenizer *t)
{
    return t->size;
}
