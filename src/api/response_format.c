#include "api/response_format.h"

static const char *const types[] = {
    [FORMAT_TEXT] = "text",
    [FORMAT_JSON_OBJECT] = "json_object",
    [FORMAT_JSON_SCHEMA] = "json_schema",
    NULL,
};

const struct field_row response_format_rows[] = {
    {"type", FIELD_WORD, true, FIELD_AT(generation_params, format), .words = types},
    {0},
};

/* What is not said to be strict is followed as strictly. */
const struct field_row response_schema_rows[] = {
    {"name", FIELD_TEXT, true, .offset = FIELD_NOWHERE},
    {"description", FIELD_STRING, .offset = FIELD_NOWHERE},
    {"strict", FIELD_BOOL, .offset = FIELD_NOWHERE},
    {"schema", FIELD_JSON, true, FIELD_AT(generation_params, schema), .type = JSON_OBJECT},
    {0},
};

enum status response_format_parse(const struct field *format, struct arena *arena, void *to,
                                  struct reason *why)
{
    struct generation_params *out = to;
    const enum status status = field_table_parse(format, response_format_rows, arena, out, why);
    if (status || out->format != FORMAT_JSON_SCHEMA)
        return status;
    const struct field wrapper = field_member(format, "json_schema");
    return field_table_parse(&wrapper, response_schema_rows, arena, out, why);
}
