#include "peers_bench.h"

#include <cjson/cJSON.h>

bool read_cjson(char *bytes, size_t len)
{
    cJSON *root = cJSON_ParseWithLength(bytes, len);
    cJSON_Delete(root);
    return root != NULL;
}
