#include "api/chat_tools.h"

#include "api/chat_content.h"

static enum status check_type(const struct field *object, struct reason *why)
{
    const struct field type = field_member(object, "type");
    const enum status status = field_is(&type, JSON_STRING, why);
    if (status || str_is(type.json->text, "function"))
        return status;
    reason_set(why, "invalid_value", "%s must be \"function\", not \"%s\".",
               "%s 只能是 \"function\"，收到的是 \"%s\"。", field_path(&type).text,
               field_quote(type.json->text).text);
    return field_blame(&type, why);
}

static enum status check_optional(const struct field *object, const char *name, enum json_type type,
                                  struct reason *why)
{
    const struct field member = field_member(object, name);
    return member.json ? field_is(&member, type, why) : STATUS_OK;
}

static enum status check_tool(const struct field *tool, struct reason *why)
{
    enum status status = field_is(tool, JSON_OBJECT, why);
    const struct field function = field_member(tool, "function");
    if (!status)
        status = check_type(tool, why);
    if (!status)
        status = field_is(&function, JSON_OBJECT, why);
    const struct field name_field = field_member(&function, "name");
    struct str name;
    if (!status)
        status = field_text(&name_field, &name, why);
    if (!status)
        status = check_optional(&function, "description", JSON_STRING, why);
    if (!status)
        status = check_optional(&function, "parameters", JSON_OBJECT, why);
    return status ? status : check_optional(&function, "strict", JSON_BOOL, why);
}

/* The named tool must be among those of the request. */
static enum status find_tool(const struct field *tools, const struct field *name,
                             struct chat_request *out, struct reason *why)
{
    const enum status status = field_text(name, &out->forced_tool, why);
    if (status)
        return status;
    JSON_EACH(tool, tools->json)
        if (str_eq(json_get(json_get(tool, "function"), "name")->text, out->forced_tool))
            return STATUS_OK;
    reason_set(why, "invalid_value", "%s is \"%s\", which is none of the tools.",
               "%s 的值 \"%s\" 不在 tools 之中。", field_path(name).text,
               field_quote(out->forced_tool).text);
    return field_blame(name, why);
}

static enum status parse_named_choice(const struct field *choice, const struct field *tools,
                                      struct chat_request *out, struct reason *why)
{
    const struct field function = field_member(choice, "function");
    const struct field name = field_member(&function, "name");
    enum status status = check_type(choice, why);
    if (!status)
        status = field_is(&function, JSON_OBJECT, why);
    out->forced_call = out->one_call = true;
    return status ? status : find_tool(tools, &name, out, why);
}

static enum status parse_choice_word(const struct field *choice, const struct field *tools,
                                     struct chat_request *out, struct reason *why)
{
    const struct str word = choice->json->text;
    if (str_is(word, "none")) /* the model does not see the tools */
        out->tools = NULL;
    if (str_is(word, "none") || str_is(word, "auto"))
        return STATUS_OK;
    if (!str_is(word, "required")) {
        reason_set(
            why, "invalid_value", "%s must be \"none\", \"auto\", \"required\" or a function.",
            "%s 只能是 \"none\"、\"auto\"、\"required\" 或一个函数。", field_path(choice).text);
        return field_blame(choice, why);
    }
    out->forced_call = true;
    if (tools->json && tools->json->count > 0)
        return STATUS_OK;
    reason_set(why, "invalid_value", "%s is \"required\", but there are no tools.",
               "%s 为 \"required\"，但没有提供任何工具。", field_path(choice).text);
    return field_blame(choice, why);
}

static enum status parse_choice(const struct field *body, const struct field *tools,
                                struct chat_request *out, struct reason *why)
{
    const struct field choice = field_member(body, "tool_choice");
    if (!choice.json)
        return STATUS_OK;
    if (choice.json->type == JSON_STRING)
        return parse_choice_word(&choice, tools, out, why);
    if (choice.json->type == JSON_OBJECT)
        return parse_named_choice(&choice, tools, out, why);
    return field_wrong_type(&choice, "a string or an object", "字符串或对象", why);
}

