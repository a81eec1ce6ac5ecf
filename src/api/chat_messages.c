#include "api/chat_messages.h"

#include "api/chat_tools.h"

static const struct role_row {
    const char *name;
    enum chat_role role;
} roles[] = {
    {"system", CHAT_SYSTEM},       {"developer", CHAT_SYSTEM}, {"user", CHAT_USER},
    {"assistant", CHAT_ASSISTANT}, {"tool", CHAT_TOOL},
};

/* As the template knows them. */
static const char *const template_roles[] = {
    [CHAT_SYSTEM] = "system",
    [CHAT_USER] = "user",
    [CHAT_ASSISTANT] = "assistant",
    [CHAT_TOOL] = "tool",
};

/* A message as the template reads it, in one allocation. */
struct message_nodes {
    struct json message, role, content, reasoning, tool_calls, tool_call_id;
};

/* What the tables of messages fill. */
struct message {
    struct chat_media *media;
    enum chat_role role;
    struct message_nodes *nodes;
    const struct json *reasoning_content, *reasoning, *thinking;
};

static enum status unknown_role(const struct field *role, struct reason *why)
{
    static const char *const names[] = {"system", "developer", "user", "assistant", "tool", NULL};
    const struct str given = role->json->text;
    const char *nearest = given.len ? str_nearest(given, names) : NULL;
    reason_set(why, "unknown_role",
               "%s is \"%s\"; the roles are system, developer, user, assistant and tool.",
               "%s 的值是 \"%s\"；角色只能是 system、developer、user、assistant 或 tool。",
               field_path(role).text, field_quote(given).text);
    if (str_is(given, "function"))
        reason_hint(why, "Use role tool with tool_call_id; function is its old form.",
                    "请改用 tool 角色并提供 tool_call_id；function 是它的旧写法。");
    else if (nearest)
        reason_hint(why, "Did you mean %s?", "是否想写 %s？", nearest);
    return field_blame(role, why);
}

static enum status parse_role(const struct field *message, enum chat_role *out, struct reason *why)
{
    const struct field role = field_member(message, "role");
    const enum status status = field_is(&role, JSON_STRING, why);
    if (status)
        return status;
    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        if (str_is(role.json->text, roles[i].name)) {
            *out = roles[i].role;
            return STATUS_OK;
        }
    }
    return unknown_role(&role, why);
}

static enum status parse_content(const struct field *content, struct arena *arena, void *to,
                                 struct reason *why)
{
    (void)arena;
    const struct message *message = to;
    return chat_content_parse(content, message->role, message->media, &message->nodes->content,
                              why);
}

static enum status refuse_function_call(const struct field *call, struct arena *arena, void *to,
                                        struct reason *why)
{
    (void)arena;
    (void)to;
    reason_set(why, "invalid_value", "%s is not supported.", "不支持 %s。", field_path(call).text);
    reason_hint(why, "Use tool_calls; function_call is its old form.",
                "请改用 tool_calls；function_call 是它的旧写法。");
    return field_blame(call, why);
}

static enum status parse_calls(const struct field *calls, struct arena *arena, void *to,
                               struct reason *why)
{
    const struct message *message = to;
    return calls->json->count == 0
               ? STATUS_OK
               : chat_tool_calls_parse(calls, arena, &message->nodes->tool_calls, why);
}

static enum status parse_call_id(const struct field *id, struct arena *arena, void *to,
                                 struct reason *why)
{
    (void)arena;
    const struct message *message = to;
    struct str text;
    const enum status status = field_text(id, &text, why);
    if (!status)
        message->nodes->tool_call_id = (struct json){.type = JSON_STRING, .text = text};
    return status;
}

enum { STRING = 1 << JSON_STRING, ARRAY = 1 << JSON_ARRAY };

#define CONTENT(is_required)                                                                       \
    {                                                                                              \
        "content", FIELD_PARSED, is_required, .types = STRING | ARRAY,                             \
                                              .en = "a string or an array of parts",               \
                                              .zh = "字符串或内容片段数组", .parse = parse_content \
    }

const struct field_row chat_system_rows[] = {CONTENT(true), {0}};
const struct field_row chat_user_rows[] = {CONTENT(true), {0}};

