#include "http/address_count.h"

#include <openssl/rand.h>
#include <stdlib.h>

void address_counts_init(struct address_counts *counts)
{
    *counts = (struct address_counts){0};
    if (RAND_bytes((unsigned char *)&counts->key, sizeof counts->key) != 1)
        counts->key = (uint64_t)(uintptr_t)counts;
}

/* Two rounds of the mixing of MurmurHash3's end, over both halves and the key. */
static size_t bucket_of(const struct address_counts *counts, const struct address *address)
{
    uint64_t halves[2], hash = counts->key;
    memcpy(halves, address->bytes, sizeof halves);
    for (size_t i = 0; i < 2; i++) {
        hash ^= halves[i];
        hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccdU;
        hash = (hash ^ hash >> 33) * 0xc4ceb9fe1a85ec53U;
        hash ^= hash >> 33;
    }
    return hash % ADDRESS_BUCKETS;
}

static struct address_counter **find(struct address_counts *counts, const struct address *address)
{
    struct address_counter **at = &counts->buckets[bucket_of(counts, address)];
    while (*at && !address_eq(&(*at)->address, address))
        at = &(*at)->next;
    return at;
}

uint32_t address_counts_add(struct address_counts *counts, const struct address *address)
{
    struct address_counter **at = find(counts, address);
    if (!*at) {
        *at = calloc(1, sizeof **at);
        if (!*at)
            return 0;
        (*at)->address = *address;
    }
    return ++(*at)->count;
}

void address_counts_remove(struct address_counts *counts, const struct address *address)
{
    struct address_counter **at = find(counts, address), *counter = *at;
    if (--counter->count > 0)
        return;
    *at = counter->next;
    free(counter);
}
