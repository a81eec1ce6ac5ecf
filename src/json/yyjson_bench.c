#include "peers_bench.h"

#include <string.h>
#include <yyjson.h>

bool read_yyjson(char *bytes, size_t len)
{
    memset(bytes + len, 0, YYJSON_PADDING_SIZE);
    yyjson_doc *doc = yyjson_read_opts(bytes, len, YYJSON_READ_INSITU, NULL, NULL);
    yyjson_doc_free(doc);
    return doc != NULL;
}
