/* `qvl chat --curl`: the request as a curl command, secrets replaced by variables. */
#pragma once

#include "base/buf.h"
#include "client/endpoint.h"

/* `headers` end with NULL. A long body goes through standard input: one argument holds 128 KiB at
 * most on Linux. */
void curl_command_write(struct buf *out, const struct endpoint *endpoint, const char *url,
                        const char *const *headers, struct str body, bool stream);
