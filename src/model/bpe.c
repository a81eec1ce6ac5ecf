#include "model/bpe_parts.h"

#include <stdlib.h>

enum { SHORT_WORD = 192 };

static void fill(struct bpe *bpe, const struct bpe_merge *merges, size_t count)
{
    for (size_t i = 0; i <= bpe->mask; i++)
        bpe->slots[i] = (struct slot){-1, -1, NO_RANK, -1};
    for (size_t i = 0; i < count; i++) {
        struct slot *slot = slot_at(bpe, merges[i].left, merges[i].right);
        if (slot->rank == NO_RANK) /* of equal pairs the first counts */
            *slot = (struct slot){merges[i].left, merges[i].right, (uint32_t)i, merges[i].merged};
    }
    for (int left = 0; left < 256; left++)
        for (int right = 0; right < 256; right++)
            bpe->bytes[left][right] = find(bpe, bpe->byte_ids[left], bpe->byte_ids[right]);
}

enum status bpe_create(const struct bpe_merge *merges, size_t count, const int32_t byte_ids[256],
                       struct bpe **out, struct reason *why)
{
    uint32_t bits = 4;
    while (((size_t)1 << bits) < count * 2)
        bits++;
    struct bpe *bpe = calloc(1, sizeof *bpe);
    struct slot *slots = malloc(((size_t)1 << bits) * sizeof *slots);
    if (!bpe || !slots) {
        free(slots);
        free(bpe);
        return reason_no_memory(why, ((size_t)1 << bits) * sizeof *slots);
    }
    bpe->slots = slots;
    bpe->shift = 64 - bits;
    bpe->mask = ((uint32_t)1 << bits) - 1;
    bpe->merges = count;
    memcpy(bpe->byte_ids, byte_ids, sizeof bpe->byte_ids);
    fill(bpe, merges, count);
    *out = bpe;
    return STATUS_OK;
}

void bpe_destroy(struct bpe *bpe)
{
    if (bpe)
        free(bpe->slots);
    free(bpe);
}

static uint32_t lowest(const uint32_t *ranks, size_t n)
{
    uint32_t low = NO_RANK;
    for (size_t i = 0; i < n; i++)
        low = ranks[i] < low ? ranks[i] : low;
    return low;
}

/* Short words: an array of tokens and one of the ranks of each with its right neighbour. */
static size_t encode_short(const struct bpe *bpe, struct str word, int32_t *ids)
{
    uint32_t ranks[SHORT_WORD];
    int32_t merged[SHORT_WORD];
    size_t n = word.len;
    for (size_t i = 0; i < n; i++)
        ids[i] = bpe->byte_ids[(unsigned char)word.ptr[i]];
    for (size_t i = 0; i + 1 < n; i++) {
        const struct pair pair = find_bytes(bpe, word.ptr[i], word.ptr[i + 1]);
        ranks[i] = pair.rank;
        merged[i] = pair.merged;
    }
    while (n > 1) {
        const uint32_t low = lowest(ranks, n - 1);
        if (low == NO_RANK)
            break;
        size_t at = 0;
        while (ranks[at] != low)
            at++;
        ids[at] = merged[at];
        const size_t tail = n - at - 2;
        memmove(ids + at + 1, ids + at + 2, tail * sizeof *ids);
        if (tail) {
            memmove(ranks + at + 1, ranks + at + 2, (tail - 1) * sizeof *ranks);
            memmove(merged + at + 1, merged + at + 2, (tail - 1) * sizeof *merged);
            const struct pair pair = find(bpe, ids[at], ids[at + 1]);
            ranks[at] = pair.rank;
            merged[at] = pair.merged;
        }
        n--;
        if (at > 0) {
            const struct pair pair = find(bpe, ids[at - 1], ids[at]);
            ranks[at - 1] = pair.rank;
            merged[at - 1] = pair.merged;
        }
    }
    return n;
}

enum status bpe_encode(const struct bpe *bpe, struct str word, int32_t *ids, size_t *count,
                       struct reason *why)
{
    if (word.len > SHORT_WORD)
        return bpe_encode_long(bpe, word, ids, count, why);
    *count = word.len ? encode_short(bpe, word, ids) : 0;
    return STATUS_OK;
}
