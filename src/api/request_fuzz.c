/* Any bytes as the body of a request: refused as the caller's fault, or something that keeps its
 * parser's promises. FUZZ_NAME says which route. */
#include "request_check_test.h"

#include <stdlib.h>

static enum request_route route_of(const char *name)
{
    static const struct {
        const char *name;
        enum request_route route;
    } routes[] = {
        {"chat_request", REQUEST_CHAT},
        {"completion_request", REQUEST_COMPLETION},
        {"tokenize_request", REQUEST_TOKENIZE},
        {"detokenize_request", REQUEST_DETOKENIZE},
    };
    for (size_t i = 0; i < ARRAY_LEN(routes); i++)
        if (strcmp(name, routes[i].name) == 0)
            return routes[i].route;
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *bytes = malloc(size ? size : 1);
    if (!bytes)
        return 0;
    if (size)
        memcpy(bytes, data, size);
    struct arena arena;
    arena_init(&arena, 64 << 20);
    struct json *root;
    struct reason why;
    if (!json_parse(bytes, size, (struct json_limits){0}, &arena, &root, &why))
        (void)request_check(route_of(FUZZ_NAME), root, &arena);
    arena_release(&arena);
    free(bytes);
    return 0;
}
