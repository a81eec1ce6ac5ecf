#include "base/utf8.h"
#include "model/impostor.h"
#include "model/tokenizer_parts.h"
#include "os/file.h"
#include "json/json.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    FILE_MAX_BYTES = 256 << 20,
    ADDED_MAX = 4096,
    ID_MAX = 1 << 24,
    WHOLE_MAX_BYTES = 24,
};

static const char qwen2_pattern[] = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|"
                                    "\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
                                    "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

struct loader {
    const char *path;
    struct tokenizer *out;
    struct reason *why;
};

/* "path: what is wrong"; `subject` is the member of the file. */
static enum status bad(const struct loader *l, const char *subject, const char *en, const char *zh)
{
    reason_set(l->why, "bad_tokenizer", "In the tokenizer %s, %s %s%.0s.",
               "分词器 %s 中，%s %.0s%s。", l->path, subject, en, zh);
    reason_subject(l->why, "%s: %s", l->path, subject);
    return STATUS_INVALID;
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

/* Bytes of a token written in GPT-2 letters, in place. False if it holds another character. */
static bool letters_to_bytes(struct str *text)
{
    char *out = (char *)(uintptr_t)text->ptr;
    size_t n = 0;
    for (size_t i = 0; i < text->len;) {
        const struct utf8_step step = utf8_decode(text->ptr + i, text->len - i);
        const int byte = byte_of_letter(step.code);
        if (byte < 0)
            return false;
        out[n++] = (char)byte;
        i += step.len;
    }
    text->len = n;
    return true;
}

static bool read_id(const struct json *v, int32_t *out)
{
    int64_t id;
    if (!json_int64(v, &id) || id < 0 || id >= ID_MAX)
        return false;
    *out = (int32_t)id;
    return true;
}

static enum status not_an_object(const struct loader *l, const struct reason *syntax)
{
    reason_set(l->why, "bad_tokenizer", "The tokenizer %s is not a JSON object%s%s%.0s%.0s",
               "分词器 %s 不是 JSON 对象%.0s%.0s%s%s", l->path, syntax ? ": " : "",
               syntax ? syntax->message[LANG_EN] : ".", syntax ? "：" : "。",
               syntax ? syntax->message[LANG_ZH] : "");
    reason_subject(l->why, "%s", l->path);
    return STATUS_INVALID;
}

static enum status check_pipeline(const struct loader *l, const struct json *root)
{
    const struct json *normalizer = json_get(root, "normalizer");
    const struct json *type = json_get(normalizer, "type");
    if (!json_is(type, JSON_STRING) || !str_is(type->text, "NFC"))
        return bad(l, "normalizer", "is not NFC", "不是 NFC");
    bool known = false;
    JSON_EACH(part, json_get(json_get(root, "pre_tokenizer"), "pretokenizers")) {
        const struct json *regex = json_get(json_get(part, "pattern"), "Regex");
        known |= json_is(regex, JSON_STRING) && str_is(regex->text, qwen2_pattern);
    }
    if (!known)
        return bad(l, "pre_tokenizer", "is not the Qwen2 pattern", "不是 Qwen2 的切分规则");
    const struct json *model = json_get(root, "model");
    type = json_get(model, "type");
    if (!json_is(type, JSON_STRING) || !str_is(type->text, "BPE"))
        return bad(l, "model.type", "is not BPE", "不是 BPE");
    if (!json_is(json_get(model, "vocab"), JSON_OBJECT))
        return bad(l, "model.vocab", "is not an object", "不是对象");
    if (!json_is(json_get(model, "merges"), JSON_ARRAY))
        return bad(l, "model.merges", "is not a list", "不是列表");
    if (!json_is(json_get(root, "added_tokens"), JSON_ARRAY))
        return bad(l, "added_tokens", "is not a list", "不是列表");
    return STATUS_OK;
}

static enum status load_vocabulary(const struct loader *l, const struct json *vocab)
{
    int32_t size = 0, id = 0;
    JSON_EACH(entry, vocab) {
        if (!read_id(entry, &id))
            return bad(l, "model.vocab", "has an entry without a token id",
                       "中有条目缺少合理的编号");
        size = id >= size ? id + 1 : size;
    }
    struct vocabulary *v = &l->out->vocabulary;
    enum status status = vocabulary_init(v, size, (size_t)1 << 30, l->why);
    if (status)
        return status;
    l->out->size = size;
    JSON_EACH(entry, vocab) {
        struct str bytes = entry->key;
        (void)read_id(entry, &id);
        if (!letters_to_bytes(&bytes) || bytes.len == 0)
            return bad(l, "model.vocab", "has a token that is not written in byte letters",
                       "中有不是字节字母的词元");
        bytes.ptr = arena_strdup(&v->arena, bytes);
        if (!bytes.ptr)
            return reason_no_memory(l->why, bytes.len);
        if (!vocabulary_add(v, id, bytes))
            return bad(l, "model.vocab", "has one id or token twice", "中有重复的编号或词元");
    }
    return STATUS_OK;
}

/* "left right" or ["left", "right"] → two strings. */
static bool split_merge(const struct json *v, struct str *left, struct str *right)
{
    if (v->type == JSON_ARRAY) {
        if (v->count != 2 || v->first->type != JSON_STRING || v->first->next->type != JSON_STRING)
            return false;
        *left = v->first->text;
        *right = v->first->next->text;
        return true;
    }
    const char *space = v->type == JSON_STRING ? memchr(v->text.ptr, ' ', v->text.len) : NULL;
    if (!space)
        return false;
    const size_t at = (size_t)(space - v->text.ptr);
    *left = str_slice(v->text, 0, at);
    *right = str_slice(v->text, at + 1, v->text.len);
    return true;
}

static enum status read_merge(const struct loader *l, const struct json *v, struct bpe_merge *out,
                              size_t index)
{
    char subject[48];
    snprintf(subject, sizeof subject, "model.merges[%zu]", index);
    struct str left, right;
    if (!split_merge(v, &left, &right) || !letters_to_bytes(&left) || !letters_to_bytes(&right))
        return bad(l, subject, "is not a pair of tokens", "不是一对词元");
    char joined[1024];
    if (left.len + right.len > sizeof joined)
        return bad(l, subject, "makes a token of more than 1024 bytes", "合并后超过 1024 字节");
    memcpy(joined, left.ptr, left.len);
    memcpy(joined + left.len, right.ptr, right.len);
    const struct vocabulary *vocabulary = &l->out->vocabulary;
    *out =
        (struct bpe_merge){vocabulary_find(vocabulary, left), vocabulary_find(vocabulary, right),
                           vocabulary_find(vocabulary, (struct str){joined, left.len + right.len})};
    if (out->left < 0 || out->right < 0 || out->merged < 0)
        return bad(l, subject, "names a token that the vocabulary does not have",
                   "引用了词表中没有的词元");
    return STATUS_OK;
}

static enum status load_merges(const struct loader *l, const struct json *merges)
{
    int32_t byte_ids[256];
    for (int b = 0; b < 256; b++) {
        const char byte = (char)b;
        byte_ids[b] = vocabulary_find(&l->out->vocabulary, (struct str){&byte, 1});
        if (byte_ids[b] < 0)
            return bad(l, "model.vocab", "lacks a token for one of the 256 bytes",
                       "缺少某个单字节的词元");
    }
    struct bpe_merge *list = malloc(((size_t)merges->count + 1) * sizeof *list);
    if (!list)
        return reason_no_memory(l->why, merges->count * sizeof *list);
    size_t n = 0;
    enum status status = STATUS_OK;
    JSON_EACH(entry, merges) {
        status = read_merge(l, entry, &list[n], n);
        if (status)
            break;
        n++;
    }
    if (!status)
        status = bpe_create(list, n, byte_ids, &l->out->bpe, l->why);
    free(list);
    return status;
}

static enum status read_added(const struct loader *l, const struct json *v, struct added_token *out)
{
    const struct json *content = json_get(v, "content"), *special = json_get(v, "special");
    if (!read_id(json_get(v, "id"), &out->id) || !json_is(content, JSON_STRING) ||
        content->text.len == 0)
        return bad(l, "added_tokens", "has an entry without id or content",
                   "中有缺少 id 或 content 的条目");
    static const char *const refused[] = {"single_word", "lstrip", "rstrip", "normalized"};
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        const struct json *flag = json_get(v, refused[i]);
        if (json_is(flag, JSON_BOOL) && flag->truth)
            return bad(l, "added_tokens", "has an entry with a matching rule that is not supported",
                       "中有条目使用了不支持的匹配规则");
    }
    if (out->id < l->out->vocabulary.size && l->out->vocabulary.tokens[out->id].ptr)
        return bad(l, "added_tokens", "reuses the id of a base token", "占用了基础词元的编号");
    out->special = json_is(special, JSON_BOOL) && special->truth;
    out->text.len = content->text.len;
    out->text.ptr = arena_strdup(&l->out->vocabulary.arena, content->text);
    return out->text.ptr ? STATUS_OK : reason_no_memory(l->why, content->text.len);
}

