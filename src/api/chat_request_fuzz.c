/* Any bytes as the body of a chat request: refused as the caller's fault, or something that both
 * templates can show. */
#include "chat_check_test.h"

#include <stdlib.h>

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
    struct chat_request request;
    if (!json_parse(bytes, size, (struct json_limits){0}, &arena, &root, &why) &&
        chat_check(root, &arena, &request, &why) == STATUS_OK && request.image_count > size)
        abort();
    arena_release(&arena);
    free(bytes);
    return 0;
}
