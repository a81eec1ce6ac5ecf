/* Other readers of JSON, for json_bench. Each reads a text and throws the tree away; false if it
 * refuses. One file each, because their names and ours meet. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* `bytes` is a copy that may be changed; 64 further bytes may be read or written behind it. */
bool read_cjson(char *bytes, size_t len);
bool read_jansson(char *bytes, size_t len);
bool read_json_c(char *bytes, size_t len);
bool read_simdjson(char *bytes, size_t len);
bool read_yyjson(char *bytes, size_t len);

#ifdef __cplusplus
}
#endif
