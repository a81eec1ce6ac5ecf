/* SHA-256 digests: what a picture is, and what a page of the KV cache holds. */
#pragma once

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

struct digest {
    uint8_t bytes[32];
};

/* Hashes in pieces; allocates nothing once created. For one thread at a time. */
struct hasher;

/* Codes: memory_full. */
MUST_CHECK enum status hasher_create(struct hasher **out, struct reason *why);
void hasher_destroy(struct hasher *hasher); /* takes NULL */

/* begin and adds, then end. */
void hasher_begin(struct hasher *hasher);
void hasher_add(struct hasher *hasher, const void *bytes, size_t len);
void hasher_end(struct hasher *hasher, struct digest *out);
