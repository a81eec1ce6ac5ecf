#include "model/gguf_files.h"
#include "model/quantize_keys.h"
#include "os/file.h"

#include <stdio.h>
#include <stdlib.h>

enum { FILE_MAX_BYTES = 256 << 20, PATH_BYTES = 4096 };

/* llama.cpp's kinds of tokens. */
enum { TOKEN_NORMAL = 1, TOKEN_CONTROL = 3, TOKEN_USER_DEFINED = 4, TOKEN_UNUSED = 5 };

/* From a GGUF file everything that begins with "tokenizer." as it is. */
static enum status copy_values(struct gguf_writer *w, const char *path, struct reason *why)
{
    struct file_map map;
    struct arena arena;
    struct gguf gguf;
    enum status status = file_map_open(path, &map, why);
    if (status)
        return status;
    arena_init(&arena, (size_t)512 << 20);
    status = gguf_read(path, map.data, map.size, &arena, &gguf, why);
    for (size_t i = 0; !status && i < gguf.value_count; i++)
        if (str_starts(gguf.values[i].key, "tokenizer."))
            gguf_put_value(w, &gguf.values[i]);
    arena_release(&arena);
    file_map_close(&map);
    return status;
}

struct entry {
    struct str text; /* len 0: there is no such token */
    int32_t kind;
};

/* The file was read before as the model's tokenizer: its ids are those of the model. */
static void fill_entries(const struct json *root, struct entry *entries, uint32_t size)
{
    int64_t id;
    JSON_EACH(token, json_get(json_get(root, "model"), "vocab")) {
        if (json_int64(token, &id) && id >= 0 && id < size)
            entries[id] = (struct entry){token->key, TOKEN_NORMAL};
    }
    JSON_EACH(added, json_get(root, "added_tokens")) {
        const struct json *special = json_get(added, "special");
        const bool control = json_is(special, JSON_BOOL) && special->truth;
        if (json_int64(json_get(added, "id"), &id) && id >= 0 && id < size)
            entries[id] = (struct entry){json_get(added, "content")->text,
                                         control ? TOKEN_CONTROL : TOKEN_USER_DEFINED};
    }
}

static void put_entries(struct gguf_writer *w, const struct entry *entries, uint32_t size)
{
    gguf_put_array(w, "tokenizer.ggml.tokens", GGUF_STRING, size);
    for (uint32_t i = 0; i < size; i++) {
        char unused[24];
        snprintf(unused, sizeof unused, "[PAD%u]", i);
        gguf_add_string(w, entries[i].kind ? entries[i].text : str_from(unused));
    }
    gguf_put_array(w, "tokenizer.ggml.token_type", GGUF_I32, size);
    for (uint32_t i = 0; i < size; i++)
        gguf_add_i32(w, entries[i].kind ? entries[i].kind : TOKEN_UNUSED);
}

/* "left right", or ["left", "right"] */
static void add_merge(struct gguf_writer *w, const struct json *merge, struct buf *pair)
{
    if (merge->type == JSON_STRING) {
        gguf_add_string(w, merge->text);
        return;
    }
    buf_clear(pair);
    buf_add_str(pair, merge->first->text);
    buf_putc(pair, ' ');
    buf_add_str(pair, merge->first->next->text);
    gguf_add_string(w, buf_str(pair));
}

static void put_merges(struct gguf_writer *w, const struct json *merges)
{
    struct buf pair;
    buf_init(&pair, 1 << 16);
    gguf_put_array(w, "tokenizer.ggml.merges", GGUF_STRING, merges->count);
    JSON_EACH(merge, merges) {
        add_merge(w, merge, &pair);
    }
    buf_release(&pair);
}

static void put_ids(struct gguf_writer *w, const struct tokenizer *tokenizer)
{
    const int32_t end = tokenizer_added_id(tokenizer, "<|im_end|>");
    const int32_t text_end = tokenizer_added_id(tokenizer, "<|endoftext|>");
    gguf_put_u32(w, "tokenizer.ggml.eos_token_id", (uint32_t)end);
    if (text_end >= 0) {
        gguf_put_u32(w, "tokenizer.ggml.padding_token_id", (uint32_t)text_end);
        gguf_put_u32(w, "tokenizer.ggml.bos_token_id", (uint32_t)text_end);
    }
    gguf_put_bool(w, "tokenizer.ggml.add_bos_token", false);
}

static enum status put_tree(struct gguf_writer *w, const struct json *root,
                            const struct model *model, struct reason *why)
{
    const uint32_t size = model->config.text.vocab_size;
    struct entry *entries = calloc(size, sizeof *entries);
    if (!entries)
        return reason_no_memory(why, size * sizeof *entries);
    fill_entries(root, entries, size);
    gguf_put_string(w, "tokenizer.ggml.model", STR("gpt2"));
    gguf_put_string(w, "tokenizer.ggml.pre", STR("qwen2"));
    put_entries(w, entries, size);
    put_merges(w, json_get(json_get(root, "model"), "merges"));
    put_ids(w, model->tokenizer);
    free(entries);
    return STATUS_OK;
}

static enum status put_file(struct gguf_writer *w, const struct model *model, const char *path,
                            struct reason *why)
{
    struct buf text;
    struct arena arena;
    struct json *root;
    buf_init(&text, FILE_MAX_BYTES);
    arena_init(&arena, (size_t)2 << 30);
    enum status status = file_read(path, &text, why);
    if (!status)
        status = json_parse(text.data, text.len,
                            (struct json_limits){.max_depth = 32, .max_nodes = 16 << 20}, &arena,
                            &root, why);
    if (!status)
        status = put_tree(w, root, model, why);
    arena_release(&arena);
    buf_release(&text);
    return status;
}

static enum status put_template(struct gguf_writer *w, const char *dir, struct reason *why)
{
    struct buf text;
    buf_init(&text, CHAT_TEMPLATE_MAX_BYTES);
    const enum status status = chat_template_read(dir, &text, why);
    if (!status && text.len)
        gguf_put_string(w, "tokenizer.chat_template", buf_str(&text));
    buf_release(&text);
    return status;
}

enum status quantize_put_tokenizer(struct gguf_writer *w, const struct model *model,
                                   const char *path, struct reason *why)
{
    char file[PATH_BYTES];
    if (gguf_files_is(path))
        return copy_values(w, path, why);
    if (!path_join(file, sizeof file, path, "tokenizer.json")) {
        reason_set(why, "missing_file", "The path %s is too long.", "路径 %s 过长。", path);
        return STATUS_IO;
    }
    const enum status status = put_file(w, model, file, why);
    return status ? status : put_template(w, path, why);
}
