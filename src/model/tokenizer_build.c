#include "model/tokenizer_build.h"

#include "base/utf8.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    WHOLE_MAX_BYTES = 24,
    TOKEN_MAX_BYTES = 1024,
    LETTER_MAX_BYTES = 2,
    ARENA_MAX_BYTES = 1 << 30,
};

enum status tokenizer_bad(const struct tokenizer_builder *b, const char *subject, const char *en,
                          const char *zh)
{
    reason_set(b->why, "bad_tokenizer", "In the tokenizer %s, %s %s%.0s.",
               "分词器 %s 中，%s %.0s%s。", b->path, subject, en, zh);
    reason_subject(b->why, "%s: %s", b->path, subject);
    return STATUS_INVALID;
}

enum status tokenizer_begin(struct tokenizer_builder *b, const char *path, struct reason *why)
{
    *b = (struct tokenizer_builder){.path = path, .why = why};
    b->out = calloc(1, sizeof *b->out);
    if (!b->out)
        return reason_no_memory(why, sizeof *b->out);
    unicode_fill(b->out->classes);
    return STATUS_OK;
}

/* The byte of a GPT-2 letter; -1 if it is none (specification 2.3). */
static int byte_of_letter(uint32_t c)
{
    if ((c >= 0x21 && c <= 0x7E) || (c >= 0xA1 && c <= 0xAC) || (c >= 0xAE && c <= 0xFF))
        return (int)c;
    if (c < 0x100 || c > 0x143)
        return -1;
    const int n = (int)c - 0x100; /* the n-th byte that has no letter of its own */
    return n <= 0x20 ? n : n <= 0x41 ? n - 0x21 + 0x7F : n == 0x42 ? 0xA0 : 0xAD;
}

/* The bytes of a token written in GPT-2 letters, which are at most as many. False if it holds
 * another character. */
static bool letters_to_bytes(struct str letters, char *out, size_t *count)
{
    *count = 0;
    for (size_t i = 0; i < letters.len;) {
        const struct utf8_step step = utf8_decode(letters.ptr + i, letters.len - i);
        const int byte = byte_of_letter(step.code);
        if (byte < 0)
            return false;
        out[(*count)++] = (char)byte;
        i += step.len;
    }
    return true;
}

enum status tokenizer_set_size(struct tokenizer_builder *b, int32_t size)
{
    b->out->size = size;
    return vocabulary_init(&b->out->vocabulary, size, ARENA_MAX_BYTES, b->why);
}

enum status tokenizer_add_base(struct tokenizer_builder *b, int32_t id, struct str letters,
                               const char *subject)
{
    struct vocabulary *v = &b->out->vocabulary;
    char *bytes = arena_alloc(&v->arena, letters.len + 1);
    size_t count;
    if (!bytes)
        return reason_no_memory(b->why, letters.len);
    if (!letters_to_bytes(letters, bytes, &count) || count == 0)
        return tokenizer_bad(b, subject, "has a token that is not written in byte letters",
                             "中有不是字节字母的词元");
    if (!vocabulary_add(v, id, (struct str){bytes, count}))
        return tokenizer_bad(b, subject, "has one id or token twice", "中有重复的编号或词元");
    return STATUS_OK;
}

enum status tokenizer_set_merges(struct tokenizer_builder *b, size_t count, const char *subject)
{
    for (int i = 0; i < 256; i++) {
        const char byte = (char)i;
        if (vocabulary_find(&b->out->vocabulary, (struct str){&byte, 1}) < 0)
            return tokenizer_bad(b, subject, "lacks a token for one of the 256 bytes",
                                 "缺少某个单字节的词元");
    }
    b->merges = malloc((count + 1) * sizeof *b->merges);
    return b->merges ? STATUS_OK : reason_no_memory(b->why, count * sizeof *b->merges);
}

static enum status bad_merge(const struct tokenizer_builder *b, const char *subject, const char *en,
                             const char *zh)
{
    char entry[80];
    snprintf(entry, sizeof entry, "%s[%zu]", subject, b->merge_count);
    return tokenizer_bad(b, entry, en, zh);
}

