/* Ctrl-C as a file descriptor: a client command waits on it beside its connection. */
#pragma once

#include "base/status.h"

#include <stdbool.h>

/* From now on SIGINT and SIGTERM make the descriptor readable instead of ending the process; a
 * second one while the first is not taken ends it. */
MUST_CHECK enum status interrupt_catch(int *fd, struct reason *why);

/* Whether a signal came since the last call; forgets it. */
bool interrupt_take(void);
