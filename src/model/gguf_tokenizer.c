#include "model/gguf_tokenizer.h"

#include "model/tokenizer_build.h"

#define TOKENS "tokenizer.ggml.tokens"
#define TYPES  "tokenizer.ggml.token_type"
#define MERGES "tokenizer.ggml.merges"

/* llama.cpp's kinds of tokens. */
enum { TOKEN_NORMAL = 1, TOKEN_CONTROL = 3, TOKEN_USER_DEFINED = 4, TOKEN_UNUSED = 5 };

/* Added tokens that are not special, whatever kind llama.cpp gives them (specification 2.2). */
static const char *const visible[] = {
    "<tool_call>",     "</tool_call>",     "<|fim_prefix|>", "<|fim_middle|>",
    "<|fim_suffix|>",  "<|fim_pad|>",      "<|repo_name|>",  "<|file_sep|>",
    "<tool_response>", "</tool_response>", "<think>",        "</think>",
};

static bool is_special(struct str text, int64_t kind)
{
    for (size_t i = 0; i < ARRAY_LEN(visible); i++)
        if (str_is(text, visible[i]))
            return false;
    return kind == TOKEN_CONTROL;
}

static bool is_added(int64_t kind)
{
    return kind == TOKEN_CONTROL || kind == TOKEN_USER_DEFINED;
}

/* A value that must be one certain word. */
static enum status expect_word(const struct tokenizer_builder *b, const struct gguf *gguf,
                               const char *key, const char *word, const char *en, const char *zh)
{
    struct str text;
    if (gguf_string(gguf_find(gguf, key), &text) && str_is(text, word))
        return STATUS_OK;
    return tokenizer_bad(b, key, en, zh);
}

struct arrays {
    const struct gguf_value *tokens, *types, *merges;
    int32_t base_size; /* the highest id of a normal token, plus one */
    size_t added;
};

static enum status find_arrays(const struct tokenizer_builder *b, const struct gguf *gguf,
                               struct arrays *out)
{
    *out = (struct arrays){gguf_find(gguf, TOKENS), gguf_find(gguf, TYPES), gguf_find(gguf, MERGES),
                           0, 0};
    if (!gguf_is_strings(out->tokens) || out->tokens->count >= TOKENIZER_ID_MAX)
        return tokenizer_bad(b, TOKENS, "is not a list of tokens", "不是词元列表");
    if (!gguf_is_strings(out->merges))
        return tokenizer_bad(b, MERGES, "is not a list of pairs", "不是词元对的列表");
    if (!out->types || !out->types->is_array || out->types->count != out->tokens->count)
        return tokenizer_bad(b, TYPES, "is not a list of one kind for each token",
                             "不是与词元一一对应的类型列表");
    for (uint64_t i = 0; i < out->types->count; i++) {
        int64_t kind;
        if (!gguf_integer_at(out->types, i, &kind) ||
            (kind != TOKEN_NORMAL && kind != TOKEN_UNUSED && !is_added(kind)))
            return tokenizer_bad(b, TYPES, "has a kind other than 1, 3, 4 and 5",
                                 "中有 1、3、4、5 以外的类型");
        if (kind == TOKEN_NORMAL)
            out->base_size = (int32_t)i + 1;
        out->added += is_added(kind);
    }
    return STATUS_OK;
}

static enum status load_tokens(struct tokenizer_builder *b, const struct arrays *arrays)
{
    const uint8_t *at = arrays->tokens->bytes;
    enum status status = tokenizer_set_size(b, arrays->base_size);
    for (int32_t id = 0; id < arrays->base_size && !status; id++) {
        const struct str text = gguf_next_string(&at);
        int64_t kind;
        if (gguf_integer_at(arrays->types, (uint64_t)id, &kind) && kind == TOKEN_NORMAL)
            status = tokenizer_add_base(b, id, text, TOKENS);
    }
    return status;
}

/* "left right" */
static enum status load_merges(struct tokenizer_builder *b, const struct gguf_value *merges)
{
    const uint8_t *at = merges->bytes;
    enum status status = tokenizer_set_merges(b, (size_t)merges->count, TOKENS);
    for (uint64_t i = 0; i < merges->count && !status; i++) {
        const struct str pair = gguf_next_string(&at);
        const char *space = pair.len ? memchr(pair.ptr, ' ', pair.len) : NULL;
        const size_t cut = space ? (size_t)(space - pair.ptr) : pair.len;
        status = tokenizer_add_merge(b, str_slice(pair, 0, cut), str_slice(pair, cut + 1, pair.len),
                                     MERGES);
    }
    return status;
}

static enum status load_added(struct tokenizer_builder *b, const struct arrays *arrays)
{
    const uint8_t *at = arrays->tokens->bytes;
    enum status status = tokenizer_set_added(b, arrays->added, TOKENS);
    for (uint64_t i = 0; i < arrays->tokens->count && !status; i++) {
        const struct str text = gguf_next_string(&at);
        int64_t kind;
        if (!gguf_integer_at(arrays->types, i, &kind) || !is_added(kind))
            continue;
        if (text.len == 0)
            return tokenizer_bad(b, TOKENS, "has an added token without text",
                                 "中有内容为空的附加词元");
        status = tokenizer_add_added(b, (int32_t)i, text, is_special(text, kind), TOKENS);
    }
    return status;
}

static enum status load(struct tokenizer_builder *b, const struct gguf *gguf)
{
    struct arrays arrays;
    enum status status = expect_word(b, gguf, "tokenizer.ggml.model", "gpt2",
                                     "is not gpt2 (byte-level BPE)", "不是 gpt2（字节级 BPE）");
    if (!status)
        status = expect_word(b, gguf, "tokenizer.ggml.pre", "qwen2",
                             "is not qwen2, the way this model splits words",
                             "不是 qwen2，即本模型的切分规则");
    if (!status)
        status = find_arrays(b, gguf, &arrays);
    if (!status)
        status = load_tokens(b, &arrays);
    if (!status)
        status = load_merges(b, arrays.merges);
    if (!status)
        status = load_added(b, &arrays);
    return status;
}

enum status gguf_tokenizer_load(const struct gguf *gguf, struct tokenizer **out, struct reason *why)
{
    struct tokenizer_builder builder;
    const enum status status = tokenizer_begin(&builder, gguf->name, why);
    return status ? status : tokenizer_end(&builder, load(&builder, gguf), out);
}
