/* What the vision tower made of pictures, kept by what they show, so that a picture that is asked
 * about twice is encoded once.
 *
 * Sequences hold what they use; what nobody holds stays until the cache needs its bytes, the
 * longest unused first. What is held counts against the limit and is never dropped, so the cache
 * alone may be above its limit only by what running sequences use. For the scheduler thread only.
 */
#pragma once

#include "engine/digest.h"

struct image_cache;

struct image_key {
    struct digest digest; /* of the picture or video */
    uint32_t group;       /* temporal group of a video, or 0 */
};

struct image_features {
    float *planes; /* what vision_run gives */
    size_t bytes;
    struct image_key key;
    uint32_t holders;
    struct image_features *chain;         /* the next in its bucket */
    struct image_features *older, *newer; /* while nobody holds it */
};

struct image_cache_figures {
    uint64_t bytes;        /* held and kept */
    uint64_t hits, misses; /* since the start */
};

/* limit_bytes 0: what nobody holds is dropped. Codes: memory_full. */
MUST_CHECK enum status image_cache_create(uint64_t limit_bytes, struct image_cache **out,
                                          struct reason *why);
/* Nothing may be held. Takes NULL. */
void image_cache_destroy(struct image_cache *cache);

/* What a picture became, then held, or NULL. */
struct image_features *image_cache_hold(struct image_cache *cache, const struct image_key *key);

/* Puts in what is not there and holds it. Takes `planes` over, whether it succeeds or not. Codes:
 * memory_full. */
MUST_CHECK enum status image_cache_add(struct image_cache *cache, const struct image_key *key,
                                       float *planes, size_t bytes, struct image_features **out,
                                       struct reason *why);

void image_cache_let_go(struct image_cache *cache, struct image_features *features);

struct image_cache_figures image_cache_figures(const struct image_cache *cache);
