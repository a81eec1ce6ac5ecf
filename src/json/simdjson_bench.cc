#include "peers_bench.h"

#include <simdjson.h>

bool read_simdjson(char *bytes, size_t len)
{
    simdjson::dom::parser parser;
    simdjson::dom::element root;
    return parser.parse(bytes, len, false).get(root) == simdjson::SUCCESS;
}
