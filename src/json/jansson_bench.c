#include "peers_bench.h"

#include <jansson.h>

bool read_jansson(char *bytes, size_t len)
{
    json_t *root = json_loadb(bytes, len, 0, NULL);
    json_decref(root);
    return root != NULL;
}
