/* "Did you mean": the real route nearest to a wrong path. */
#pragma once

#include "base/str.h"

/* `path` without its query. `routes` ends with NULL; a route may end in a segment "{id}", which
 * stands for any one segment. Finds a missing or extra s, a wrong or missing or doubled prefix
 * (/v1/v1, /api, /openai), wrong case, doubled or trailing slashes, a typing error. NULL if no
 * route is near, or the path is longer than any slip would make it. */
const char *route_hint(struct str path, const char *const *routes);
