#include "api/tokenize_request.h"

#include "json/writer.h"

static const struct field_row common_rows[] = {
    {"model", FIELD_TEXT, FIELD_AT(tokenize_request, model)},
    {"return_token_strs", FIELD_BOOL, FIELD_AT(tokenize_request, return_token_strs)},
    {"add_special_tokens", FIELD_BOOL, .offset = FIELD_NOWHERE}, /* this tokenizer adds none */
    {0},
};

static const struct field_row prompt_rows[] = {
    {"prompt", FIELD_STRING, true, FIELD_AT(tokenize_request, prompt)},
    {"parse_special", FIELD_BOOL, FIELD_AT(tokenize_request, parse_special)},
    {0},
};

const struct field_row *const *tokenize_tables(const struct json *root)
{
    static const struct field_row *const prompt[] = {prompt_rows, common_rows, NULL};
    static const struct field_row *const chat[] = {chat_prompt_rows, common_rows, NULL};
    return json_get(root, "messages") ? chat : prompt;
}

static enum status refuse_both(const struct field *messages, struct reason *why)
{
    reason_set(why, "invalid_value", "%s and prompt exclude each other.",
               "%s 和 prompt 不能同时使用。", field_path(messages).text);
    return field_blame(messages, why);
}

enum status tokenize_request_parse(const struct json *root, struct arena *arena,
                                   struct tokenize_request *out, struct reason *why)
{
    const struct field body = field_body(root);
    const struct field messages = field_member(&body, "messages");
    const struct field prompt = field_member(&body, "prompt");
    *out = (struct tokenize_request){.is_chat = messages.json, .parse_special = true};
    if (messages.json && prompt.json)
        return refuse_both(&messages, why);
    const enum status status = messages.json
                                   ? chat_prompt_parse(root, arena, &out->chat, why)
                                   : field_table_parse(&body, prompt_rows, arena, out, why);
    if (status && !messages.json && !prompt.json)
        reason_hint(why, "Write \"prompt\": \"Hello\", or give messages as a chat does.",
                    "请写成 \"prompt\": \"你好\"，或像对话那样给出 messages。");
    return status ? status : field_table_parse(&body, common_rows, arena, out, why);
}

static enum status parse_tokens(const struct field *tokens, struct arena *arena, void *to,
                                struct reason *why)
{
    struct detokenize_request *out = to;
    return id_list_parse(tokens, UINT32_MAX, arena, &out->tokens, why);
}

static const struct field_row detokenize_rows[] = {
    {"tokens", FIELD_PARSED, true, .types = 1 << JSON_ARRAY, .en = "an array", .zh = "数组",
     .parse = parse_tokens},
    {"model", FIELD_TEXT, FIELD_AT(detokenize_request, model)},
    {0},
};

const struct field_row *const detokenize_tables[] = {detokenize_rows, NULL};

enum status detokenize_request_parse(const struct json *root, struct arena *arena,
                                     struct detokenize_request *out, struct reason *why)
{
    const struct field body = field_body(root);
    *out = (struct detokenize_request){0};
    return field_table_parse(&body, detokenize_rows, arena, out, why);
}

static void write_strings(struct json_writer *w, struct id_list tokens,
                          struct token_strings strings)
{
    json_key(w, "token_strs");
    if (!strings.arg) {
        json_null(w);
        return;
    }
    struct buf text;
    buf_init(&text, 1 << 20);
    json_begin_array(w);
    for (uint32_t i = 0; i < tokens.count; i++) {
        buf_clear(&text);
        strings.write(strings.arg, tokens.ids[i], &text);
        w->out->failed = w->out->failed || text.failed;
        json_string(w, buf_str(&text));
    }
    json_end_array(w);
    buf_release(&text);
}

void tokenize_response_write(struct buf *out, struct id_list tokens, uint32_t max_model_len,
                             struct token_strings strings)
{
    struct json_writer w;
    json_writer_init(&w, out);
    json_begin_object(&w);
    json_key(&w, "count");
    json_uint(&w, tokens.count);
    json_key(&w, "max_model_len");
    json_uint(&w, max_model_len);
    json_key(&w, "tokens");
    json_begin_array(&w);
    for (uint32_t i = 0; i < tokens.count; i++)
        json_int(&w, tokens.ids[i]);
    json_end_array(&w);
    write_strings(&w, tokens, strings);
    json_end_object(&w);
}

void detokenize_response_write(struct buf *out, struct str text)
{
    struct json_writer w;
    json_writer_init(&w, out);
    json_begin_object(&w);
    json_key(&w, "prompt");
    json_string(&w, text);
    json_end_object(&w);
}
