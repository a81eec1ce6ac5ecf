/* The inside of the pair encoder, shared by the ways for short and for long words. */
#pragma once

#include "model/bpe.h"

#define NO_RANK UINT32_MAX

/* Open addressing, linear probing; rank NO_RANK marks a free slot. */
struct slot {
    int32_t left, right;
    uint32_t rank;
    int32_t merged;
};

/* What two adjacent tokens make. */
struct pair {
    uint32_t rank; /* NO_RANK: nothing */
    int32_t merged;
};

struct bpe {
    struct slot *slots;
    uint32_t shift; /* 64 - log2(slots) */
    uint32_t mask;
    int32_t byte_ids[256];
    size_t merges;
    struct pair bytes[256][256]; /* what the tokens of two single bytes make */
};

static inline uint32_t slot_of(const struct bpe *bpe, int32_t left, int32_t right)
{
    const uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    return (uint32_t)((key * 0x9E3779B97F4A7C15u) >> bpe->shift);
}

/* The slot of the pair, or a free one. */
static inline struct slot *slot_at(const struct bpe *bpe, int32_t left, int32_t right)
{
    for (uint32_t i = slot_of(bpe, left, right);; i = (i + 1) & bpe->mask) {
        struct slot *slot = &bpe->slots[i];
        if ((slot->left == left && slot->right == right) || slot->rank == NO_RANK)
            return slot;
    }
}

static inline struct pair find(const struct bpe *bpe, int32_t left, int32_t right)
{
    const struct slot *slot = slot_at(bpe, left, right);
    return (struct pair){slot->rank, slot->merged};
}

static inline struct pair find_bytes(const struct bpe *bpe, char left, char right)
{
    return bpe->bytes[(unsigned char)left][(unsigned char)right];
}

/* Words of any length, in time close to linear. */
MUST_CHECK enum status bpe_encode_long(const struct bpe *bpe, struct str word, int32_t *ids,
                                       size_t *count, struct reason *why);
