#include "engine/prefix_index.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

bool prefix_index_init(struct prefix_index *index, uint32_t pages)
{
    uint32_t buckets = 1;
    while (buckets < pages && buckets < UINT32_C(1) << 31)
        buckets *= 2;
    *index = (struct prefix_index){
        .keys = calloc(pages, sizeof *index->keys),
        .known = calloc(pages, sizeof *index->known),
        .next = calloc(pages, sizeof *index->next),
        .buckets = malloc(buckets * sizeof *index->buckets),
        .mask = buckets - 1,
    };
    if (!index->keys || !index->known || !index->next || !index->buckets)
        return false;
    memset(index->buckets, 0xff, buckets * sizeof *index->buckets);
    return true;
}

void prefix_index_release(struct prefix_index *index)
{
    free(index->keys);
    free(index->known);
    free(index->next);
    free(index->buckets);
}

/* Digests are uniform: any of their bits will do. */
static uint32_t *bucket_of(const struct prefix_index *index, const struct digest *key)
{
    uint32_t bits;
    memcpy(&bits, key->bytes, sizeof bits);
    return &index->buckets[bits & index->mask];
}

uint32_t prefix_index_find(const struct prefix_index *index, const struct digest *key)
{
    uint32_t page = *bucket_of(index, key);
    while (page != PREFIX_NONE && memcmp(&index->keys[page], key, sizeof *key) != 0)
        page = index->next[page];
    return page;
}

void prefix_index_add(struct prefix_index *index, uint32_t page, const struct digest *key)
{
    assert(!index->known[page] && prefix_index_find(index, key) == PREFIX_NONE);
    uint32_t *bucket = bucket_of(index, key);
    index->keys[page] = *key;
    index->known[page] = true;
    index->next[page] = *bucket;
    *bucket = page;
}

void prefix_index_remove(struct prefix_index *index, uint32_t page)
{
    assert(index->known[page]);
    uint32_t *at = bucket_of(index, &index->keys[page]);
    while (*at != page)
        at = &index->next[*at];
    *at = index->next[page];
    index->known[page] = false;
}
