/* The language of messages that a client prefers (RFC 9110, 12.5.4). */
#pragma once

#include "base/status.h"
#include "base/str.h"

/* The value of Accept-Language → English or Chinese, whichever has the higher weight; the first of
 * equals; `usual` if neither is named. */
enum lang language_of(struct str accept_language, enum lang usual);
