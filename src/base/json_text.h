/* Writing a JSON string literal (RFC 8259, section 7). Here, below the JSON writer, because log
 * lines need it too. */
#pragma once

#include "base/buf.h"

/* Appends `text` in quotes, escaped. Ill-formed UTF-8 becomes U+FFFD. U+007F and above are written
 * raw. */
void json_text_string(struct buf *out, struct str text);
