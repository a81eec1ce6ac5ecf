#include "api/chat_response.h"

#include "json/writer.h"

/* What stands for a token that is as good as impossible, as in OpenAI's answers. */
#define LEAST_LOGPROB (-9999.0)

static void write_key(struct json_writer *w, const char *key, const char *value)
{
    json_key(w, key);
    json_cstring(w, value);
}

static void write_int(struct json_writer *w, const char *key, int64_t value)
{
    json_key(w, key);
    json_int(w, value);
}

static void write_uint(struct json_writer *w, const char *key, uint64_t value)
{
    json_key(w, key);
    json_uint(w, value);
}

static void write_text(struct json_writer *w, const char *key, struct str text)
{
    json_key(w, key);
    json_string(w, text);
}

static void write_ids(struct json_writer *w, const char *key, struct chat_token_ids ids)
{
    if (!ids.ids)
        return;
    json_key(w, key);
    json_begin_array(w);
    for (size_t i = 0; i < ids.count; i++)
        json_int(w, ids.ids[i]);
    json_end_array(w);
}

static void begin_answer(struct json_writer *w, const struct chat_head *head, const char *object)
{
    json_begin_object(w);
    write_key(w, "id", head->id);
    write_key(w, "object", object);
    write_int(w, "created", head->created);
    write_text(w, "model", head->model);
    json_key(w, "choices");
    json_begin_array(w);
}

static void write_usage(struct json_writer *w, const struct chat_usage *usage)
{
    json_key(w, "usage");
    json_begin_object(w);
    write_uint(w, "prompt_tokens", usage->prompt_tokens);
    write_uint(w, "completion_tokens", usage->completion_tokens);
    write_uint(w, "total_tokens", usage->prompt_tokens + usage->completion_tokens);
    json_key(w, "prompt_tokens_details");
    json_begin_object(w);
    write_uint(w, "cached_tokens", usage->cached_tokens);
    write_uint(w, "image_tokens", usage->image_tokens);
    json_end_object(w);
    json_key(w, "completion_tokens_details");
    json_begin_object(w);
    write_uint(w, "reasoning_tokens", usage->reasoning_tokens);
    json_end_object(w);
    json_end_object(w);
}

/* Bytes that are no whole characters are replaced in the text, and stand in "bytes" as they are. */
static void write_token(struct json_writer *w, struct str bytes, double logprob)
{
    write_text(w, "token", bytes);
    json_key(w, "logprob");
    json_number(w, logprob > LEAST_LOGPROB ? logprob : LEAST_LOGPROB);
    json_key(w, "bytes");
    json_begin_array(w);
    for (size_t i = 0; i < bytes.len; i++)
        json_uint(w, (unsigned char)bytes.ptr[i]);
    json_end_array(w);
}

static void write_token_and_others(struct json_writer *w, const struct chat_logprobs *logprobs,
                                   size_t token)
{
    struct str bytes = {0};
    double logprob = LEAST_LOGPROB;
    logprobs->item(logprobs->arg, token, 0, &bytes, &logprob);
    json_begin_object(w);
    write_token(w, bytes, logprob);
    json_key(w, "top_logprobs");
    json_begin_array(w);
    for (uint32_t i = 1; logprobs->item(logprobs->arg, token, i, &bytes, &logprob); i++) {
        json_begin_object(w);
        write_token(w, bytes, logprob);
        json_end_object(w);
    }
    json_end_array(w);
    json_end_object(w);
}

static void write_logprobs(struct json_writer *w, const struct chat_logprobs *logprobs)
{
    json_key(w, "logprobs");
    if (!logprobs->arg) {
        json_null(w);
        return;
    }
    json_begin_object(w);
    json_key(w, "content");
    json_begin_array(w);
    for (size_t i = 0; i < logprobs->count; i++)
        write_token_and_others(w, logprobs, i);
    json_end_array(w);
    write_key(w, "refusal", NULL);
    json_end_object(w);
}

/* A call, or a piece of one. whole: all of it is there. */
static void write_call(struct json_writer *w, const struct answer_call *call, bool whole)
{
    json_begin_object(w);
    if (!whole)
        write_uint(w, "index", call->index);
    if (call->begins) {
        write_key(w, "id", call->id);
        write_key(w, "type", "function");
    }
    json_key(w, "function");
    json_begin_object(w);
    if (call->begins)
        write_text(w, "name", buf_str(&call->name));
    write_text(w, "arguments", buf_str(&call->arguments));
    json_end_object(w);
    json_end_object(w);
}

static void write_calls(struct json_writer *w, const struct answer_delta *delta, bool whole)
{
    if (delta->call_count == 0)
        return;
    json_key(w, "tool_calls");
    json_begin_array(w);
    for (size_t i = 0; i < delta->call_count; i++)
        write_call(w, &delta->calls[i], whole);
    json_end_array(w);
}

static void write_text_or_null(struct json_writer *w, const char *key, struct str text, bool null)
{
    json_key(w, key);
    if (text.len == 0 && null)
        json_null(w);
    else
        json_string(w, text);
}

/* Without content there may be calls or reasoning instead. */
static void write_message(struct json_writer *w, const struct chat_answer *answer)
{
    const struct answer_delta *parts = answer->parts;
    json_key(w, "message");
    json_begin_object(w);
    write_key(w, "role", "assistant");
    write_text_or_null(w, "content", buf_str(&parts->content),
                       parts->call_count > 0 || parts->reasoning.len > 0);
    write_key(w, "refusal", NULL);
    if (answer->reasons)
        write_text_or_null(w, "reasoning_content", buf_str(&parts->reasoning), true);
    write_calls(w, parts, true);
    json_end_object(w);
}

