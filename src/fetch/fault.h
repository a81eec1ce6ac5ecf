/* Why a picture or video could not be fetched, as sentences.
 *
 * They name what was fetched by its URL without the query, which often holds a signature, and the
 * step that failed. Codes: api/errors.def, image_*. */
#pragma once

#include "base/status.h"

enum { FETCH_SHOWN_MAX = 160 }; /* of a URL in sentences */

enum fetch_kind { FETCH_PICTURE, FETCH_VIDEO };

/* "The picture at URL could not be fetched: EN.", with what to do about the code. Returns
 * STATUS_INVALID. Both texts are parts of a sentence, without its stop. */
enum status fetch_fault(enum fetch_kind kind, const char *shown, const char *code, const char *en,
                        const char *zh, struct reason *why);
/* The same with details that are printed; formats as in reason_set. */
enum status fetch_fault_printf(enum fetch_kind kind, const char *shown, struct reason *why,
                               const char *code, const char *en, const char *zh, ...)
    __attribute__((format(printf, 5, 7), format(printf, 6, 7)));
