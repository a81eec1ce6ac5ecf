/* Names of requests: the caller's own if it is harmless, else made. */
#pragma once

#include "base/str.h"

/* 1 to 128 characters of [A-Za-z0-9._-]. */
bool request_id_is_valid(struct str id);

/* prefix and 20 random letters and digits (119 bits), NUL-terminated; size bounds the whole. */
void request_id_make(const char *prefix, char *out, size_t size);
