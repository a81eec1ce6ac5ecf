#include "api/response_parts.h"

void member_word(struct json_writer *w, const char *key, const char *value)
{
    json_key(w, key);
    json_cstring(w, value);
}

void member_int(struct json_writer *w, const char *key, int64_t value)
{
    json_key(w, key);
    json_int(w, value);
}

void member_uint(struct json_writer *w, const char *key, uint64_t value)
{
    json_key(w, key);
    json_uint(w, value);
}

void member_text(struct json_writer *w, const char *key, struct str text)
{
    json_key(w, key);
    json_string(w, text);
}

void member_ids(struct json_writer *w, const char *key, struct answer_ids ids)
{
    if (!ids.ids)
        return;
    json_key(w, key);
    json_begin_array(w);
    for (size_t i = 0; i < ids.count; i++)
        json_int(w, ids.ids[i]);
    json_end_array(w);
}

void answer_begin(struct json_writer *w, const struct answer_head *head, const char *object)
{
    json_begin_object(w);
    member_word(w, "id", head->id);
    member_word(w, "object", object);
    member_int(w, "created", head->created);
    member_text(w, "model", head->model);
    member_word(w, "system_fingerprint", head->fingerprint);
    json_key(w, "choices");
    json_begin_array(w);
}

void answer_write_usage(struct json_writer *w, const struct answer_usage *usage)
{
    json_key(w, "usage");
    json_begin_object(w);
    member_uint(w, "prompt_tokens", usage->prompt_tokens);
    member_uint(w, "completion_tokens", usage->completion_tokens);
    member_uint(w, "total_tokens", usage->prompt_tokens + usage->completion_tokens);
    json_key(w, "prompt_tokens_details");
    json_begin_object(w);
    member_uint(w, "cached_tokens", usage->cached_tokens);
    member_uint(w, "image_tokens", usage->image_tokens);
    json_end_object(w);
    json_key(w, "completion_tokens_details");
    json_begin_object(w);
    member_uint(w, "reasoning_tokens", usage->reasoning_tokens);
    json_end_object(w);
    json_end_object(w);
}

void answer_write_end(struct json_writer *w, const struct answer_end *end)
{
    member_word(w, "finish_reason", end->finish_reason);
    if (!end->finish_reason)
        return;
    if (end->stop.len > 0)
        member_text(w, "stop_reason", end->stop);
    else if (end->stop_id >= 0)
        member_int(w, "stop_reason", end->stop_id);
    else
        member_word(w, "stop_reason", NULL);
}

void answer_begin_chunk(struct json_writer *w, struct buf *out, const struct answer_head *head,
                        const char *object)
{
    buf_puts(out, "data: ");
    json_writer_init(w, out);
    answer_begin(w, head, object);
}

void answer_end_choices(struct json_writer *w, const struct answer_head *head,
                        const struct answer_usage *usage)
{
    json_end_array(w);
    if (usage) {
        answer_write_usage(w, usage);
    } else if (head->usage_chunk) {
        json_key(w, "usage");
        json_null(w);
    }
}

void answer_end_chunk(struct json_writer *w)
{
    json_end_object(w);
    buf_puts(w->out, "\n\n");
}

void answer_chunk_usage(struct buf *out, const struct answer_head *head, const char *object,
                        const struct answer_usage *usage)
{
    struct json_writer w;
    answer_begin_chunk(&w, out, head, object);
    answer_end_choices(&w, head, usage);
    answer_end_chunk(&w);
}
