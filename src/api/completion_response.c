#include "api/completion_response.h"

#include "base/utf8.h"

#include <math.h>

#define OBJECT "text_completion"

static uint64_t characters_of(struct str bytes)
{
    uint64_t count = 0;
    for (size_t i = 0; i < bytes.len; i++)
        count += ((unsigned char)bytes.ptr[i] & 0xC0) != 0x80;
    return count;
}

uint64_t completion_characters(const struct answer_logprobs *tokens)
{
    uint64_t count = 0;
    for (size_t i = 0; tokens->arg && i < tokens->count; i++) {
        struct str bytes = {0};
        double logprob;
        tokens->item(tokens->arg, i, 0, &bytes, &logprob);
        count += characters_of(bytes);
    }
    return count;
}

/* As OpenAI's legacy API writes tokens: what holds a part of a character as bytes:\xe4\xbd; so
 * is NUL, which names of members cannot hold. */
static void name_token(struct str bytes, struct buf *out)
{
    buf_clear(out);
    const bool has_nul = bytes.len > 0 && memchr(bytes.ptr, '\0', bytes.len);
    if (!has_nul && utf8_valid_prefix(bytes.ptr, bytes.len) == bytes.len) {
        buf_add_str(out, bytes);
        return;
    }
    buf_puts(out, "bytes:");
    for (size_t i = 0; i < bytes.len; i++)
        buf_printf(out, "\\x%02x", (unsigned char)bytes.ptr[i]);
}

static double bounded(double logprob)
{
    return logprob > LEAST_LOGPROB ? logprob : LEAST_LOGPROB;
}

/* The legacy form is four lists; `write` adds a token's element to one. */
struct list_writer {
    struct json_writer *w;
    const struct answer_logprobs *logprobs;
    uint64_t offset;
    struct buf name; /* of a token */
};

static struct str token_of(const struct list_writer *l, size_t token, double *logprob)
{
    struct str bytes = {0};
    *logprob = LEAST_LOGPROB;
    l->logprobs->item(l->logprobs->arg, token, 0, &bytes, logprob);
    return bytes;
}

static void write_offset(struct list_writer *l, size_t token)
{
    double logprob;
    json_uint(l->w, l->offset);
    l->offset += characters_of(token_of(l, token, &logprob));
}

static void write_logprob(struct list_writer *l, size_t token)
{
    double logprob;
    (void)token_of(l, token, &logprob);
    if (isnan(logprob))
        json_null(l->w);
    else
        json_number(l->w, bounded(logprob));
}

static struct str name_of(struct list_writer *l, struct str bytes)
{
    name_token(bytes, &l->name);
    l->w->out->failed = l->w->out->failed || l->name.failed;
    return buf_str(&l->name);
}

static void write_name(struct list_writer *l, size_t token)
{
    double logprob;
    json_string(l->w, name_of(l, token_of(l, token, &logprob)));
}

static void write_named(struct list_writer *l, struct str bytes, double logprob)
{
    const struct str name = name_of(l, bytes);
    json_key(l->w, name.len > 0 ? name.ptr : "");
    json_number(l->w, bounded(logprob));
}

/* The likeliest, and the token itself if it is none of them. */
static void write_top(struct list_writer *l, size_t token)
{
    double own_logprob, logprob;
    struct str bytes;
    const struct str own = token_of(l, token, &own_logprob);
    bool seen = false;
    if (isnan(own_logprob)) {
        json_null(l->w);
        return;
    }
    json_begin_object(l->w);
    for (uint32_t i = 1; l->logprobs->item(l->logprobs->arg, token, i, &bytes, &logprob); i++) {
        write_named(l, bytes, logprob);
        seen = seen || str_eq(bytes, own);
    }
    if (!seen)
        write_named(l, own, own_logprob);
    json_end_object(l->w);
}

static void write_logprobs(struct json_writer *w, const struct completion_text *text)
{
    static const struct {
        const char *key;
        void (*write)(struct list_writer *l, size_t token);
    } lists[] = {
        {"text_offset", write_offset},
        {"token_logprobs", write_logprob},
        {"tokens", write_name},
        {"top_logprobs", write_top},
    };
    json_key(w, "logprobs");
    if (!text->logprobs.arg) {
        json_null(w);
        return;
    }
    struct list_writer l = {.w = w, .logprobs = &text->logprobs, .offset = text->offset};
    buf_init(&l.name, 1 << 20);
    json_begin_object(w);
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        json_key(w, lists[i].key);
        json_begin_array(w);
        for (size_t token = 0; token < text->logprobs.count; token++)
            lists[i].write(&l, token);
        json_end_array(w);
    }
    json_end_object(w);
    buf_release(&l.name);
}

static void write_choice(struct json_writer *w, const struct completion_text *text)
{
    json_begin_object(w);
    member_uint(w, "index", text->index);
    member_text(w, "text", text->text);
    write_logprobs(w, text);
    answer_write_end(w, &text->end);
    member_ids(w, "prompt_token_ids", text->prompt_ids);
    member_ids(w, "token_ids", text->ids);
    json_end_object(w);
}

void completion_response_write(struct buf *out, const struct answer_head *head,
                               const struct completion_text *texts, size_t count,
                               const struct answer_usage *usage)
{
    struct json_writer w;
    json_writer_init(&w, out);
    answer_begin(&w, head, OBJECT);
    for (size_t i = 0; i < count; i++)
        write_choice(&w, &texts[i]);
    json_end_array(&w);
    answer_write_usage(&w, usage);
    json_end_object(&w);
}

void completion_chunk(struct buf *out, const struct answer_head *head,
                      const struct completion_text *text)
{
    struct json_writer w;
    answer_begin_chunk(&w, out, head, OBJECT);
    write_choice(&w, text);
    answer_end_choices(&w, head, NULL);
    answer_end_chunk(&w);
}

void completion_chunk_usage(struct buf *out, const struct answer_head *head,
                            const struct answer_usage *usage)
{
    answer_chunk_usage(out, head, OBJECT, usage);
}