/* Earlier reasoning comes back under three names. */
const struct field_row chat_assistant_rows[] = {
    {"function_call", FIELD_PARSED, .types = ~0u, .parse = refuse_function_call},
    {"reasoning_content", FIELD_JSON, FIELD_AT(message, reasoning_content), .type = JSON_STRING},
    {"reasoning", FIELD_JSON, FIELD_AT(message, reasoning), .type = JSON_STRING},
    {"thinking", FIELD_JSON, FIELD_AT(message, thinking), .type = JSON_STRING},
    {"tool_calls", FIELD_PARSED, .types = ARRAY, .en = "an array", .zh = "数组",
     .parse = parse_calls},
    CONTENT(false),
    {0},
};

const struct field_row chat_tool_rows[] = {
    {"tool_call_id", FIELD_PARSED, true, .types = STRING, .en = "a string", .zh = "字符串",
     .parse = parse_call_id},
    CONTENT(true),
    {0},
};

static const struct field_row *const role_rows[] = {
    [CHAT_SYSTEM] = chat_system_rows,
    [CHAT_USER] = chat_user_rows,
    [CHAT_ASSISTANT] = chat_assistant_rows,
    [CHAT_TOOL] = chat_tool_rows,
};

static void link_members(struct message_nodes *nodes, enum chat_role role)
{
    struct json *const message = &nodes->message;
    message->type = JSON_OBJECT;
    nodes->role = (struct json){.type = JSON_STRING, .text = str_from(template_roles[role])};
    struct json **end = chat_adopt(message, &message->first, "role", &nodes->role);
    end = chat_adopt(message, end, "content", &nodes->content);
    if (nodes->reasoning.type != JSON_NULL)
        end = chat_adopt(message, end, "reasoning_content", &nodes->reasoning);
    if (nodes->tool_calls.type != JSON_NULL)
        end = chat_adopt(message, end, "tool_calls", &nodes->tool_calls);
    if (nodes->tool_call_id.type != JSON_NULL)
        chat_adopt(message, end, "tool_call_id", &nodes->tool_call_id);
}

/* Only an assistant that calls or reasons may say nothing. */
static enum status check_content(const struct field *field, const struct message_nodes *nodes,
                                 struct reason *why)
{
    const struct field content = field_member(field, "content");
    if (content.json || nodes->tool_calls.type != JSON_NULL || nodes->reasoning.type != JSON_NULL)
        return STATUS_OK;
    const enum status status =
        field_missing(&content, "a string or an array of parts", "字符串或内容片段数组", why);
    reason_hint(why, "Only a message with tool_calls or reasoning_content may go without.",
                "只有带 tool_calls 或 reasoning_content 的消息可以没有内容。");
    return status;
}

static enum status parse_message(const struct field *field, struct chat_media *media,
                                 struct message_nodes *nodes, struct reason *why)
{
    struct message message = {.media = media, .nodes = nodes};
    enum status status = field_is(field, JSON_OBJECT, why);
    if (!status)
        status = parse_role(field, &message.role, why);
    if (!status)
        status = field_table_parse(field, role_rows[message.role], media->arena, &message, why);
    if (status)
        return status;
    const struct json *reasoning = message.reasoning_content ? message.reasoning_content
                                   : message.reasoning       ? message.reasoning
                                                             : message.thinking;
    if (reasoning)
        nodes->reasoning = *reasoning;
    status = check_content(field, nodes, why);
    if (!status)
        link_members(nodes, message.role);
    return status;
}

enum status chat_messages_parse(const struct field *messages, struct arena *arena,
                                struct chat_request *out, struct reason *why)
{
    if (messages->json->count == 0) {
        reason_set(why, "invalid_value", "%s must hold at least one message.",
                   "%s 至少要有一条消息。", field_path(messages).text);
        return field_blame(messages, why);
    }
    struct json *list = arena_alloc(arena, sizeof *list);
    struct message_nodes *nodes = arena_array(arena, messages->json->count, sizeof *nodes);
    if (!list || !nodes)
        return reason_no_memory(why, messages->json->count * sizeof *nodes);
    list->type = JSON_ARRAY;
    struct chat_media media = {.arena = arena};
    struct json **end = &list->first;
    JSON_EACH(item, messages->json) {
        const struct field message = field_element(messages, item, list->count);
        const enum status status = parse_message(&message, &media, &nodes[list->count], why);
        if (status)
            return status;
        end = chat_adopt(list, end, NULL, &nodes[list->count].message);
    }
    out->messages = list;
    out->images = media.images;
    out->videos = media.videos;
    out->image_count = media.image_count;
    out->video_count = media.video_count;
    return STATUS_OK;
}