static void write_choice(struct json_writer *w, uint32_t index, const struct chat_answer *answer)
{
    json_begin_object(w);
    write_uint(w, "index", index);
    write_message(w, answer);
    write_logprobs(w, &answer->logprobs);
    write_key(w, "finish_reason", answer->finish_reason);
    write_ids(w, "token_ids", answer->ids);
    json_end_object(w);
}

void chat_response_write(struct buf *out, const struct chat_head *head,
                         const struct chat_answer *answers, size_t count,
                         struct chat_token_ids prompt_ids, const struct chat_usage *usage)
{
    struct json_writer w;
    json_writer_init(&w, out);
    begin_answer(&w, head, "chat.completion");
    for (size_t i = 0; i < count; i++)
        write_choice(&w, (uint32_t)i, &answers[i]);
    json_end_array(&w);
    write_usage(&w, usage);
    write_ids(&w, "prompt_token_ids", prompt_ids);
    json_end_object(&w);
}

static void begin_chunk(struct json_writer *w, struct buf *out, const struct chat_head *head)
{
    buf_puts(out, "data: ");
    json_writer_init(w, out);
    begin_answer(w, head, "chat.completion.chunk");
}

static void begin_delta(struct json_writer *w, uint32_t index)
{
    json_begin_object(w);
    write_uint(w, "index", index);
    json_key(w, "delta");
    json_begin_object(w);
}

/* Closes the delta and its choice. */
static void end_delta(struct json_writer *w, const char *finish_reason, struct chat_token_ids ids,
                      struct chat_logprobs logprobs)
{
    json_end_object(w);
    write_logprobs(w, &logprobs);
    write_key(w, "finish_reason", finish_reason);
    write_ids(w, "token_ids", ids);
    json_end_object(w);
}

/* Closes the list of choices and the chunk. */
static void end_chunk(struct json_writer *w, const struct chat_head *head,
                      const struct chat_usage *usage)
{
    json_end_array(w);
    if (usage) {
        write_usage(w, usage);
    } else if (head->usage_chunk) {
        json_key(w, "usage");
        json_null(w);
    }
}

static void finish_event(struct json_writer *w)
{
    json_end_object(w);
    buf_puts(w->out, "\n\n");
}

void chat_chunk_role(struct buf *out, const struct chat_head *head, uint32_t index,
                     struct chat_token_ids prompt_ids)
{
    struct json_writer w;
    begin_chunk(&w, out, head);
    begin_delta(&w, index);
    write_key(&w, "role", "assistant");
    write_key(&w, "content", "");
    write_key(&w, "refusal", NULL);
    end_delta(&w, NULL, (struct chat_token_ids){0}, (struct chat_logprobs){0});
    end_chunk(&w, head, NULL);
    write_ids(&w, "prompt_token_ids", prompt_ids);
    finish_event(&w);
}

void chat_chunk_delta(struct buf *out, const struct chat_head *head, uint32_t index,
                      const struct answer_delta *delta, struct chat_token_ids ids,
                      struct chat_logprobs logprobs)
{
    struct json_writer w;
    begin_chunk(&w, out, head);
    begin_delta(&w, index);
    if (delta->reasoning.len > 0)
        write_text(&w, "reasoning_content", buf_str(&delta->reasoning));
    if (delta->content.len > 0 || answer_delta_is_empty(delta))
        write_text(&w, "content", buf_str(&delta->content));
    write_calls(&w, delta, false);
    end_delta(&w, NULL, ids, logprobs);
    end_chunk(&w, head, NULL);
    finish_event(&w);
}

void chat_chunk_finish(struct buf *out, const struct chat_head *head, uint32_t index,
                       const char *finish_reason)
{
    struct json_writer w;
    begin_chunk(&w, out, head);
    begin_delta(&w, index);
    end_delta(&w, finish_reason, (struct chat_token_ids){0}, (struct chat_logprobs){0});
    end_chunk(&w, head, NULL);
    finish_event(&w);
}

void chat_chunk_usage(struct buf *out, const struct chat_head *head, const struct chat_usage *usage)
{
    struct json_writer w;
    begin_chunk(&w, out, head);
    end_chunk(&w, head, usage);
    finish_event(&w);
}

void chat_chunk_done(struct buf *out)
{
    buf_puts(out, "data: [DONE]\n\n");
}

static void write_card(struct json_writer *w, const struct model_card *card)
{
    json_begin_object(w);
    write_key(w, "id", card->id);
    write_key(w, "object", "model");
    write_int(w, "created", card->created);
    write_key(w, "owned_by", card->owned_by);
    write_key(w, "root", card->root ? card->root : card->id);
    write_uint(w, "max_model_len", card->max_model_len);
    json_end_object(w);
}

void model_card_write(struct buf *out, const struct model_card *card)
{
    struct json_writer w;
    json_writer_init(&w, out);
    write_card(&w, card);
}

void model_list_write(struct buf *out, const struct model_card *cards, size_t count)
{
    struct json_writer w;
    json_writer_init(&w, out);
    json_begin_object(&w);
    write_key(&w, "object", "list");
    json_key(&w, "data");
    json_begin_array(&w);
    for (size_t i = 0; i < count; i++)
        write_card(&w, &cards[i]);
    json_end_array(&w);
    json_end_object(&w);
}
