#include "api/chat_tools.h"

#include "api/chat_content.h"

enum { STRING = 1 << JSON_STRING, OBJECT = 1 << JSON_OBJECT };

static const char *const function_word[] = {"function", NULL};
#define TYPE                                                                                       \
    {                                                                                              \
        "type", FIELD_WORD, true, .offset = FIELD_NOWHERE, .words = function_word                  \
    }

static const struct field_row definition_rows[] = {
    {"name", FIELD_TEXT, true, .offset = FIELD_NOWHERE},
    {"description", FIELD_STRING, .offset = FIELD_NOWHERE},
    {"parameters", FIELD_JSON, .offset = FIELD_NOWHERE, .type = JSON_OBJECT},
    {"strict", FIELD_BOOL, .offset = FIELD_NOWHERE},
    {0},
};

const struct field_row chat_tool_definition_rows[] = {
    TYPE,
    {"function", FIELD_OBJECT, true, .members = definition_rows},
    {0},
};

static const struct field_row choice_function_rows[] = {
    {"name", FIELD_TEXT, true, FIELD_AT(chat_request, forced_tool)},
    {0},
};

const struct field_row chat_tool_choice_rows[] = {
    TYPE,
    {"function", FIELD_OBJECT, true, .members = choice_function_rows},
    {0},
};

/* The named tool must be among those of the request. */
static enum status find_tool(const struct field *choice, const struct chat_request *request,
                             struct reason *why)
{
    const struct field function = field_member(choice, "function");
    const struct field name = field_member(&function, "name");
    JSON_EACH(tool, request->tools)
        if (str_eq(json_get(json_get(tool, "function"), "name")->text, request->forced_tool))
            return STATUS_OK;
    reason_set(why, "invalid_value", "%s is \"%s\", which is none of the tools.",
               "%s 的值 \"%s\" 不在 tools 之中。", field_path(&name).text,
               field_quote(request->forced_tool).text);
    return field_blame(&name, why);
}

static enum status parse_named_choice(const struct field *choice, struct arena *arena,
                                      struct chat_request *out, struct reason *why)
{
    const enum status status = field_table_parse(choice, chat_tool_choice_rows, arena, out, why);
    out->forced_call = out->one_call = true;
    return status ? status : find_tool(choice, out, why);
}

static enum status parse_choice_word(const struct field *choice, struct chat_request *out,
                                     struct reason *why)
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
    if (out->tools)
        return STATUS_OK;
    reason_set(why, "invalid_value", "%s is \"required\", but there are no tools.",
               "%s 为 \"required\"，但没有提供任何工具。", field_path(choice).text);
    return field_blame(choice, why);
}

enum status chat_tool_choice_parse(const struct field *choice, struct arena *arena, void *to,
                                   struct reason *why)
{
    return choice->json->type == JSON_STRING ? parse_choice_word(choice, to, why)
                                             : parse_named_choice(choice, arena, to, why);
}

enum status chat_parallel_calls_parse(const struct field *field, struct arena *arena, void *to,
                                      struct reason *why)
{
    (void)arena;
    (void)why;
    struct chat_request *out = to;
    out->one_call = out->one_call || !field->json->truth;
    return STATUS_OK;
}

enum status chat_tools_parse(const struct field *tools, struct arena *arena, void *to,
                             struct reason *why)
{
    struct chat_request *out = to;
    uint32_t index = 0;
    JSON_EACH(item, tools->json) {
        const struct field tool = field_element(tools, item, index++);
        const enum status status =
            field_table_parse(&tool, chat_tool_definition_rows, arena, NULL, why);
        if (status)
            return status;
    }
    out->tools = index > 0 ? tools->json : NULL;
    return STATUS_OK;
}

/* A call as the template reads it, in one allocation. */
struct call_nodes {
    struct json call, id, type, function, name, arguments;
};

/* What the tables of a call fill. */
struct tool_call {
    struct str id, name;
    struct json *arguments;
};

static enum status parse_arguments(const struct field *arguments, struct arena *arena, void *to,
                                   struct reason *why)
{
    (void)arena;
    (void)why;
    const struct json *given = arguments->json;
    if (given->type == JSON_OBJECT || given->text.len > 0)
        *((struct tool_call *)to)->arguments = *given;
    return STATUS_OK;
}

static const struct field_row call_function_rows[] = {
    {"name", FIELD_TEXT, true, FIELD_AT(tool_call, name)},
    {"arguments", FIELD_PARSED, .types = STRING | OBJECT, .en = "a string of JSON",
     .zh = "JSON 字符串", .parse = parse_arguments},
    {0},
};

const struct field_row chat_call_rows[] = {
    {"id", FIELD_TEXT, true, FIELD_AT(tool_call, id)},
    TYPE,
    {"function", FIELD_OBJECT, true, .members = call_function_rows},
    {0},
};

static enum status parse_call(const struct field *field, struct arena *arena,
                              struct call_nodes *nodes, struct reason *why)
{
    struct tool_call call = {.arguments = &nodes->arguments};
    nodes->arguments = (struct json){.type = JSON_STRING, .text = STR("{}")};
    const enum status status = field_table_parse(field, chat_call_rows, arena, &call, why);
    if (status)
        return status;
    nodes->call.type = nodes->function.type = JSON_OBJECT;
    nodes->id = (struct json){.type = JSON_STRING, .text = call.id};
    nodes->type = (struct json){.type = JSON_STRING, .text = STR("function")};
    nodes->name = (struct json){.type = JSON_STRING, .text = call.name};
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
        const enum status status = parse_call(&call, arena, &nodes[out->count], why);
        if (status)
            return status;
        end = chat_adopt(out, end, NULL, &nodes[out->count].call);
    }
    return STATUS_OK;
}
