#include "server/cors.h"

static const char exposed[] =
    "x-request-id, retry-after, retry-after-ms, x-should-retry, x-max-tokens-clamped, "
    "x-ignored-parameters, x-cache, x-ratelimit-limit-requests, x-ratelimit-limit-tokens, "
    "x-ratelimit-remaining-requests, x-ratelimit-remaining-tokens, x-ratelimit-reset-requests, "
    "x-ratelimit-reset-tokens";

static struct str header_of(const struct http_request *request, const char *name)
{
    const struct http_header *header = request ? http_request_header(request, name) : NULL;
    return header ? header->value : (struct str){0};
}

static bool lists(const struct text_list *origins, struct str origin)
{
    for (size_t i = 0; i < origins->count; i++)
        if (str_ieq(origin, str_from(origins->items[i])))
            return true;
    return false;
}

static bool allows_any(const struct text_list *origins)
{
    return lists(origins, STR("*"));
}

/* The origin "null" (a file, a sandboxed frame) belongs to nobody: it gets no credentials. */
static size_t named_origin_fields(struct str origin, struct http_field *out)
{
    size_t n = 0;
    out[n++] = (struct http_field){"access-control-allow-origin", origin};
    out[n++] = (struct http_field){"access-control-expose-headers", str_from(exposed)};
    if (!str_is(origin, "null"))
        out[n++] = (struct http_field){"access-control-allow-credentials", STR("true")};
    return n;
}

size_t cors_fields(const struct text_list *origins, const struct http_request *request,
                   struct http_field out[CORS_FIELDS_MAX])
{
    if (origins->count == 0)
        return 0;
    if (allows_any(origins)) {
        out[0] = (struct http_field){"access-control-allow-origin", STR("*")};
        out[1] = (struct http_field){"access-control-expose-headers", str_from(exposed)};
        return 2;
    }
    out[0] = (struct http_field){"vary", STR("origin")}; /* also for pages that may not call */
    const struct str origin = header_of(request, "origin");
    return origin.len > 0 && lists(origins, origin) ? 1 + named_origin_fields(origin, out + 1) : 1;
}

bool cors_is_preflight(const struct text_list *origins, const struct http_request *request)
{
    const struct str origin = header_of(request, "origin");
    return str_is(request->method, "OPTIONS") && origin.len > 0 &&
           header_of(request, "access-control-request-method").len > 0 &&
           (allows_any(origins) || lists(origins, origin));
}

static bool is_list_of_names(struct str list)
{
    struct str element;
    while (http_list_next(&list, &element))
        if (!http_is_token(element))
            return false;
    return true;
}

/* Clients add headers of their own (x-stainless-…), and none does harm: those that are asked for
 * are allowed. */
size_t cors_preflight_fields(const struct http_request *request, struct str allow,
                             struct http_field out[PREFLIGHT_FIELDS_MAX])
{
    size_t n = 0;
    const struct str wanted = header_of(request, "access-control-request-headers");
    out[n++] = (struct http_field){"access-control-allow-methods", allow};
    if (wanted.len > 0 && is_list_of_names(wanted))
        out[n++] = (struct http_field){"access-control-allow-headers", wanted};
    out[n++] = (struct http_field){"access-control-max-age", STR("600")}; /* seconds */
    return n;
}
