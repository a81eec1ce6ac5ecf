/* Finding the end of the plain part of a JSON string: the hot loop of the reader. */
#pragma once

#include <stddef.h>

/* The number of leading bytes that are neither '"', '\\', a control character (< 0x20) nor
 * ≥ 0x80. */
size_t scan_plain(const char *bytes, size_t len);

/* The readable version, used where there is no SSE2; the tests compare the two. */
size_t scan_plain_portable(const char *bytes, size_t len);
