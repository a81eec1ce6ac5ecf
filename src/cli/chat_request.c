#include "cli/chat_request.h"

#include "json/json.h"
#include "json/writer.h"

#include <math.h>
#include <stdio.h>

enum { TURNS_MAX = 1 << 30, NAME_MAX_BYTES = 255 };

/* "NAME=JSON" → its two parts. */
static bool split(const char *param, struct str *name, struct str *value)
{
    const char *equals = strchr(param, '=');
    if (!equals || equals == param || equals - param > NAME_MAX_BYTES)
        return false;
    *name = (struct str){param, (size_t)(equals - param)};
    *value = str_from(equals + 1);
    return true;
}

static bool is_json(struct str text)
{
    struct arena arena;
    struct json *root;
    arena_init(&arena, 64 << 20);
    char *copy = arena_strdup(&arena, text);
    const bool good = copy && json_parse(copy, text.len, (struct json_limits){0}, &arena, &root,
                                         NULL) == STATUS_OK;
    arena_release(&arena);
    return good;
}

enum status chat_params_check(const struct option_list *params, struct reason *why)
{
    for (size_t i = 0; i < params->count; i++) {
        struct str name, value;
        if (!split(params->items[i], &name, &value)) {
            reason_set(why, "invalid_value", "--param %s is not of the form NAME=JSON.",
                       "--param %s 不是 NAME=JSON 的形式。", params->items[i]);
            return STATUS_INVALID;
        }
        if (!is_json(value)) {
            reason_set(why, "invalid_value", "The value of --param %s is not JSON.",
                       "--param %s 的值不是 JSON。", params->items[i]);
            reason_hint(why, "Text needs quotes: --param '%.*s=\"%.*s\"'",
                        "文本需要加引号：--param '%.*s=\"%.*s\"'", STR_ARG(name), STR_ARG(value));
            return STATUS_INVALID;
        }
    }
    return STATUS_OK;
}

void conversation_init(struct conversation *c)
{
    *c = (struct conversation){0};
    buf_init(&c->turns, TURNS_MAX);
}

void conversation_release(struct conversation *c)
{
    buf_release(&c->turns);
}

void conversation_clear(struct conversation *c)
{
    buf_clear(&c->turns);
    c->before_last = 0;
}

static void begin_turn(struct conversation *c)
{
    c->before_last = c->turns.len;
    if (c->turns.len > 0)
        buf_putc(&c->turns, ',');
}

static void write_picture(struct json_writer *w, struct str url)
{
    json_begin_object(w);
    json_key(w, "type");
    json_cstring(w, "image_url");
    json_key(w, "image_url");
    json_begin_object(w);
    json_key(w, "url");
    json_string(w, url);
    json_end_object(w);
    json_end_object(w);
}

static void write_parts(struct json_writer *w, struct str text, const struct buf *pictures,
                        size_t count)
{
    json_begin_array(w);
    for (size_t i = 0; i < count; i++)
        write_picture(w, buf_str(&pictures[i]));
    json_begin_object(w);
    json_key(w, "type");
    json_cstring(w, "text");
    json_key(w, "text");
    json_string(w, text);
    json_end_object(w);
    json_end_array(w);
}

void conversation_add_user(struct conversation *c, struct str text, const struct buf *pictures,
                           size_t picture_count)
{
    struct json_writer w;
    begin_turn(c);
    json_writer_init(&w, &c->turns);
    json_begin_object(&w);
    json_key(&w, "role");
    json_cstring(&w, "user");
    json_key(&w, "content");
    if (picture_count > 0)
        write_parts(&w, text, pictures, picture_count);
    else
        json_string(&w, text);
    json_end_object(&w);
}

void conversation_add_assistant(struct conversation *c, struct str text)
{
    struct json_writer w;
    begin_turn(c);
    json_writer_init(&w, &c->turns);
    json_begin_object(&w);
    json_key(&w, "role");
    json_cstring(&w, "assistant");
    json_key(&w, "content");
    json_string(&w, text);
    json_end_object(&w);
}

void conversation_drop_last(struct conversation *c)
{
    c->turns.failed = false;
    c->turns.len = c->before_last;
    if (c->turns.data)
        c->turns.data[c->turns.len] = '\0';
}

/* Writes the key unless a --param sets it. */
static bool own_key(struct json_writer *w, const struct option_list *params, const char *key)
{
    for (size_t i = 0; i < params->count; i++) {
        struct str name, value;
        if (split(params->items[i], &name, &value) && str_is(name, key))
            return false;
    }
    json_key(w, key);
    return true;
}

static void write_messages(struct buf *out, const struct chat_options *o,
                           const struct conversation *c)
{
    struct json_writer w;
    buf_putc(out, '[');
    if (o->system) {
        json_writer_init(&w, out);
        json_begin_object(&w);
        json_key(&w, "role");
        json_cstring(&w, "system");
        json_key(&w, "content");
        json_cstring(&w, o->system);
        json_end_object(&w);
        if (c->turns.len > 0)
            buf_putc(out, ',');
    }
    buf_add_str(out, buf_str(&c->turns));
    buf_putc(out, ']');
}

static void write_sampling(struct json_writer *w, const struct chat_options *o)
{
    if (o->max_tokens >= 0 && own_key(w, &o->params, "max_tokens"))
        json_int(w, o->max_tokens);
    if (!isnan(o->temperature) && own_key(w, &o->params, "temperature"))
        json_number(w, o->temperature);
    if (!isnan(o->top_p) && own_key(w, &o->params, "top_p"))
        json_number(w, o->top_p);
    if (o->seed != INT64_MIN && own_key(w, &o->params, "seed"))
        json_int(w, o->seed);
}

static void write_param(struct json_writer *w, const char *param)
{
    struct str name, value;
    char key[NAME_MAX_BYTES + 1];
    if (!split(param, &name, &value))
        return;
    snprintf(key, sizeof key, "%.*s", STR_ARG(name));
    json_key(w, key);
    json_raw(w, str_trim(value));
}

void chat_request_write(struct buf *out, const struct chat_options *o, const struct conversation *c)
{
    struct json_writer w;
    json_writer_init(&w, out);
    json_begin_object(&w);
    if (own_key(&w, &o->params, "model"))
        json_cstring(&w, o->model);
    if (own_key(&w, &o->params, "messages")) {
        struct buf messages;
        buf_init(&messages, TURNS_MAX);
        write_messages(&messages, o, c);
        out->failed = out->failed || messages.failed || c->turns.failed;
        json_raw(&w, buf_str(&messages));
        buf_release(&messages);
    }
    if (own_key(&w, &o->params, "stream"))
        json_bool(&w, o->stream);
    write_sampling(&w, o);
    for (size_t i = 0; i < o->params.count; i++)
        write_param(&w, o->params.items[i]);
    json_end_object(&w);
}
