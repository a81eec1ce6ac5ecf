/* How many connections each address has. One thread. */
#pragma once

#include "base/address.h"

enum { ADDRESS_BUCKETS = 1024 };

struct address_counter {
    struct address address;
    uint32_t count;
    struct address_counter *next; /* in its bucket */
};

/* The hash is keyed: who chooses addresses (IPv6 has many) cannot choose buckets. */
struct address_counts {
    uint64_t key;
    struct address_counter *buckets[ADDRESS_BUCKETS];
};

void address_counts_init(struct address_counts *counts);

/* One more connection; returns how many the address has now, 0 without memory (not counted). */
uint32_t address_counts_add(struct address_counts *counts, const struct address *address);

/* One fewer; only what was counted. */
void address_counts_remove(struct address_counts *counts, const struct address *address);
