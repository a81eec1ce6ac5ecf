/* TLS of the listeners, as the settings have it. */
#pragma once

#include "config/settings.h"
#include "http/tls.h"

/* *out is NULL without a certificate. Codes: those of tls_create. */
MUST_CHECK enum status certificates_load(const struct settings *settings, struct tls **out,
                                         struct reason *why);

/* Logs a warning for a certificate that has expired, or is not valid yet. */
void certificates_warn(const struct tls *tls, const struct log *log);
