#include "engine/image_cache.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 1024 };

struct image_cache {
    uint64_t limit;
    struct image_cache_figures figures;
    uint32_t held;                          /* entries that somebody holds */
    struct image_features *oldest, *newest; /* of those that nobody holds */
    struct image_features *buckets[BUCKETS];
};

enum status image_cache_create(uint64_t limit_bytes, struct image_cache **out, struct reason *why)
{
    struct image_cache *cache = calloc(1, sizeof *cache);
    if (!cache)
        return reason_no_memory(why, sizeof *cache);
    cache->limit = limit_bytes;
    *out = cache;
    return STATUS_OK;
}

/* Digests are uniform: any of their bits will do. */
static struct image_features **bucket_of(struct image_cache *cache, const struct image_key *key)
{
    uint32_t bits;
    memcpy(&bits, key->digest.bytes, sizeof bits);
    return &cache->buckets[(bits + key->group) % BUCKETS];
}

static bool same_key(const struct image_key *a, const struct image_key *b)
{
    return a->group == b->group && memcmp(&a->digest, &b->digest, sizeof a->digest) == 0;
}

static void unlist(struct image_cache *cache, struct image_features *features)
{
    *(features->older ? &features->older->newer : &cache->oldest) = features->newer;
    *(features->newer ? &features->newer->older : &cache->newest) = features->older;
    features->older = features->newer = NULL;
}

static void drop(struct image_cache *cache, struct image_features *features)
{
    struct image_features **at = bucket_of(cache, &features->key);
    while (*at != features)
        at = &(*at)->chain;
    *at = features->chain;
    unlist(cache, features);
    cache->figures.bytes -= features->bytes;
    free(features->planes);
    free(features);
}

static void drop_until(struct image_cache *cache, uint64_t limit)
{
    while (cache->oldest && cache->figures.bytes > limit)
        drop(cache, cache->oldest);
}

void image_cache_destroy(struct image_cache *cache)
{
    if (!cache)
        return;
    assert(cache->held == 0);
    drop_until(cache, 0);
    free(cache);
}

struct image_features *image_cache_hold(struct image_cache *cache, const struct image_key *key)
{
    struct image_features *features = *bucket_of(cache, key);
    while (features && !same_key(&features->key, key))
        features = features->chain;
    if (!features)
        return NULL;
    cache->figures.hits++;
    if (features->holders++ == 0) {
        unlist(cache, features);
        cache->held++;
    }
    return features;
}

enum status image_cache_add(struct image_cache *cache, const struct image_key *key, float *planes,
                            size_t bytes, struct image_features **out, struct reason *why)
{
    struct image_features *features = calloc(1, sizeof *features);
    if (!features) {
        free(planes);
        return reason_no_memory(why, sizeof *features);
    }
    struct image_features **bucket = bucket_of(cache, key);
    *features = (struct image_features){
        .planes = planes, .bytes = bytes, .key = *key, .holders = 1, .chain = *bucket};
    *bucket = features;
    cache->held++;
    cache->figures.bytes += bytes;
    cache->figures.misses++;
    drop_until(cache, cache->limit);
    *out = features;
    return STATUS_OK;
}

void image_cache_let_go(struct image_cache *cache, struct image_features *features)
{
    assert(features->holders > 0);
    if (--features->holders > 0)
        return;
    cache->held--;
    features->older = cache->newest;
    *(cache->newest ? &cache->newest->newer : &cache->oldest) = features;
    cache->newest = features;
    drop_until(cache, cache->limit);
}

struct image_cache_figures image_cache_figures(const struct image_cache *cache)
{
    return cache->figures;
}
