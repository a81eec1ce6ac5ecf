/* The parser's commonest ending: the request is malformed, in one fixed sentence. */
#pragma once

#include "base/status.h"

/* Both sentences are passed to both formats, and each format shows its own. */
static inline enum status http_refuse(struct reason *why, const char *en, const char *zh)
{
    reason_set(why, "bad_request", "%s%.0s", "%.0s%s", en, zh);
    return STATUS_INVALID;
}
