/* Our tree in the oracle's spelling (oracle_test.h), for tests and fuzzers. */
#pragma once

#include "base/buf.h"
#include "json/json.h"

void canonical_write(struct buf *out, const struct json *v);
