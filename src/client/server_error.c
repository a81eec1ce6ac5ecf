#include "client/server_error.h"

#include "json/json.h"

#include <stdio.h>

/* The body as JSON; NULL: it is none. */
static const struct json *parse(struct arena *arena, struct str body)
{
    char *copy = body.len > 0 ? arena_strdup(arena, body) : NULL;
    struct json *root;
    const struct json_limits limits = {.max_depth = 32, .max_nodes = 10000};
    if (!copy || json_parse(copy, body.len, limits, arena, &root, NULL) != STATUS_OK)
        return NULL;
    return root;
}

/* A member that is a string, or a number's spelling. */
static struct str member(const struct json *object, const char *key)
{
    const struct json *v = json_get(object, key);
    return json_is(v, JSON_STRING) || json_is(v, JSON_NUMBER) ? v->text : (struct str){0};
}

static void read_object(const struct json *object, struct server_error *error)
{
    error->message = member(object, "message");
    if (error->message.len == 0)
        error->message = member(object, "msg");
    error->code = member(object, "code");
    error->type = member(object, "type");
    error->hint = member(object, "hint");
    error->docs = member(object, "docs");
    error->request_id = member(object, "request_id");
}

/* FastAPI: {"detail":"…"} or {"detail":[{"msg":"…"}]} */
static struct str detail(const struct json *root)
{
    const struct json *v = json_get(root, "detail");
    if (json_is(v, JSON_ARRAY))
        return member(v->first, "msg");
    return json_is(v, JSON_OBJECT) ? member(v, "message") : member(root, "detail");
}

static void read_json(const struct json *root, struct server_error *error)
{
    const struct json *inner = json_get(root, "error");
    error->json = true;
    if (json_is(inner, JSON_OBJECT)) {
        read_object(inner, error);
    } else {
        read_object(root, error);
        if (json_is(inner, JSON_STRING))
            error->message = inner->text;
    }
    if (error->message.len == 0)
        error->message = detail(root);
    if (error->request_id.len == 0)
        error->request_id = member(root, "request_id");
}

static bool starts_any_case(struct str text, const char *prefix)
{
    return str_ieq(str_slice(text, 0, strlen(prefix)), str_from(prefix));
}

/* Where `word` (lower case) begins in the text, in any case; text.len: nowhere. */
static size_t find(struct str text, const char *word)
{
    for (size_t at = 0; at < text.len; at++)
        if (starts_any_case(str_slice(text, at, text.len), word))
            return at;
    return text.len;
}

static void read_html(struct str body, struct server_error *error)
{
    const size_t begin = find(body, "<title");
    const struct str rest = str_slice(body, begin, begin + 1000);
    const size_t open = find(rest, ">"), close = find(rest, "</title");
    error->html = true;
    if (open < close && close < rest.len)
        error->title = str_trim(str_slice(rest, open + 1, close));
}

static bool looks_like_html(struct str body)
{
    const struct str text = str_trim(str_slice(body, 0, 1000));
    return starts_any_case(text, "<!doctype html") || starts_any_case(text, "<html") ||
           (starts_any_case(text, "<") && find(text, "<html") < text.len);
}

void server_error_read(struct arena *arena, const struct http_response *response,
                       struct server_error *error)
{
    *error = (struct server_error){0};
    const struct str body = buf_str(&response->body);
    const struct json *root = parse(arena, body);
    if (root)
        read_json(root, error);
    else if (looks_like_html(body))
        read_html(body, error);
    if (error->request_id.len == 0)
        error->request_id = http_header(response, "x-request-id");
}

void server_error_read_event(struct arena *arena, struct str data, struct server_error *error)
{
    *error = (struct server_error){0};
    const struct json *root = parse(arena, data);
    if (root)
        read_json(root, error);
}

enum outcome server_error_outcome(const struct server_error *error)
{
    static const struct {
        const char *type;
        enum outcome outcome;
    } rows[] = {
        {"invalid_request_error", OUTCOME_REQUEST}, {"not_found_error", OUTCOME_REQUEST},
        {"authentication_error", OUTCOME_REFUSED},  {"permission_error", OUTCOME_REFUSED},
        {"rate_limit_error", OUTCOME_LIMITED},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (str_is(error->type, rows[i].type))
            return rows[i].outcome;
    return OUTCOME_SERVER;
}
