#include "engine/bad_words.h"

#include <math.h>

/* Appends the tokens of prefix and word; *added is how many. */
static enum status add_tokens(const struct tokenizer *tokenizer, const char *prefix,
                              struct str word, struct bad_words *out, size_t *added,
                              struct reason *why)
{
    struct buf text;
    buf_init(&text, word.len + 1);
    buf_puts(&text, prefix);
    buf_add_str(&text, word);
    const size_t before = out->ids.count;
    const enum status status =
        text.failed ? reason_no_memory(why, word.len + 1)
                    : tokenizer_encode(tokenizer, buf_str(&text), false, &out->ids, why);
    buf_release(&text);
    *added = out->ids.count - before;
    return status;
}

static enum status add_word(const struct tokenizer *tokenizer, struct str word,
                            struct bad_words *out, struct reason *why)
{
    const size_t first = out->ids.count;
    size_t plain, spaced;
    enum status status = add_tokens(tokenizer, "", word, out, &plain, why);
    if (status || plain == 0)
        return status;
    status = token_list_add(&out->lengths, (int32_t)plain, why);
    if (!status)
        status = add_tokens(tokenizer, " ", word, out, &spaced, why);
    if (status)
        return status;
    if (out->ids.ids[first] != out->ids.ids[first + plain])
        return token_list_add(&out->lengths, (int32_t)spaced, why);
    out->ids.count = first + plain;
    return STATUS_OK;
}

static struct str without_spaces_before(struct str word)
{
    size_t spaces = 0;
    while (spaces < word.len && word.ptr[spaces] == ' ')
        spaces++;
    return str_slice(word, spaces, word.len);
}

enum status bad_words_make(const struct tokenizer *tokenizer, const struct str *words, size_t count,
                           struct bad_words *out, struct reason *why)
{
    *out = (struct bad_words){0};
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && !status; i++)
        status = add_word(tokenizer, without_spaces_before(words[i]), out, why);
    return status;
}

void bad_words_release(struct bad_words *words)
{
    token_list_release(&words->ids);
    token_list_release(&words->lengths);
    *words = (struct bad_words){0};
}

void bad_words_forbid(const struct bad_words *words, const int32_t *output, size_t count,
                      float *logits, uint32_t vocab_size)
{
    const int32_t *word = words->ids.ids;
    for (size_t i = 0; i < words->lengths.count; i++) {
        const size_t length = (size_t)words->lengths.ids[i], before = length - 1;
        const int32_t last = word[before];
        if (before <= count && (uint32_t)last < vocab_size &&
            (before == 0 || memcmp(word, output + count - before, before * sizeof *word) == 0))
            logits[last] = -INFINITY;
        word += length;
    }
}
