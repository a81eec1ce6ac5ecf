/* JSON as Python's json.dumps(x, ensure_ascii=False) spells it: what the chat templates' tojson
 * writes (specification 3.1). */
#pragma once

#include "base/buf.h"
#include "json/json.h"

/* Appends `v`: separators ", " and ": ", floats in their shortest round-trip form, integers of any
 * length unchanged, of duplicate keys the last value at the place of the first. */
void json_dumps(const struct json *v, struct buf *out);
