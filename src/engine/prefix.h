/* The digests of the pages of one sequence, each of everything up to the end of its page: token
 * ids, their M-RoPE positions, and what the pictures show. Two pages with the same digest hold the
 * same keys and values, in the same cache.
 *
 * digest[i] = SHA-256(digest[i - 1], tokens, pictures), digest[-1] being the caller's seed: what
 * must not share pages (another tenant) takes another seed. Model, precision and KV type need none:
 * a cache has one of each. */
#pragma once

#include "engine/positions.h"

struct prefix {
    struct hasher *hasher;
    struct digest *pages; /* [cap] */
    uint32_t count, cap;
    struct digest seed;
};

/* Codes: memory_full. Release it either way. */
MUST_CHECK enum status prefix_init(struct prefix *prefix, uint64_t seed, uint32_t pages,
                                   struct reason *why);
void prefix_release(struct prefix *prefix); /* takes a zeroed one too */

/* A token in its place. */
struct prefix_token {
    int32_t id;
    int32_t position[3]; /* T, H, W */
};

/* Appends the next page: its n tokens, the first of which is number `first` of the sequence, and
 * the segments, in order, some of which may lie in it. */
void prefix_add(struct prefix *prefix, const struct prefix_token *tokens, uint32_t first,
                uint32_t n, const struct segment *segments, size_t segment_count);
