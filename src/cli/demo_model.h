/* Where the built-in demo model is. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Looks beside the executable and above it: share/qvl/models/demo (installed), models/demo (built
 * in the source tree). False if it is nowhere. */
bool demo_model_find(char *out, size_t size);
