/* What must be true of several settings together. */
#pragma once

#include "config/settings.h"

/* Who may reach the service without a key is said in so many words; sizes of pictures fit each
 * other; there is an address to listen on. config_invalid_value, the subject is the place. */
MUST_CHECK enum status settings_check(const struct settings *settings, struct reason *why);
