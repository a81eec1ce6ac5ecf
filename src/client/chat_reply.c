#include "client/chat_reply.h"

#include "json/json.h"

#include <stdio.h>

enum { EVENT_ARENA_MAX = 256 << 20 };

void chat_reply_init(struct chat_reply *reply)
{
    *reply = (struct chat_reply){.prompt_tokens = -1, .completion_tokens = -1};
    buf_init(&reply->text, CHAT_REPLY_MAX);
    buf_init(&reply->reasoning, CHAT_REPLY_MAX);
    buf_init(&reply->error, CHAT_REPLY_MAX);
}

void chat_reply_release(struct chat_reply *reply)
{
    buf_release(&reply->text);
    buf_release(&reply->reasoning);
    buf_release(&reply->error);
    for (size_t i = 0; i < reply->call_count; i++) {
        buf_release(&reply->calls[i].name);
        buf_release(&reply->calls[i].arguments);
    }
    reply->call_count = 0;
}

void chat_reply_clear(struct chat_reply *reply)
{
    chat_reply_release(reply);
    chat_reply_init(reply);
}

static void add_string(struct buf *out, const struct json *v)
{
    if (json_is(v, JSON_STRING))
        buf_add_str(out, v->text);
}

/* A string, or a list of parts with "text". */
static void add_content(struct buf *out, const struct json *content)
{
    add_string(out, content);
    if (json_is(content, JSON_ARRAY))
        JSON_EACH(part, content)
            add_string(out, json_get(part, "text"));
}

static void take_usage(struct chat_reply *reply, const struct json *usage)
{
    json_int64(json_get(usage, "prompt_tokens"), &reply->prompt_tokens);
    json_int64(json_get(usage, "completion_tokens"), &reply->completion_tokens);
}

static const struct json *first_choice(const struct json *root)
{
    JSON_EACH(choice, json_get(root, "choices")) {
        int64_t index = 0;
        json_int64(json_get(choice, "index"), &index);
        if (index == 0)
            return choice;
    }
    return NULL;
}

/* Some servers name it so, some so, some send both. */
static void add_reasoning(struct buf *out, const struct json *message)
{
    const struct json *reasoning = json_get(message, "reasoning_content");
    add_string(out, json_is(reasoning, JSON_STRING) ? reasoning : json_get(message, "reasoning"));
}

/* The call that a piece belongs to: by its index; without one it is a new call if it has a name.
 * NULL: there are too many. */
static struct reply_call *find_call(struct chat_reply *reply, const struct json *piece)
{
    const struct json *name = json_get(json_get(piece, "function"), "name");
    const size_t count = reply->call_count;
    int64_t index = (int64_t)count - (count > 0 && !name);
    json_int64(json_get(piece, "index"), &index);
    if (index >= 0 && (uint64_t)index < count)
        return &reply->calls[index];
    if (count == CHAT_REPLY_CALLS_MAX)
        return NULL;
    struct reply_call *call = &reply->calls[reply->call_count++];
    buf_init(&call->name, CHAT_REPLY_MAX);
    buf_init(&call->arguments, CHAT_REPLY_MAX);
    return call;
}

static void add_calls(struct chat_reply *reply, const struct json *calls)
{
    if (!json_is(calls, JSON_ARRAY))
        return;
    JSON_EACH(piece, calls) {
        struct reply_call *call = find_call(reply, piece);
        if (!call)
            return;
        add_string(&call->name, json_get(json_get(piece, "function"), "name"));
        add_string(&call->arguments, json_get(json_get(piece, "function"), "arguments"));
    }
}

/* `key`: "delta" or "message". */
static void take_choice(struct chat_reply *reply, const struct json *choice, const char *key)
{
    const struct json *message = json_get(choice, key);
    const struct json *finish = json_get(choice, "finish_reason");
    add_content(&reply->text, json_get(message, "content"));
    add_string(&reply->text, json_get(message, "refusal"));
    add_reasoning(&reply->reasoning, message);
    add_calls(reply, json_get(message, "tool_calls"));
    if (json_is(finish, JSON_STRING))
        snprintf(reply->finish_reason, sizeof reply->finish_reason, "%.*s", STR_ARG(finish->text));
    reply->has_choice = reply->has_choice || message;
}

static bool parse(struct arena *arena, struct str text, struct json **root)
{
    char *copy = text.len > 0 ? arena_strdup(arena, text) : NULL;
    return copy &&
           json_parse(copy, text.len, (struct json_limits){0}, arena, root, NULL) == STATUS_OK &&
           json_is(*root, JSON_OBJECT);
}

enum reply_event chat_reply_event(struct chat_reply *reply, struct str data)
{
    if (str_is(str_trim(data), "[DONE]")) {
        reply->done = true;
        return REPLY_DONE;
    }
    struct arena arena;
    struct json *root;
    enum reply_event event = REPLY_NONSENSE;
    arena_init(&arena, EVENT_ARENA_MAX);
    if (parse(&arena, data, &root)) {
        const struct json *error = json_get(root, "error");
        event = REPLY_PART;
        if (error && error->type != JSON_NULL) {
            buf_clear(&reply->error);
            buf_add_str(&reply->error, data);
            event = REPLY_ERROR;
        } else if (json_is(json_get(root, "choices"), JSON_ARRAY)) {
            take_choice(reply, first_choice(root), "delta");
            take_usage(reply, json_get(root, "usage"));
        } else {
            event = REPLY_NONSENSE;
        }
    }
    arena_release(&arena);
    return event;
}

bool chat_reply_document(struct chat_reply *reply, struct str body)
{
    struct arena arena;
    struct json *root;
    arena_init(&arena, EVENT_ARENA_MAX);
    const bool good = parse(&arena, body, &root) && json_get(first_choice(root), "message");
    if (good) {
        take_choice(reply, first_choice(root), "message");
        take_usage(reply, json_get(root, "usage"));
        reply->done = true;
    }
    arena_release(&arena);
    return good;
}

bool chat_reply_complete(const struct chat_reply *reply)
{
    return reply->has_choice && (reply->done || reply->finish_reason[0]);
}
