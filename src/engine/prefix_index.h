/* Which page of the KV cache holds what: from the digest of all tokens up to the end of a page to
 * that page. A page has one digest at most and a digest one page. Allocates nothing once
 * initialised. */
#pragma once

#include "engine/digest.h"

#include <stdbool.h>

#define PREFIX_NONE UINT32_MAX /* no page */

struct prefix_index {
    struct digest *keys; /* [pages] */
    bool *known;         /* [pages] whether the page is in the index */
    uint32_t *next;      /* [pages] the next page in its bucket, or PREFIX_NONE */
    uint32_t *buckets;   /* [mask + 1] the first page of each, or PREFIX_NONE */
    uint32_t mask;
};

/* False if there is no memory; release it either way. */
MUST_CHECK bool prefix_index_init(struct prefix_index *index, uint32_t pages);
void prefix_index_release(struct prefix_index *index);

/* The page of a digest, or PREFIX_NONE. */
uint32_t prefix_index_find(const struct prefix_index *index, const struct digest *key);

/* The page is not in the index, nor is the digest. */
void prefix_index_add(struct prefix_index *index, uint32_t page, const struct digest *key);

/* The page is in the index. */
void prefix_index_remove(struct prefix_index *index, uint32_t page);
