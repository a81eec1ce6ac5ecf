/* Memory for arrays that whole operations pass over. */
#pragma once

#include <stddef.h>

/* `bytes` bytes, aligned to a cache line; what is some MiB long stands on large pages where the
 * system has them, which spares walks through page tables. free() it. NULL: out of memory. */
void *aligned_bytes(size_t bytes);
