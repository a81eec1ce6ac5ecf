/* Unicode normalisation form C, as of Unicode 9 (UAX #15; specification 2.4). */
#pragma once

#include "base/buf.h"
#include "base/status.h"

/* True if well-formed `text` is certainly in NFC already. `classes` is unicode_fill's table. */
bool nfc_is_stable(const uint8_t *classes, struct str text);

/* Appends NFC of well-formed `text` to `out`. Linear in its length whatever it holds. */
MUST_CHECK enum status nfc_append(const uint8_t *classes, struct str text, struct buf *out,
                                  struct reason *why);