static int longest_first(const void *a, const void *b)
{
    const struct added_token *x = a, *y = b;
    if (x->text.len != y->text.len)
        return x->text.len > y->text.len ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

static enum status load_added(const struct loader *l, const struct json *list)
{
    struct tokenizer *t = l->out;
    if (list->count > ADDED_MAX)
        return bad(l, "added_tokens", "has more than 4096 entries", "超过 4096 个条目");
    t->added = arena_array(&t->vocabulary.arena, (size_t)list->count + 1, sizeof *t->added);
    if (!t->added)
        return reason_no_memory(l->why, list->count * sizeof *t->added);
    JSON_EACH(entry, list) {
        struct added_token *added = &t->added[t->added_count];
        const enum status status = read_added(l, entry, added);
        if (status)
            return status;
        for (size_t i = 0; i < t->added_count; i++)
            if (t->added[i].id == added->id || str_eq(t->added[i].text, added->text))
                return bad(l, "added_tokens", "has one id or content twice",
                           "中有重复的编号或内容");
        t->added_count++;
        t->added_starts[(unsigned char)added->text.ptr[0]] = true;
        t->size = added->id >= t->size ? added->id + 1 : t->size;
    }
    if (t->added_count)
        qsort(t->added, t->added_count, sizeof *t->added, longest_first);
    return STATUS_OK;
}

/* Which short tokens a word of just their bytes encodes to: the fast path of encoding. */
static enum status mark_whole(const struct loader *l)
{
    struct vocabulary *v = &l->out->vocabulary;
    for (int32_t id = 0; id < v->size; id++) {
        int32_t ids[WHOLE_MAX_BYTES];
        size_t n;
        if (!v->tokens[id].ptr || v->tokens[id].len > WHOLE_MAX_BYTES)
            continue;
        const enum status status = bpe_encode(l->out->bpe, v->tokens[id], ids, &n, l->why);
        if (status)
            return status;
        v->whole[id] = n == 1 && ids[0] == id;
    }
    return STATUS_OK;
}

static enum status load_tree(const struct loader *l, const struct json *root)
{
    enum status status = check_pipeline(l, root);
    if (!status)
        status = load_vocabulary(l, json_get(json_get(root, "model"), "vocab"));
    if (!status)
        status = load_merges(l, json_get(json_get(root, "model"), "merges"));
    if (!status)
        status = load_added(l, json_get(root, "added_tokens"));
    if (!status)
        status = mark_whole(l);
    return status;
}

enum status tokenizer_load(const char *path, struct tokenizer **out, struct reason *why)
{
    struct tokenizer *t = calloc(1, sizeof *t);
    if (!t)
        return reason_no_memory(why, sizeof *t);
    unicode_fill(t->classes);
    struct buf text;
    struct arena arena;
    struct json *root;
    struct reason syntax;
    buf_init(&text, FILE_MAX_BYTES);
    arena_init(&arena, (size_t)2 << 30);
    const struct loader loader = {path, t, why};
    enum status status = file_read(path, &text, why);
    if (!status)
        status = impostor_check(path, buf_str(&text), why);
    if (!status) {
        status = json_parse(text.data, text.len,
                            (struct json_limits){.max_depth = 32, .max_nodes = 16 << 20}, &arena,
                            &root, &syntax);
        if (status == STATUS_NO_MEMORY)
            status = reason_no_memory(why, text.len);
        else if (status || root->type != JSON_OBJECT)
            status = not_an_object(&loader, status ? &syntax : NULL);
        else
            status = load_tree(&loader, root);
    }
    arena_release(&arena);
    buf_release(&text);
    if (status)
        tokenizer_destroy(t);
    else
        *out = t;
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
