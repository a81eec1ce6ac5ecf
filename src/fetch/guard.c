#include "fetch/guard.h"

bool fetch_guard_allows(const struct fetch_guard *guard, const struct address *address)
{
    for (size_t i = 0; i < guard->range_count; i++)
        if (address_range_has(&guard->ranges[i], address))
            return true;
    switch (address_classify(address)) {
    case ADDRESS_PUBLIC: return true;
    case ADDRESS_PRIVATE:
    case ADDRESS_LOOPBACK: return guard->private_too;
    default: return false;
    }
}

size_t fetch_guard_filter(const struct fetch_guard *guard, struct address *addresses, size_t count,
                          enum address_kind *blocked)
{
    size_t kept = 0;
    if (count > 0)
        *blocked = address_classify(&addresses[0]);
    for (size_t i = 0; i < count; i++)
        if (fetch_guard_allows(guard, &addresses[i]))
            addresses[kept++] = addresses[i];
    return kept;
}