enum status tokenizer_add_merge(struct tokenizer_builder *b, struct str left, struct str right,
                                const char *subject)
{
    char bytes[LETTER_MAX_BYTES * TOKEN_MAX_BYTES];
    size_t l = 0, r = 0;
    const bool fits = left.len + right.len <= sizeof bytes;
    if (!left.len || !right.len ||
        (fits && (!letters_to_bytes(left, bytes, &l) || !letters_to_bytes(right, bytes + l, &r))))
        return bad_merge(b, subject, "is not a pair of tokens", "不是一对词元");
    if (!fits || l + r > TOKEN_MAX_BYTES)
        return bad_merge(b, subject, "makes a token of more than 1024 bytes",
                         "合并后超过 1024 字节");
    const struct vocabulary *v = &b->out->vocabulary;
    const struct bpe_merge merge = {vocabulary_find(v, (struct str){bytes, l}),
                                    vocabulary_find(v, (struct str){bytes + l, r}),
                                    vocabulary_find(v, (struct str){bytes, l + r})};
    if (merge.left < 0 || merge.right < 0 || merge.merged < 0)
        return bad_merge(b, subject, "names a token that the vocabulary does not have",
                         "引用了词表中没有的词元");
    b->merges[b->merge_count++] = merge;
    return STATUS_OK;
}

static enum status make_bpe(struct tokenizer_builder *b)
{
    int32_t byte_ids[256];
    for (int i = 0; i < 256; i++) {
        const char byte = (char)i;
        byte_ids[i] = vocabulary_find(&b->out->vocabulary, (struct str){&byte, 1});
    }
    return bpe_create(b->merges, b->merge_count, byte_ids, &b->out->bpe, b->why);
}

enum status tokenizer_set_added(struct tokenizer_builder *b, size_t count, const char *subject)
{
    if (count > TOKENIZER_ADDED_MAX)
        return tokenizer_bad(b, subject, "has more than 4096 entries", "超过 4096 个条目");
    struct tokenizer *t = b->out;
    t->added = arena_array(&t->vocabulary.arena, count + 1, sizeof *t->added);
    return t->added ? STATUS_OK : reason_no_memory(b->why, count * sizeof *t->added);
}

enum status tokenizer_add_added(struct tokenizer_builder *b, int32_t id, struct str text,
                                bool special, const char *subject)
{
    struct tokenizer *t = b->out;
    if (id < t->vocabulary.size && t->vocabulary.tokens[id].ptr)
        return tokenizer_bad(b, subject, "reuses the id of a base token", "占用了基础词元的编号");
    for (size_t i = 0; i < t->added_count; i++)
        if (t->added[i].id == id || str_eq(t->added[i].text, text))
            return tokenizer_bad(b, subject, "has one id or content twice", "中有重复的编号或内容");
    const char *copy = arena_strdup(&t->vocabulary.arena, text);
    if (!copy)
        return reason_no_memory(b->why, text.len);
    t->added[t->added_count++] = (struct added_token){{copy, text.len}, id, special};
    t->added_starts[(unsigned char)copy[0]] = true;
    t->size = id >= t->size ? id + 1 : t->size;
    return STATUS_OK;
}

static int longest_first(const void *a, const void *b)
{
    const struct added_token *x = a, *y = b;
    if (x->text.len != y->text.len)
        return x->text.len > y->text.len ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* Which short tokens a word of just their bytes encodes to: the fast path of encoding. */
static enum status mark_whole(const struct tokenizer_builder *b)
{
    struct vocabulary *v = &b->out->vocabulary;
    for (int32_t id = 0; id < v->size; id++) {
        int32_t ids[WHOLE_MAX_BYTES];
        size_t n;
        if (!v->tokens[id].ptr || v->tokens[id].len > WHOLE_MAX_BYTES)
            continue;
        const enum status status = bpe_encode(b->out->bpe, v->tokens[id], ids, &n, b->why);
        if (status)
            return status;
        v->whole[id] = n == 1 && ids[0] == id;
    }
    return STATUS_OK;
}

enum status tokenizer_end(struct tokenizer_builder *b, enum status status, struct tokenizer **out)
{
    if (!status)
        status = make_bpe(b);
    if (!status && b->out->added_count)
        qsort(b->out->added, b->out->added_count, sizeof *b->out->added, longest_first);
    if (!status)
        status = mark_whole(b);
    free(b->merges);
    if (status)
        tokenizer_destroy(b->out);
    else
        *out = b->out;
    return status;
}

void tokenizer_destroy(struct tokenizer *tokenizer)
{
    if (!tokenizer)
        return;
    bpe_destroy(tokenizer->bpe);
    vocabulary_release(&tokenizer->vocabulary);
    free(tokenizer);
}
