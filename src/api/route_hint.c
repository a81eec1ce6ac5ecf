#include "api/route_hint.h"

#include <stdint.h>

enum { PATH_MAX_BYTES = 64 };

struct text {
    char bytes[PATH_MAX_BYTES];
    size_t len;
};

static struct str view(const struct text *t)
{
    return (struct str){t->bytes, t->len};
}

/* Lower case, single slashes, none at the end. */
static bool normalise(struct str path, struct text *out)
{
    out->len = 0;
    for (size_t i = 0; i < path.len; i++) {
        const char c = path.ptr[i];
        if (c == '/' && out->len && out->bytes[out->len - 1] == '/')
            continue;
        if (out->len == sizeof out->bytes)
            return false;
        out->bytes[out->len++] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
    while (out->len > 1 && out->bytes[out->len - 1] == '/')
        out->len--;
    return out->len > 0;
}

/* The path behind any number of prefixes that people put in front: /v1/v1, /api/v1, /openai. */
static struct str without_prefix(struct str path)
{
    static const char *const prefixes[] = {"/v1", "/v2", "/api", "/openai", "/compatible-mode"};
    for (bool again = true; again;) {
        again = false;
        for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
            const size_t n = strlen(prefixes[i]);
            if (str_starts(path, prefixes[i]) && (path.len == n || path.ptr[n] == '/')) {
                path = str_slice(path, n, path.len);
                again = true;
            }
        }
    }
    return path;
}

/* Edits from one to the other; SIZE_MAX if they are more than a third of what was written. */
static size_t edits(struct str written, struct str meant)
{
    const size_t d = str_distance(written, meant);
    return d <= written.len / 3 ? d : SIZE_MAX;
}

/* The path up to its last slash, if a segment follows it. */
static struct str parent(struct str path)
{
    const char *slash = path.len ? memrchr(path.ptr, '/', path.len) : NULL;
    const size_t len = slash ? (size_t)(slash - path.ptr) + 1 : 0;
    return str_slice(path, 0, len < path.len ? len : 0);
}

static size_t segments(struct str path)
{
    size_t n = 0;
    for (size_t i = 0; i < path.len; i++)
        n += path.ptr[i] == '/';
    return n;
}

/* How far the path is from the route, both without their prefixes; SIZE_MAX if not near. */
static size_t distance(struct str path, const char *route)
{
    const struct str bare = without_prefix(str_from(route));
    const struct str tail = without_prefix(path);
    if (!str_ends(bare, "}"))
        return edits(tail, bare);
    return segments(tail) == segments(bare) ? edits(parent(tail), parent(bare)) : SIZE_MAX;
}

const char *route_hint(struct str path, const char *const *routes)
{
    struct text text;
    if (!normalise(path, &text))
        return NULL;
    const char *best = NULL;
    size_t best_distance = SIZE_MAX;
    for (; *routes; routes++) {
        const size_t d = distance(view(&text), *routes);
        if (d < best_distance) {
            best_distance = d;
            best = *routes;
        }
    }
    return best;
}
