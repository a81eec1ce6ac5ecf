#include "model/impostor.h"
#include "model/tokenizer_build.h"
#include "os/file.h"
#include "json/json.h"

enum { FILE_MAX_BYTES = 256 << 20 };

static const char qwen2_pattern[] = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|"
                                    "\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
                                    "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

static bool read_id(const struct json *v, int32_t *out)
{
    int64_t id;
    if (!json_int64(v, &id) || id < 0 || id >= TOKENIZER_ID_MAX)
        return false;
    *out = (int32_t)id;
    return true;
}

static enum status not_an_object(struct tokenizer_builder *b, const struct reason *syntax)
{
    reason_set(b->why, "bad_tokenizer", "The tokenizer %s is not a JSON object%s%s%.0s%.0s",
               "分词器 %s 不是 JSON 对象%.0s%.0s%s%s", b->path, syntax ? ": " : "",
               syntax ? syntax->message[LANG_EN] : ".", syntax ? "：" : "。",
               syntax ? syntax->message[LANG_ZH] : "");
    reason_subject(b->why, "%s", b->path);
    return STATUS_INVALID;
}

static enum status check_pipeline(struct tokenizer_builder *b, const struct json *root)
{
    const struct json *normalizer = json_get(root, "normalizer");
    const struct json *type = json_get(normalizer, "type");
    if (!json_is(type, JSON_STRING) || !str_is(type->text, "NFC"))
        return tokenizer_bad(b, "normalizer", "is not NFC", "不是 NFC");
    bool known = false;
    JSON_EACH(part, json_get(json_get(root, "pre_tokenizer"), "pretokenizers")) {
        const struct json *regex = json_get(json_get(part, "pattern"), "Regex");
        known |= json_is(regex, JSON_STRING) && str_is(regex->text, qwen2_pattern);
    }
    if (!known)
        return tokenizer_bad(b, "pre_tokenizer", "is not the Qwen2 pattern",
                             "不是 Qwen2 的切分规则");
    const struct json *model = json_get(root, "model");
    type = json_get(model, "type");
    if (!json_is(type, JSON_STRING) || !str_is(type->text, "BPE"))
        return tokenizer_bad(b, "model.type", "is not BPE", "不是 BPE");
    if (!json_is(json_get(model, "vocab"), JSON_OBJECT))
        return tokenizer_bad(b, "model.vocab", "is not an object", "不是对象");
    if (!json_is(json_get(model, "merges"), JSON_ARRAY))
        return tokenizer_bad(b, "model.merges", "is not a list", "不是列表");
    if (!json_is(json_get(root, "added_tokens"), JSON_ARRAY))
        return tokenizer_bad(b, "added_tokens", "is not a list", "不是列表");
    return STATUS_OK;
}

static enum status load_vocabulary(struct tokenizer_builder *b, const struct json *vocab)
{
    int32_t size = 0, id = 0;
    JSON_EACH(entry, vocab) {
        if (!read_id(entry, &id))
            return tokenizer_bad(b, "model.vocab", "has an entry without a token id",
                                 "中有条目缺少合理的编号");
        size = id >= size ? id + 1 : size;
    }
    enum status status = tokenizer_set_size(b, size);
    JSON_EACH(entry, vocab) {
        (void)read_id(entry, &id);
        if (!status)
            status = tokenizer_add_base(b, id, entry->key, "model.vocab");
    }
    return status;
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

static enum status load_merges(struct tokenizer_builder *b, const struct json *merges)
{
    enum status status = tokenizer_set_merges(b, merges->count, "model.vocab");
    JSON_EACH(entry, merges) {
        struct str left = {0}, right = {0}; /* what is no pair has no tokens */
        if (status)
            return status;
        (void)split_merge(entry, &left, &right);
        status = tokenizer_add_merge(b, left, right, "model.merges");
    }
    return status;
}

static enum status read_added(struct tokenizer_builder *b, const struct json *v)
{
    const struct json *content = json_get(v, "content"), *special = json_get(v, "special");
    int32_t id;
    if (!read_id(json_get(v, "id"), &id) || !json_is(content, JSON_STRING) ||
        content->text.len == 0)
        return tokenizer_bad(b, "added_tokens", "has an entry without id or content",
                             "中有缺少 id 或 content 的条目");
    static const char *const refused[] = {"single_word", "lstrip", "rstrip", "normalized"};
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        const struct json *flag = json_get(v, refused[i]);
        if (json_is(flag, JSON_BOOL) && flag->truth)
            return tokenizer_bad(b, "added_tokens",
                                 "has an entry with a matching rule that is not supported",
                                 "中有条目使用了不支持的匹配规则");
    }
    return tokenizer_add_added(b, id, content->text, json_is(special, JSON_BOOL) && special->truth,
                               "added_tokens");
}

static enum status load_added(struct tokenizer_builder *b, const struct json *list)
{
    enum status status = tokenizer_set_added(b, list->count, "added_tokens");
    JSON_EACH(entry, list) {
        if (status)
            return status;
        status = read_added(b, entry);
    }
    return status;
}

static enum status load_tree(struct tokenizer_builder *b, const struct json *root)
{
    enum status status = check_pipeline(b, root);
    if (!status)
        status = load_vocabulary(b, json_get(json_get(root, "model"), "vocab"));
    if (!status)
        status = load_merges(b, json_get(json_get(root, "model"), "merges"));
    if (!status)
        status = load_added(b, json_get(root, "added_tokens"));
    return status;
}

static enum status load_file(struct tokenizer_builder *b, struct buf *text, struct arena *arena)
{
    struct json *root;
    struct reason syntax;
    enum status status = file_read(b->path, text, b->why);
    if (!status)
        status = impostor_check(b->path, buf_str(text), b->why);
    if (status)
        return status;
    status = json_parse(text->data, text->len,
                        (struct json_limits){.max_depth = 32, .max_nodes = 16 << 20}, arena, &root,
                        &syntax);
    if (status == STATUS_NO_MEMORY)
        return reason_no_memory(b->why, text->len);
    if (status || root->type != JSON_OBJECT)
        return not_an_object(b, status ? &syntax : NULL);
    return load_tree(b, root);
}

enum status tokenizer_load(const char *path, struct tokenizer **out, struct reason *why)
{
    struct tokenizer_builder builder;
    struct buf text;
    struct arena arena;
    enum status status = tokenizer_begin(&builder, path, why);
    if (status)
        return status;
    buf_init(&text, FILE_MAX_BYTES);
    arena_init(&arena, (size_t)2 << 30);
    status = load_file(&builder, &text, &arena);
    arena_release(&arena);
    buf_release(&text);
    return tokenizer_end(&builder, status, out);
}
