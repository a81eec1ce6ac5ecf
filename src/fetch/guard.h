/* Which addresses may be fetched from: those of the public Internet, and what the operator opened.
 *
 * `private_too` opens private and loopback addresses; `ranges` open exactly what they hold. Nothing
 * but `ranges` opens link-local and metadata addresses. */
#pragma once

#include "base/address.h"

#include <stdbool.h>

struct fetch_guard {
    bool private_too;
    const struct address_range *ranges;
    size_t range_count;
};

bool fetch_guard_allows(const struct fetch_guard *guard, const struct address *address);

/* Keeps the addresses that are allowed, in their order; how many these are. If there are none,
 * `blocked` is the kind of the first. */
size_t fetch_guard_filter(const struct fetch_guard *guard, struct address *addresses, size_t count,
                          enum address_kind *blocked);
