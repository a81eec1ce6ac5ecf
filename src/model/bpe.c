#include "model/bpe.h"

#include <stdlib.h>

#define NO_RANK UINT32_MAX

enum { SHORT_WORD = 192 };

/* Open addressing, linear probing; rank NO_RANK marks a free slot. */
struct slot {
    int32_t left, right;
    uint32_t rank;
    int32_t merged;
};

struct bpe {
    struct slot *slots;
    uint32_t shift; /* 64 - log2(slots) */
    uint32_t mask;
    int32_t byte_ids[256];
};

static inline uint32_t slot_of(const struct bpe *bpe, int32_t left, int32_t right)
{
    const uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    return (uint32_t)((key * 0x9E3779B97F4A7C15u) >> bpe->shift);
}

/* The slot of the pair, or a free one. */
static inline const struct slot *find(const struct bpe *bpe, int32_t left, int32_t right)
{
    for (uint32_t i = slot_of(bpe, left, right);; i = (i + 1) & bpe->mask) {
        const struct slot *slot = &bpe->slots[i];
        if ((slot->left == left && slot->right == right) || slot->rank == NO_RANK)
            return slot;
    }
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
    *bpe = (struct bpe){.slots = slots, .shift = 64 - bits, .mask = ((uint32_t)1 << bits) - 1};
    memcpy(bpe->byte_ids, byte_ids, sizeof bpe->byte_ids);
    for (size_t i = 0; i <= bpe->mask; i++)
        slots[i] = (struct slot){-1, -1, NO_RANK, -1};
    for (size_t i = 0; i < count; i++) {
        struct slot *slot = (struct slot *)(uintptr_t)find(bpe, merges[i].left, merges[i].right);
        if (slot->rank == NO_RANK) /* of equal pairs the first counts */
            *slot = (struct slot){merges[i].left, merges[i].right, (uint32_t)i, merges[i].merged};
    }
    *out = bpe;
    return STATUS_OK;
}

void bpe_destroy(struct bpe *bpe)
{
    if (bpe)
        free(bpe->slots);
    free(bpe);
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
        const struct slot *slot = find(bpe, ids[i], ids[i + 1]);
        ranks[i] = slot->rank;
        merged[i] = slot->merged;
    }
    while (n > 1) {
        size_t best = 0;
        for (size_t i = 1; i + 1 < n; i++)
            best = ranks[i] < ranks[best] ? i : best;
        if (ranks[best] == NO_RANK)
            break;
        ids[best] = merged[best];
        const size_t tail = n - best - 2;
        memmove(ids + best + 1, ids + best + 2, tail * sizeof *ids);
        if (tail) {
            memmove(ranks + best + 1, ranks + best + 2, (tail - 1) * sizeof *ranks);
            memmove(merged + best + 1, merged + best + 2, (tail - 1) * sizeof *merged);
            const struct slot *slot = find(bpe, ids[best], ids[best + 1]);
            ranks[best] = slot->rank;
            merged[best] = slot->merged;
        }
        n--;
        if (best > 0) {
            const struct slot *slot = find(bpe, ids[best - 1], ids[best]);
            ranks[best - 1] = slot->rank;
            merged[best - 1] = slot->merged;
        }
    }
    return n;
}

/* Long words: a linked list of tokens and a heap of candidate merges. A candidate is stale when its
 * left token or the pair has changed since. */
struct node {
    int32_t id;
    uint32_t previous, next; /* NO_RANK: none */
};

struct candidate {
    uint32_t rank, at;
    int32_t left, right;
};

struct queue {
    struct candidate *heap;
    size_t count;
};

static inline bool before(struct candidate a, struct candidate b)
{
    return a.rank != b.rank ? a.rank < b.rank : a.at < b.at;
}

static void push(struct queue *q, struct candidate c)
{
    size_t i = q->count++;
    while (i > 0 && before(c, q->heap[(i - 1) / 2])) {
        q->heap[i] = q->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    q->heap[i] = c;
}

static struct candidate pop(struct queue *q)
{
    const struct candidate top = q->heap[0], last = q->heap[--q->count];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= q->count)
            break;
        if (child + 1 < q->count && before(q->heap[child + 1], q->heap[child]))
            child++;
        if (!before(q->heap[child], last))
            break;
        q->heap[i] = q->heap[child];
        i = child;
    }
    q->heap[i] = last;
    return top;
}

static void offer(const struct bpe *bpe, struct queue *q, const struct node *nodes, uint32_t at)
{
    if (at == NO_RANK || nodes[at].next == NO_RANK)
        return;
    const int32_t left = nodes[at].id, right = nodes[nodes[at].next].id;
    const struct slot *slot = find(bpe, left, right);
    if (slot->rank != NO_RANK)
        push(q, (struct candidate){slot->rank, at, left, right});
}

static void merge_all(const struct bpe *bpe, struct queue *q, struct node *nodes)
{
    while (q->count) {
        const struct candidate c = pop(q);
        struct node *node = &nodes[c.at];
        if (node->id != c.left || node->next == NO_RANK || nodes[node->next].id != c.right)
            continue;
        struct node *right = &nodes[node->next];
        node->id = find(bpe, c.left, c.right)->merged;
        right->id = -1;
        node->next = right->next;
        if (node->next != NO_RANK)
            nodes[node->next].previous = c.at;
        offer(bpe, q, nodes, c.at);
        offer(bpe, q, nodes, node->previous);
    }
}

static enum status encode_long(const struct bpe *bpe, struct str word, int32_t *ids, size_t *count,
                               struct reason *why)
{
    const size_t n = word.len;
    if (n >= NO_RANK / 4)
        return reason_no_memory(why, n);
    /* Each merge takes one candidate out and puts at most two in. */
    struct queue q = {malloc(3 * n * sizeof *q.heap), 0};
    struct node *nodes = malloc(n * sizeof *nodes);
    enum status status = STATUS_OK;
    if (!q.heap || !nodes) {
        status = reason_no_memory(why, n * (3 * sizeof *q.heap + sizeof *nodes));
    } else {
        for (uint32_t i = 0; i < n; i++)
            nodes[i] = (struct node){bpe->byte_ids[(unsigned char)word.ptr[i]], i ? i - 1 : NO_RANK,
                                     i + 1 < n ? i + 1 : NO_RANK};
        for (uint32_t i = 0; i < n; i++)
            offer(bpe, &q, nodes, i);
        merge_all(bpe, &q, nodes);
        *count = 0;
        for (uint32_t i = 0; i != NO_RANK; i = nodes[i].next)
            ids[(*count)++] = nodes[i].id;
    }
    free(nodes);
    free(q.heap);
    return status;
}

enum status bpe_encode(const struct bpe *bpe, struct str word, int32_t *ids, size_t *count,
                       struct reason *why)
{
    if (word.len > SHORT_WORD)
        return encode_long(bpe, word, ids, count, why);
    *count = word.len ? encode_short(bpe, word, ids) : 0;
    return STATUS_OK;
}
