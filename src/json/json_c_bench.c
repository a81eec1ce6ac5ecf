#include "peers_bench.h"

#include <json_tokener.h>

bool read_json_c(char *bytes, size_t len)
{
    struct json_tokener *tokener = json_tokener_new();
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    struct json_object *root = json_tokener_parse_ex(tokener, bytes, (int)len);
    json_object_put(root);
    json_tokener_free(tokener);
    return root != NULL;
}
