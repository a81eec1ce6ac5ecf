/* Is there room for threads? For libraries that end the process when one cannot be started. */
#pragma once

#include "base/status.h"

#include <stddef.h>

/* Starts `count` threads (16 at most) that live at the same time, with stacks of this size, and
 * ends them. */
enum status thread_room_check(size_t count, size_t stack_bytes, struct reason *why);
