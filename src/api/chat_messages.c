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

static enum status parse_content(const struct field *message, enum chat_role role, bool may_lack,
                                 struct chat_media *media, struct json *out, struct reason *why)
{
    const struct field content = field_member(message, "content");
    if (content.json)
        return chat_content_parse(&content, role, media, out, why);
    if (may_lack) {
        *out = (struct json){.type = JSON_NULL};
        return STATUS_OK;
    }
    reason_set(why, "missing_field", "%s is missing; it must be a string or an array of parts.",
               "缺少 %s，它必须是字符串或内容片段数组。", field_path(&content).text);
    if (role == CHAT_ASSISTANT)
        reason_hint(why, "Only a message with tool_calls or reasoning_content may go without.",
                    "只有带 tool_calls 或 reasoning_content 的消息可以没有内容。");
    return field_blame(&content, why);
}

/* The three names under which clients send earlier reasoning back; the first that is there. */
static enum status parse_reasoning(const struct field *message, struct json *out,
                                   struct reason *why)
{
    static const char *const names[] = {"reasoning_content", "reasoning", "thinking"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const struct field reasoning = field_member(message, names[i]);
        if (!reasoning.json)
            continue;
        const enum status status = field_is(&reasoning, JSON_STRING, why);
        if (!status)
            *out = *reasoning.json;
        return status;
    }
    return STATUS_OK;
}

static enum status refuse_function_call(const struct field *message, struct reason *why)
{
    const struct field call = field_member(message, "function_call");
    if (!call.json)
        return STATUS_OK;
    reason_set(why, "invalid_value", "%s is not supported.", "不支持 %s。", field_path(&call).text);
    reason_hint(why, "Use tool_calls; function_call is its old form.",
                "请改用 tool_calls；function_call 是它的旧写法。");
    return field_blame(&call, why);
}

/* Reasoning and calls; both stay null if absent. */
static enum status parse_assistant(const struct field *message, struct arena *arena,
                                   struct message_nodes *nodes, struct reason *why)
{
    const struct field calls = field_member(message, "tool_calls");
    enum status status = refuse_function_call(message, why);
    if (!status)
        status = parse_reasoning(message, &nodes->reasoning, why);
    if (status || !calls.json)
        return status;
    status = field_is(&calls, JSON_ARRAY, why);
    if (status || calls.json->count == 0)
        return status;
    return chat_tool_calls_parse(&calls, arena, &nodes->tool_calls, why);
}

static enum status parse_call_id(const struct field *message, struct json *out, struct reason *why)
{
    const struct field id = field_member(message, "tool_call_id");
    struct str text;
    const enum status status = field_text(&id, &text, why);
    if (!status)
        *out = (struct json){.type = JSON_STRING, .text = text};
    return status;
}

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

static enum status parse_message(const struct field *message, struct chat_media *media,
                                 struct message_nodes *nodes, struct reason *why)
{
    enum chat_role role = CHAT_USER;
    enum status status = field_is(message, JSON_OBJECT, why);
    if (!status)
        status = parse_role(message, &role, why);
    if (!status && role == CHAT_ASSISTANT)
        status = parse_assistant(message, media->arena, nodes, why);
    if (!status && role == CHAT_TOOL)
        status = parse_call_id(message, &nodes->tool_call_id, why);
    const bool may_lack = nodes->tool_calls.type != JSON_NULL || nodes->reasoning.type != JSON_NULL;
    if (!status)
        status = parse_content(message, role, may_lack, media, &nodes->content, why);
    if (!status)
        link_members(nodes, role);
    return status;
}

static enum status check_list(const struct field *messages, struct reason *why)
{
    const enum status status = field_is(messages, JSON_ARRAY, why);
    if (status || messages->json->count > 0)
        return status;
    reason_set(why, "invalid_value", "%s must hold at least one message.", "%s 至少要有一条消息。",
               field_path(messages).text);
    return field_blame(messages, why);
}

enum status chat_messages_parse(const struct field *body, struct arena *arena,
                                struct chat_request *out, struct reason *why)
{
    const struct field messages = field_member(body, "messages");
    enum status status = check_list(&messages, why);
    if (status) {
        reason_hint(why, "Write \"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}].",
                    "请写成 \"messages\": [{\"role\": \"user\", \"content\": \"你好\"}]。");
        return status;
    }
    struct json *list = arena_alloc(arena, sizeof *list);
    struct message_nodes *nodes = arena_array(arena, messages.json->count, sizeof *nodes);
    if (!list || !nodes)
        return reason_no_memory(why, messages.json->count * sizeof *nodes);
    list->type = JSON_ARRAY;
    struct chat_media media = {.arena = arena};
    struct json **end = &list->first;
    JSON_EACH(item, messages.json) {
        const struct field message = field_element(&messages, item, list->count);
        status = parse_message(&message, &media, &nodes[list->count], why);
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
