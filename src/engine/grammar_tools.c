/* The grammar of forced tool calls. */
#include "engine/json_schema_compiler.h"
#include "json/writer.h"

enum { NAME_BYTES = 256 };

static enum status add_sequence(struct grammar *grammar, const struct part *parts, uint32_t count,
                                uint32_t *out, struct reason *why)
{
    const enum status status = grammar_add_node(grammar, out, why);
    struct part *copy = arena_array(&grammar->arena, count, sizeof *copy);
    if (status || !copy)
        return status ? status : reason_no_memory(why, count * sizeof *copy);
    memcpy(copy, parts, count * sizeof *copy);
    grammar->nodes[*out].kind = NODE_SEQUENCE;
    grammar->nodes[*out].sequence = (struct sequence_node){copy, count};
    return STATUS_OK;
}

/* The text between the marker and the arguments. */
static enum status spell_head(struct grammar *grammar, const struct grammar_tool *tool,
                              struct str *out, struct reason *why)
{
    struct buf text;
    struct json_writer w;
    if (tool->name.len > NAME_BYTES) {
        reason_set(why, "invalid_value", "The name of a tool is longer than %d bytes.",
                   "工具名称超过 %d 字节。", NAME_BYTES);
        return STATUS_LIMIT;
    }
    buf_init(&text, 6 * NAME_BYTES + 64); /* six bytes an escape */
    buf_puts(&text, "\n{\"name\": ");
    json_writer_init(&w, &text);
    json_string(&w, tool->name);
    buf_puts(&text, ", \"arguments\": ");
    *out =
        (struct str){text.failed ? NULL : arena_strdup(&grammar->arena, buf_str(&text)), text.len};
    buf_release(&text);
    return out->ptr ? STATUS_OK : reason_no_memory(why, NAME_BYTES);
}

static struct part marker(const struct grammar *grammar, uint32_t which, struct str text)
{
    if (grammar->tokens[which] < 0)
        return (struct part){.kind = PART_TEXT, .text = text};
    return (struct part){.kind = PART_TOKEN, .value = SYMBOL_TOKEN + which};
}

static enum status add_call(struct grammar *grammar, const struct grammar_tool *tool, uint32_t *out,
                            struct reason *why)
{
    static const struct json anything = {.type = JSON_BOOL, .truth = true};
    struct part parts[] = {
        marker(grammar, 0, STR("<tool_call>")),
        {.kind = PART_TEXT},
        {.kind = PART_VALUE},
        {.kind = PART_TEXT, .text = STR("}\n")},
        marker(grammar, 1, STR("</tool_call>")),
    };
    enum status status = spell_head(grammar, tool, &parts[1].text, why);
    if (!status)
        status = schema_compile_into(grammar, tool->parameters ? tool->parameters : &anything,
                                     tool->path, true, &parts[2].value, why);
    return status ? status : add_sequence(grammar, parts, ARRAY_LEN(parts), out, why);
}

static enum status add_any_call(struct grammar *grammar, const struct grammar_tools *tools,
                                uint32_t *out, struct reason *why)
{
    uint32_t *ways = arena_array(&grammar->arena, tools->count, sizeof *ways);
    enum status status = ways ? STATUS_OK : reason_no_memory(why, tools->count * sizeof *ways);
    for (size_t i = 0; i < tools->count && !status; i++)
        status = add_call(grammar, &tools->tools[i], &ways[i], why);
    if (!status)
        status = grammar_add_node(grammar, out, why);
    if (!status)
        grammar->nodes[*out].choice = (struct choice_node){ways, (uint32_t)tools->count};
    return status;
}

/* A tool that can never be called, or an answer that can never be given, is a mistake, not an
 * alternative less. answer: its node, or NO_NODE. */
static enum status check_ways(const struct grammar *grammar, const struct grammar_tools *tools,
                              uint32_t calls, uint32_t answer, struct reason *why)
{
    const struct choice_node *choice = &grammar->nodes[calls].choice;
    for (uint32_t i = 0; i < choice->count; i++) {
        if (grammar->nodes[choice->ways[i]].min_depth <= GRAMMAR_DEPTH_MAX)
            continue;
        reason_set(why, "invalid_schema", "No object satisfies the parameters of the tool %.*s.",
                   "没有任何对象能满足工具 %.*s 的参数定义。", STR_ARG(tools->tools[i].name));
        reason_subject(why, "%s", tools->tools[i].path);
        return STATUS_INVALID;
    }
    if (answer == NO_NODE || grammar->nodes[answer].min_depth <= GRAMMAR_DEPTH_MAX)
        return STATUS_OK;
    reason_set(why, "invalid_schema", "No value satisfies the schema of the answer.",
               "没有任何值能满足回答的 JSON Schema。");
    reason_subject(why, "%s", tools->answer_path);
    return STATUS_INVALID;
}

/* Calls, or an answer. */
static enum status add_answer(struct grammar *grammar, const struct grammar_tools *tools,
                              uint32_t *answer, struct reason *why)
{
    uint32_t *ways = arena_array(&grammar->arena, 2, sizeof *ways);
    if (!ways)
        return reason_no_memory(why, 2 * sizeof *ways);
    ways[0] = grammar->root;
    enum status status =
        schema_compile_into(grammar, tools->answer, tools->answer_path, false, answer, why);
    ways[1] = *answer;
    if (!status)
        status = grammar_add_node(grammar, &grammar->root, why);
    if (!status)
        grammar->nodes[grammar->root].choice = (struct choice_node){ways, 2};
    return status;
}

/* One call, or one and, on a new line, a list that is shorter by one. */
static enum status add_calls(struct grammar *grammar, const struct grammar_tools *tools,
                             struct reason *why)
{
    uint32_t call, answer = NO_NODE;
    enum status status = add_any_call(grammar, tools, &call, why);
    grammar->root = call;
    for (uint32_t i = 1; i < tools->most_calls && !status; i++) {
        const struct part parts[] = {
            {.kind = PART_VALUE, .value = call},
            {.kind = PART_MAY_END},
            {.kind = PART_TEXT, .text = STR("\n")},
            {.kind = PART_VALUE, .value = grammar->root},
        };
        status = add_sequence(grammar, parts, ARRAY_LEN(parts), &grammar->root, why);
    }
    if (!status && tools->answer)
        status = add_answer(grammar, tools, &answer, why);
    if (!status)
        status = grammar_link(grammar, why);
    return status ? status : check_ways(grammar, tools, call, answer, why);
}

enum status grammar_tool_calls(const struct grammar_tools *tools, struct grammar **out,
                               struct reason *why)
{
    struct grammar *grammar;
    if (tools->count > GRAMMAR_TOOLS_MAX) {
        reason_set(why, "invalid_value", "A call can be forced among at most %d tools, not %zu.",
                   "最多可在 %d 个工具中强制调用，收到 %zu 个。", GRAMMAR_TOOLS_MAX, tools->count);
        return STATUS_LIMIT;
    }
    enum status status = grammar_create(&grammar, why);
    if (status)
        return status;
    grammar->tokens[0] = tools->open;
    grammar->tokens[1] = tools->close;
    status = add_calls(grammar, tools, why);
    if (status)
        grammar_release(grammar);
    else
        *out = grammar;
    return status;
}
