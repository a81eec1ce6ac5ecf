/* Long words: a linked list of tokens, and for each rank the places where its merge may happen.
 *
 * Ranks are worked off from the lowest; within a rank, from left to right. A merge makes longer
 * tokens, whose own merges have higher ranks in any trained vocabulary: so each list is filled
 * first and emptied later, and put in order at most a few times. */
#include "model/bpe_parts.h"

#include <stdlib.h>

#define NONE UINT32_MAX

struct node {
    int32_t id;
    uint32_t previous, next; /* NONE: the end */
    struct pair pair;        /* with the next token */
};

/* A place in the list of a rank. It is stale if the node's pair has another rank by now. */
struct place {
    uint32_t at, next;
};

struct list {
    uint32_t rank;        /* NO_RANK: a free entry of the table */
    uint32_t first, last; /* places; first == NONE: empty */
    bool in_order;        /* places ascend */
};

struct work {
    const struct bpe *bpe;
    struct node *nodes;
    struct place *places; /* each merge adds at most two to the first n */
    uint32_t place_count;
    struct list *lists; /* by rank & mask, linear probing */
    uint32_t mask;
    uint32_t *heap; /* lists that hold places, lowest rank first */
    uint32_t heap_count;
};

static inline uint32_t rank_at(const struct work *w, uint32_t i)
{
    return w->lists[w->heap[i]].rank;
}

static void push(struct work *w, uint32_t list)
{
    const uint32_t rank = w->lists[list].rank;
    uint32_t i = w->heap_count++;
    for (; i > 0 && rank < rank_at(w, (i - 1) / 2); i = (i - 1) / 2)
        w->heap[i] = w->heap[(i - 1) / 2];
    w->heap[i] = list;
}

static void pop(struct work *w)
{
    const uint32_t last = w->heap[--w->heap_count], rank = w->lists[last].rank;
    uint32_t i = 0;
    for (;;) {
        uint32_t child = 2 * i + 1;
        if (child >= w->heap_count)
            break;
        if (child + 1 < w->heap_count && rank_at(w, child + 1) < rank_at(w, child))
            child++;
        if (rank <= rank_at(w, child))
            break;
        w->heap[i] = w->heap[child];
        i = child;
    }
    w->heap[i] = last;
}

static uint32_t list_of(struct work *w, uint32_t rank)
{
    uint32_t i = rank & w->mask;
    while (w->lists[i].rank != rank && w->lists[i].rank != NO_RANK)
        i = (i + 1) & w->mask;
    if (w->lists[i].rank == NO_RANK)
        w->lists[i] = (struct list){rank, NONE, NONE, true};
    return i;
}

/* Notes that the pair of node `at` can be merged. */
static void offer(struct work *w, uint32_t at)
{
    const uint32_t i = list_of(w, w->nodes[at].pair.rank), place = w->place_count++;
    struct list *list = &w->lists[i];
    w->places[place] = (struct place){at, NONE};
    if (list->first == NONE) {
        list->first = place;
        list->in_order = true;
        push(w, i);
    } else {
        list->in_order = list->in_order && w->places[list->last].at < at;
        w->places[list->last].next = place;
    }
    list->last = place;
}

static void pair_up(struct work *w, uint32_t at)
{
    struct node *node = &w->nodes[at];
    node->pair = node->next == NONE ? (struct pair){NO_RANK, -1}
                                    : find(w->bpe, node->id, w->nodes[node->next].id);
    if (node->pair.rank != NO_RANK)
        offer(w, at);
}

/* Joins two ascending lists. */
static uint32_t join(struct place *places, uint32_t a, uint32_t b)
{
    uint32_t first = NONE, *link = &first;
    while (a != NONE && b != NONE) {
        uint32_t *smaller = places[a].at <= places[b].at ? &a : &b;
        *link = *smaller;
        link = &places[*smaller].next;
        *smaller = *link;
    }
    *link = a != NONE ? a : b;
    return first;
}

/* Merge sort from below: runs[k] holds 2^k places. */
static void put_in_order(struct work *w, struct list *list)
{
    uint32_t runs[32];
    for (size_t k = 0; k < 32; k++)
        runs[k] = NONE;
    for (uint32_t next, place = list->first; place != NONE; place = next) {
        next = w->places[place].next;
        w->places[place].next = NONE;
        size_t k = 0;
        for (; runs[k] != NONE; k++) {
            place = join(w->places, runs[k], place);
            runs[k] = NONE;
        }
        runs[k] = place;
    }
    list->first = NONE;
    for (size_t k = 0; k < 32; k++)
        list->first = join(w->places, runs[k], list->first);
    for (list->last = list->first; w->places[list->last].next != NONE;)
        list->last = w->places[list->last].next;
    list->in_order = true;
}

static void merge(struct work *w, uint32_t at)
{
    struct node *node = &w->nodes[at], *right = &w->nodes[node->next];
    node->id = node->pair.merged;
    right->pair.rank = NO_RANK;
    node->next = right->next;
    if (node->next != NONE)
        w->nodes[node->next].previous = at;
    if (node->previous != NONE)
        pair_up(w, node->previous);
    pair_up(w, at);
}

static void merge_all(struct work *w)
{
    while (w->heap_count) {
        struct list *list = &w->lists[w->heap[0]];
        if (!list->in_order)
            put_in_order(w, list);
        const struct place place = w->places[list->first];
        list->first = place.next;
        if (list->first == NONE)
            pop(w);
        if (w->nodes[place.at].pair.rank == list->rank)
            merge(w, place.at);
    }
}

static void start(struct work *w, struct str word)
{
    const uint32_t n = (uint32_t)word.len;
    for (uint32_t i = 0; i <= w->mask; i++)
        w->lists[i].rank = NO_RANK;
    for (uint32_t i = 0; i < n; i++)
        w->nodes[i] = (struct node){w->bpe->byte_ids[(unsigned char)word.ptr[i]],
                                    i ? i - 1 : NONE,
                                    i + 1 < n ? i + 1 : NONE,
                                    {NO_RANK, -1}};
    for (uint32_t i = 0; i + 1 < n; i++) {
        w->nodes[i].pair = find_bytes(w->bpe, word.ptr[i], word.ptr[i + 1]);
        if (w->nodes[i].pair.rank != NO_RANK)
            offer(w, i);
    }
}

enum status bpe_encode_long(const struct bpe *bpe, struct str word, int32_t *ids, size_t *count,
                            struct reason *why)
{
    const size_t n = word.len;
    if (n >= NONE / 8)
        return reason_no_memory(why, n);
    /* No more lists than ranks, nor than places. */
    const size_t most_lists = 3 * n < bpe->merges ? 3 * n : bpe->merges;
    size_t slots = 16;
    while (slots < 2 * most_lists)
        slots *= 2;
    struct work w = {
        .bpe = bpe,
        .nodes = malloc(n * sizeof *w.nodes),
        .places = malloc(3 * n * sizeof *w.places),
        .lists = malloc(slots * sizeof *w.lists),
        .mask = (uint32_t)slots - 1,
        .heap = malloc((most_lists + 1) * sizeof *w.heap),
    };
    enum status status = STATUS_OK;
    if (!w.nodes || !w.places || !w.lists || !w.heap) {
        status = reason_no_memory(why, n * (sizeof *w.nodes + 3 * sizeof *w.places));
    } else {
        start(&w, word);
        merge_all(&w);
        *count = 0;
        for (uint32_t i = 0; i != NONE; i = w.nodes[i].next)
            ids[(*count)++] = w.nodes[i].id;
    }
    free(w.heap);
    free(w.lists);
    free(w.places);
    free(w.nodes);
    return status;
}