static enum status parse_parallel(const struct field *body, struct chat_request *out,
                                  struct reason *why)
{
    bool parallel = true;
    const struct field field = field_member(body, "parallel_tool_calls");
    const enum status status = field_bool(&field, &parallel, why);
    out->one_call = out->one_call || !parallel;
    return status;
}

enum status chat_tools_parse(const struct field *body, struct chat_request *out, struct reason *why)
{
    const struct field tools = field_member(body, "tools");
    enum status status = tools.json ? field_is(&tools, JSON_ARRAY, why) : STATUS_OK;
    uint32_t index = 0;
    if (!status)
        JSON_EACH(item, tools.json) {
            const struct field tool = field_element(&tools, item, index++);
            status = check_tool(&tool, why);
            if (status)
                return status;
        }
    if (status)
        return status;
    out->tools = index > 0 ? tools.json : NULL;
    status = parse_choice(body, &tools, out, why);
    return status ? status : parse_parallel(body, out, why);
}

/* A call as the template reads it, in one allocation. */
struct call_nodes {
    struct json call, id, type, function, name, arguments;
};

static enum status parse_arguments(const struct field *arguments, struct json *out,
                                   struct reason *why)
{
    const struct json *given = arguments->json;
    if (!given || (given->type == JSON_STRING && given->text.len == 0))
        *out = (struct json){.type = JSON_STRING, .text = STR("{}")};
    else if (given->type == JSON_STRING || given->type == JSON_OBJECT)
        *out = *given;
    else
        return field_wrong_type(arguments, "a string of JSON", "JSON 字符串", why);
    return STATUS_OK;
}

static enum status parse_call(const struct field *call, struct call_nodes *nodes,
                              struct reason *why)
{
    enum status status = field_is(call, JSON_OBJECT, why);
    const struct field id_field = field_member(call, "id");
    const struct field function = field_member(call, "function");
    struct str id, name;
    if (!status)
        status = field_text(&id_field, &id, why);
    if (!status)
        status = check_type(call, why);
    if (!status)
        status = field_is(&function, JSON_OBJECT, why);
    const struct field name_field = field_member(&function, "name");
    const struct field arguments = field_member(&function, "arguments");
    if (!status)
        status = field_text(&name_field, &name, why);
    if (!status)
        status = parse_arguments(&arguments, &nodes->arguments, why);
    if (status)
        return status;
    nodes->call.type = nodes->function.type = JSON_OBJECT;
    nodes->id = (struct json){.type = JSON_STRING, .text = id};
    nodes->type = (struct json){.type = JSON_STRING, .text = STR("function")};
    nodes->name = (struct json){.type = JSON_STRING, .text = name};
    struct json **end = &nodes->call.first;
    end = chat_adopt(&nodes->call, end, "id", &nodes->id);
    end = chat_adopt(&nodes->call, end, "type", &nodes->type);
    chat_adopt(&nodes->call, end, "function", &nodes->function);
    end = chat_adopt(&nodes->function, &nodes->function.first, "name", &nodes->name);
    chat_adopt(&nodes->function, end, "arguments", &nodes->arguments);
    return STATUS_OK;
}

enum status chat_tool_calls_parse(const struct field *calls, struct arena *arena, struct json *out,
                                  struct reason *why)
{
    struct call_nodes *nodes = arena_array(arena, calls->json->count, sizeof *nodes);
    if (!nodes)
        return reason_no_memory(why, calls->json->count * sizeof *nodes);
    *out = (struct json){.type = JSON_ARRAY};
    struct json **end = &out->first;
    JSON_EACH(item, calls->json) {
        const struct field call = field_element(calls, item, out->count);
        const enum status status = parse_call(&call, &nodes[out->count], why);
        if (status)
            return status;
        end = chat_adopt(out, end, NULL, &nodes[out->count].call);
    }
    return STATUS_OK;
}
