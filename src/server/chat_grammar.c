#include "server/chat_grammar.h"

#include "api/response_format.h"
#include "engine/json_schema.h"

#include <stdio.h>
#include <stdlib.h>

/* "tools[127].function.parameters" */
enum { PATH_BYTES = 48 };

struct tool_list {
    struct grammar_tool *tools;
    char (*paths)[PATH_BYTES];
    size_t count;
};

/* The tools that may be called: all, or the one that is named. */
static void list_tools(const struct chat_request *request, struct tool_list *out)
{
    uint32_t index = 0;
    JSON_EACH(tool, request->tools) {
        const struct json *function = json_get(tool, "function");
        const struct str name = json_get(function, "name")->text;
        const struct json *parameters = json_get(function, "parameters");
        char *path = out->paths[index];
        snprintf(path, PATH_BYTES, "tools[%u].function.parameters", index++);
        if (request->forced_tool.len > 0 && !str_eq(name, request->forced_tool))
            continue;
        out->tools[out->count++] = (struct grammar_tool){
            .name = name,
            .parameters = json_is(parameters, JSON_NULL) ? NULL : parameters,
            .path = path,
        };
    }
}

/* response_format as a schema; NULL: any text. */
static const struct json *answer_schema(const struct chat_request *request, struct json nodes[2])
{
    nodes[0] = (struct json){.key = STR("type"), .type = JSON_STRING, .text = STR("object")};
    nodes[1] = (struct json){.type = JSON_OBJECT, .first = &nodes[0], .count = 1};
    switch (request->params.format) {
    case FORMAT_TEXT: break;
    case FORMAT_JSON_OBJECT: return &nodes[1];
    case FORMAT_JSON_SCHEMA: return request->params.schema;
    }
    return NULL;
}

static enum status make_calls(const struct chat_request *request, const struct model *model,
                              const struct tool_list *list, struct grammar **out,
                              struct reason *why)
{
    struct json nodes[2];
    const struct grammar_tools tools = {
        .tools = list->tools,
        .count = list->count,
        .most_calls = request->one_call ? 1 : GRAMMAR_CALLS_MAX,
        .answer = request->forced_call ? NULL : answer_schema(request, nodes),
        .answer_path = RESPONSE_SCHEMA_PATH,
        .open = tokenizer_added_id(model->tokenizer, "<tool_call>"),
        .close = tokenizer_added_id(model->tokenizer, "</tool_call>"),
    };
    return grammar_tool_calls(&tools, out, why);
}

static enum status make_with_tools(const struct chat_request *request, const struct model *model,
                                   struct grammar **out, struct reason *why)
{
    struct tool_list list = {
        .tools = calloc(request->tools->count, sizeof *list.tools),
        .paths = calloc(request->tools->count, sizeof *list.paths),
    };
    enum status status = list.tools && list.paths
                             ? STATUS_OK
                             : reason_no_memory(why, request->tools->count * sizeof *list.tools);
    if (!status) {
        list_tools(request, &list);
        status = make_calls(request, model, &list, out, why);
    }
    free(list.tools);
    free(list.paths);
    return status;
}

enum status response_grammar_make(const struct generation_params *params, struct grammar **out,
                                  struct reason *why)
{
    *out = NULL;
    switch (params->format) {
    case FORMAT_JSON_OBJECT: return grammar_any_object(out, why);
    case FORMAT_JSON_SCHEMA:
        return json_schema_compile(params->schema, RESPONSE_SCHEMA_PATH, out, why);
    default: return STATUS_OK;
    }
}

enum status chat_grammar_make(const struct chat_request *request, const struct model *model,
                              struct grammar **out, struct reason *why)
{
    const bool form = request->forced_call || request->params.format != FORMAT_TEXT;
    *out = NULL;
    return request->tools && form ? make_with_tools(request, model, out, why)
                                  : response_grammar_make(&request->params, out, why);
}

int32_t chat_grammar_after(const struct model *model, const struct token_list *prompt)
{
    const int32_t open = tokenizer_added_id(model->tokenizer, "<think>");
    const int32_t close = tokenizer_added_id(model->tokenizer, "</think>");
    for (size_t i = prompt->count; i-- > 0 && open >= 0 && close >= 0;) {
        if (prompt->ids[i] == close)
            return -1;
        if (prompt->ids[i] == open)
            return close;
    }
    return -1;
}
