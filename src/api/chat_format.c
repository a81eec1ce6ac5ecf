#include "api/chat_format.h"

static enum status parse_schema(const struct field *format, struct chat_request *out,
                                struct reason *why)
{
    const struct field wrapper = field_member(format, "json_schema");
    enum status status = field_is(&wrapper, JSON_OBJECT, why);
    const struct field name_field = field_member(&wrapper, "name"),
                       strict_field = field_member(&wrapper, "strict"),
                       schema = field_member(&wrapper, "schema");
    struct str name;
    bool strict; /* what is not said to be strict is followed as strictly */
    if (!status)
        status = field_text(&name_field, &name, why);
    if (!status)
        status = field_bool(&strict_field, &strict, why);
    if (!status)
        status = field_is(&schema, JSON_OBJECT, why);
    out->schema = schema.json;
    return status;
}

enum status chat_format_parse(const struct field *body, struct chat_request *out,
                              struct reason *why)
{
    const struct field format = field_member(body, "response_format");
    if (!format.json)
        return STATUS_OK;
    enum status status = field_is(&format, JSON_OBJECT, why);
    const struct field type = field_member(&format, "type");
    if (!status)
        status = field_is(&type, JSON_STRING, why);
    if (status || str_is(type.json->text, "text"))
        return status;
    if (str_is(type.json->text, "json_object")) {
        out->format = CHAT_FORMAT_JSON_OBJECT;
        return STATUS_OK;
    }
    if (str_is(type.json->text, "json_schema")) {
        out->format = CHAT_FORMAT_JSON_SCHEMA;
        return parse_schema(&format, out, why);
    }
    reason_set(why, "invalid_value",
               "%s must be \"text\", \"json_object\" or \"json_schema\", not \"%s\".",
               "%s 只能是 \"text\"、\"json_object\" 或 \"json_schema\"，收到的是 \"%s\"。",
               field_path(&type).text, field_quote(type.json->text).text);
    return field_blame(&type, why);
}
