#include "api/chat_response.h"

#include "json/writer.h"

#define OBJECT "chat.completion"
#define CHUNK  "chat.completion.chunk"

/* Bytes that are no whole characters are replaced in the text, and stand in "bytes" as they are. */
static void write_token(struct json_writer *w, struct str bytes, double logprob)
{
    member_text(w, "token", bytes);
    json_key(w, "logprob");
    json_number(w, logprob > LEAST_LOGPROB ? logprob : LEAST_LOGPROB);
    json_key(w, "bytes");
    json_begin_array(w);
    for (size_t i = 0; i < bytes.len; i++)
        json_uint(w, (unsigned char)bytes.ptr[i]);
    json_end_array(w);
}

static void write_token_and_others(struct json_writer *w, const struct answer_logprobs *logprobs,
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

static void write_logprobs(struct json_writer *w, const struct answer_logprobs *logprobs)
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
    member_word(w, "refusal", NULL);
    json_end_object(w);
}

/* A call, or a piece of one. whole: all of it is there. */
static void write_call(struct json_writer *w, const struct answer_call *call, bool whole)
{
    json_begin_object(w);
    if (!whole)
        member_uint(w, "index", call->index);
    if (call->begins) {
        member_word(w, "id", call->id);
        member_word(w, "type", "function");
    }
    json_key(w, "function");
    json_begin_object(w);
    if (call->begins)
        member_text(w, "name", buf_str(&call->name));
    member_text(w, "arguments", buf_str(&call->arguments));
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
    member_word(w, "role", "assistant");
    write_text_or_null(w, "content", buf_str(&parts->content),
                       parts->call_count > 0 || parts->reasoning.len > 0);
    member_word(w, "refusal", NULL);
    if (answer->reasons)
        write_text_or_null(w, "reasoning_content", buf_str(&parts->reasoning), true);
    write_calls(w, parts, true);
    json_end_object(w);
}

static void write_choice(struct json_writer *w, uint32_t index, const struct chat_answer *answer)
{
    json_begin_object(w);
    member_uint(w, "index", index);
    write_message(w, answer);
    write_logprobs(w, &answer->logprobs);
    answer_write_end(w, &answer->end);
    member_ids(w, "token_ids", answer->ids);
    json_end_object(w);
}

void chat_response_write(struct buf *out, const struct answer_head *head,
                         const struct chat_answer *answers, size_t count,
                         struct answer_ids prompt_ids, const struct answer_usage *usage)
{
    struct json_writer w;
    json_writer_init(&w, out);
    answer_begin(&w, head, OBJECT);
    for (size_t i = 0; i < count; i++)
        write_choice(&w, (uint32_t)i, &answers[i]);
    json_end_array(&w);
    answer_write_usage(&w, usage);
    member_ids(&w, "prompt_token_ids", prompt_ids);
    json_end_object(&w);
}

static void begin_delta(struct json_writer *w, uint32_t index)
{
    json_begin_object(w);
    member_uint(w, "index", index);
    json_key(w, "delta");
    json_begin_object(w);
}

/* Closes the delta and its choice. */
static void end_delta(struct json_writer *w, const struct answer_end *end, struct answer_ids ids,
                      struct answer_logprobs logprobs)
{
    json_end_object(w);
    write_logprobs(w, &logprobs);
    answer_write_end(w, end);
    member_ids(w, "token_ids", ids);
    json_end_object(w);
}

static const struct answer_end goes_on = {.stop_id = -1};

void chat_chunk_role(struct buf *out, const struct answer_head *head, uint32_t index,
                     struct answer_ids prompt_ids)
{
    struct json_writer w;
    answer_begin_chunk(&w, out, head, CHUNK);
    begin_delta(&w, index);
    member_word(&w, "role", "assistant");
    member_word(&w, "content", "");
    member_word(&w, "refusal", NULL);
    end_delta(&w, &goes_on, (struct answer_ids){0}, (struct answer_logprobs){0});
    answer_end_choices(&w, head, NULL);
    member_ids(&w, "prompt_token_ids", prompt_ids);
    answer_end_chunk(&w);
}

void chat_chunk_delta(struct buf *out, const struct answer_head *head, uint32_t index,
                      const struct answer_delta *delta, struct answer_ids ids,
                      struct answer_logprobs logprobs)
{
    struct json_writer w;
    answer_begin_chunk(&w, out, head, CHUNK);
    begin_delta(&w, index);
    if (delta->reasoning.len > 0)
        member_text(&w, "reasoning_content", buf_str(&delta->reasoning));
    if (delta->content.len > 0 || answer_delta_is_empty(delta))
        member_text(&w, "content", buf_str(&delta->content));
    write_calls(&w, delta, false);
    end_delta(&w, &goes_on, ids, logprobs);
    answer_end_choices(&w, head, NULL);
    answer_end_chunk(&w);
}

void chat_chunk_finish(struct buf *out, const struct answer_head *head, uint32_t index,
                       const struct answer_end *end)
{
    struct json_writer w;
    answer_begin_chunk(&w, out, head, CHUNK);
    begin_delta(&w, index);
    end_delta(&w, end, (struct answer_ids){0}, (struct answer_logprobs){0});
    answer_end_choices(&w, head, NULL);
    answer_end_chunk(&w);
}

void chat_chunk_usage(struct buf *out, const struct answer_head *head,
                      const struct answer_usage *usage)
{
    answer_chunk_usage(out, head, CHUNK, usage);
}

static void write_card(struct json_writer *w, const struct model_card *card)
{
    json_begin_object(w);
    member_word(w, "id", card->id);
    member_word(w, "object", "model");
    member_int(w, "created", card->created);
    member_word(w, "owned_by", card->owned_by);
    member_word(w, "root", card->root ? card->root : card->id);
    member_uint(w, "max_model_len", card->max_model_len);
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
    member_word(&w, "object", "list");
    json_key(&w, "data");
    json_begin_array(&w);
    for (size_t i = 0; i < count; i++)
        write_card(&w, &cards[i]);
    json_end_array(&w);
    json_end_object(&w);
}
