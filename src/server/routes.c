#include "server/routes.h"

#include "api/route_hint.h"
#include "server/chat.h"
#include "server/completion.h"
#include "server/health.h"
#include "server/metrics_page.h"
#include "server/models.h"
#include "server/tokenize.h"

#include <stdio.h>

const struct route routes[] = {
    {"/health", "GET", ACCESS_OPEN, health_answer},
    {"/health/ready", "GET", ACCESS_OPEN, health_answer_ready},
    {"/v1/models", "GET", ACCESS_KEY, models_answer_list},
    {"/v1/models/{id}", "GET", ACCESS_KEY, models_answer_one},
    {"/v1/chat/completions", "POST", ACCESS_KEY, chat_answer},
    {"/v1/completions", "POST", ACCESS_KEY, completion_answer},
    {"/tokenize", "POST", ACCESS_KEY, tokenize_answer},
    {"/detokenize", "POST", ACCESS_KEY, detokenize_answer},
    {METRICS_PATH, "GET", ACCESS_LOCAL, metrics_answer},
    {0},
};

static size_t stem_len(const char *path)
{
    const char *brace = strchr(path, '{');
    return brace ? (size_t)(brace - path) : strlen(path);
}

static bool matches(const struct route *route, struct str path)
{
    const size_t stem = stem_len(route->path);
    if (!route->path[stem])
        return str_is(path, route->path);
    return path.len > stem && memcmp(path.ptr, route->path, stem) == 0;
}

/* HEAD is GET without the body (RFC 9110, 9.3.2). */
static bool takes(const struct route *route, struct str method)
{
    return str_is(method, route->method) ||
           (str_is(method, "HEAD") && strcmp(route->method, "GET") == 0);
}

const struct route *route_find(struct str path, struct str method, bool *known)
{
    *known = false;
    for (const struct route *route = routes; route->path; route++) {
        if (!matches(route, path))
            continue;
        *known = true;
        if (takes(route, method))
            return route;
    }
    return NULL;
}

void route_allow(struct str path, char *out, size_t size)
{
    size_t len = 0;
    out[0] = '\0';
    const bool any = str_is(path, "*");
    for (const char *const *method = (const char *const[]){"GET", "HEAD", "POST", NULL}; *method;
         method++) {
        bool found = any;
        for (const struct route *route = routes; route->path && !found; route++)
            found = matches(route, path) && takes(route, str_from(*method));
        if (found && len < size)
            len += (size_t)snprintf(out + len, size - len, "%s, ", *method);
    }
    if (len < size)
        snprintf(out + len, size - len, "OPTIONS");
}

struct str route_id(const struct route *route, struct str path)
{
    return str_slice(path, stem_len(route->path), path.len);
}

const char *route_nearest(struct str path)
{
    const char *paths[16] = {0};
    size_t n = 0;
    for (const struct route *route = routes; route->path && n + 1 < ARRAY_LEN(paths); route++)
        paths[n++] = route->path;
    return route_hint(path, paths);
}
