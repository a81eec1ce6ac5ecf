#include "engine/prefix.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum status prefix_init(struct prefix *prefix, uint64_t seed, uint32_t pages, struct reason *why)
{
    *prefix = (struct prefix){.cap = pages};
    memcpy(prefix->seed.bytes, &seed, sizeof seed);
    prefix->pages = calloc(pages, sizeof *prefix->pages);
    if (!prefix->pages)
        return reason_no_memory(why, pages * sizeof *prefix->pages);
    return hasher_create(&prefix->hasher, why);
}

void prefix_release(struct prefix *prefix)
{
    hasher_destroy(prefix->hasher);
    free(prefix->pages);
}

/* Which picture, which group of it, and where it begins. */
static void add_segment(struct hasher *hasher, const struct segment *segment)
{
    const uint32_t place[] = {segment->group, segment->first};
    hasher_add(hasher, &segment->visual->digest, sizeof segment->visual->digest);
    hasher_add(hasher, place, sizeof place);
}

void prefix_add(struct prefix *prefix, const struct prefix_token *tokens, uint32_t first,
                uint32_t n, const struct segment *segments, size_t segment_count)
{
    assert(prefix->count < prefix->cap);
    const struct digest *before = prefix->count ? &prefix->pages[prefix->count - 1] : &prefix->seed;
    hasher_begin(prefix->hasher);
    hasher_add(prefix->hasher, before, sizeof *before);
    hasher_add(prefix->hasher, tokens, n * sizeof *tokens);
    for (size_t i = 0; i < segment_count && segments[i].first < first + n; i++)
        if (segments[i].first + segment_tokens(&segments[i]) > first)
            add_segment(prefix->hasher, &segments[i]);
    hasher_end(prefix->hasher, &prefix->pages[prefix->count++]);
}
