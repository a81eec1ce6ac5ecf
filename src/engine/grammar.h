/* A grammar: which texts an answer may be. Immutable once made, shared by counting; any thread.
 *
 * Made from a JSON schema (json_schema.h), for any JSON object, or for forced tool calls. A matcher
 * (grammar_matcher.h) follows it token by token. Two properties hold of every grammar: what it
 * accepts is what was asked for, never more, and no way into it is a dead end: every text that can
 * be begun can be finished within GRAMMAR_DEPTH_MAX nested arrays and objects.
 *
 * Blanks, since models like to print prettily: one space behind ':'; behind an opening bracket, a
 * comma, and before a closing bracket either one space, or one line break and at most four spaces
 * or tabs for each level of nesting. */
#pragma once

#include "base/status.h"
#include "base/str.h"
#include "json/json.h"

#include <stdint.h>

struct grammar;

enum { GRAMMAR_DEPTH_MAX = 32 };

/* Another reference to the same grammar. */
struct grammar *grammar_share(struct grammar *grammar);
void grammar_release(struct grammar *grammar); /* takes NULL */

/* Any JSON object. */
MUST_CHECK enum status grammar_any_object(struct grammar **out, struct reason *why);

/* One tool that may be called. */
struct grammar_tool {
    struct str name;
    const struct json *parameters; /* a JSON schema; NULL: any object */
    const char *path;              /* of the parameters, for messages */
};

struct grammar_tools {
    const struct grammar_tool *tools; /* at least one; each call is of any of them */
    size_t count;
    uint32_t most_calls;       /* 1 to GRAMMAR_CALLS_MAX */
    const struct json *answer; /* a JSON schema: an answer of this form may come instead of calls;
                                * NULL: a call must come */
    const char *answer_path;
    int32_t open, close; /* ids of <tool_call> and </tool_call>; -1: they are ordinary text */
};
enum { GRAMMAR_CALLS_MAX = 16, GRAMMAR_TOOLS_MAX = 128 };

/* Tool calls as the chat template shows them to the model (Hermes):
 * <tool_call>\n{"name": NAME, "arguments": {…}}\n</tool_call>, one after the other on new lines.
 * Codes: those of json_schema_compile. */
MUST_CHECK enum status grammar_tool_calls(const struct grammar_tools *tools, struct grammar **out,
                                          struct reason *why);
