#include "engine/kv_cache.h"

#include "engine/prefix_index.h"

#include <assert.h>
#include <stdlib.h>

/* A page in the list of published pages that nobody holds. */
struct link {
    uint32_t older, newer; /* PREFIX_NONE: none */
};

struct kv_cache {
    enum dtype dtype;
    uint32_t pages, free_count, kept_count;
    uint32_t *free_list;     /* a stack of pages without content */
    uint32_t *holders;       /* [pages] */
    struct link *links;      /* [pages] */
    uint32_t oldest, newest; /* of the pages that are kept, or PREFIX_NONE */
    struct prefix_index index;
    size_t half_bytes; /* K, or V, of one page and layer */
    uint32_t layers;
    char *memory; /* [pages][layers][K, V][kv_heads][32][head_dim] */
};

enum dtype kv_dtype(enum kv_type type)
{
    static const enum dtype dtypes[] = {
        [KV_F16] = DTYPE_F16, [KV_F32] = DTYPE_F32, [KV_Q8_0] = DTYPE_Q8_0};
    return dtypes[type];
}

enum status kv_type_check(const struct text_config *config, enum kv_type type, struct reason *why)
{
    const struct dtype_info *info = dtype_info(kv_dtype(type));
    if (config->head_dim % info->values == 0)
        return STATUS_OK;
    reason_set(why, "invalid_value",
               "Heads of %u numbers cannot be kept in %s: it takes blocks of %u.",
               "每个头 %u 个数，无法以 %s 存储：它以 %u 个数为一块。", config->head_dim, info->name,
               info->values);
    reason_hint(why, "Use model.kv_type f16.", "请使用 model.kv_type f16。");
    return STATUS_INVALID;
}

static uint64_t half_bytes(const struct text_config *config, enum kv_type type)
{
    const size_t head = dtype_bytes(kv_dtype(type), config->head_dim);
    return (uint64_t)config->kv_heads * KV_PAGE_TOKENS * head;
}

uint64_t kv_page_bytes(const struct text_config *config, enum kv_type type)
{
    return 2 * config->layers * half_bytes(config, type);
}

static enum status cache_too_large(struct reason *why, uint64_t bytes)
{
    reason_set(why, "memory_full", "The KV cache of %llu MiB does not fit into memory.",
               "内存不足，无法分配 %llu MiB 的 KV 缓存。", (unsigned long long)(bytes >> 20));
    reason_hint(why, "Use a smaller KV cache or a smaller context.",
                "请减小 KV 缓存或上下文长度。");
    return STATUS_NO_MEMORY;
}

enum status kv_cache_create(const struct text_config *config, enum kv_type type, uint32_t pages,
                            struct kv_cache **out, struct reason *why)
{
    assert(pages > 0);
    const enum status status = kv_type_check(config, type, why);
    if (status != STATUS_OK)
        return status;
    const uint64_t page_bytes = kv_page_bytes(config, type);
    if (page_bytes > SIZE_MAX / pages)
        return cache_too_large(why, SIZE_MAX);
    struct kv_cache *cache = malloc(sizeof *cache);
    if (!cache)
        return reason_no_memory(why, sizeof *cache);
    *cache = (struct kv_cache){
        .dtype = kv_dtype(type),
        .pages = pages,
        .layers = config->layers,
        .half_bytes = (size_t)half_bytes(config, type),
        .free_list = malloc(pages * sizeof *cache->free_list),
        .holders = calloc(pages, sizeof *cache->holders),
        .links = calloc(pages, sizeof *cache->links),
        .oldest = PREFIX_NONE,
        .newest = PREFIX_NONE,
        .memory = aligned_alloc(64, (size_t)(page_bytes * pages)), /* a page is k · 64 bytes */
    };
    if (!prefix_index_init(&cache->index, pages) || !cache->free_list || !cache->holders ||
        !cache->links || !cache->memory) {
        kv_cache_destroy(cache);
        return cache_too_large(why, page_bytes * pages);
    }
    while (cache->free_count < pages) {
        cache->free_list[cache->free_count] = pages - 1 - cache->free_count;
        cache->free_count++;
    }
    *out = cache;
    return STATUS_OK;
}

void kv_cache_destroy(struct kv_cache *cache)
{
    if (!cache)
        return;
    prefix_index_release(&cache->index);
    free(cache->free_list);
    free(cache->holders);
    free(cache->links);
    free(cache->memory);
    free(cache);
}

enum dtype kv_cache_dtype(const struct kv_cache *cache)
{
    return cache->dtype;
}

size_t kv_cache_page_bytes(const struct kv_cache *cache)
{
    return 2 * cache->layers * cache->half_bytes;
}

uint32_t kv_cache_pages(const struct kv_cache *cache)
{
    return cache->pages;
}

uint32_t kv_cache_free_pages(const struct kv_cache *cache)
{
    return cache->free_count + cache->kept_count;
}

uint32_t kv_cache_kept_pages(const struct kv_cache *cache)
{
    return cache->kept_count;
}

/* Into the list of those that are kept, as the newest. */
static void keep(struct kv_cache *cache, uint32_t page)
{
    cache->links[page] = (struct link){.older = cache->newest, .newer = PREFIX_NONE};
    *(cache->newest == PREFIX_NONE ? &cache->oldest : &cache->links[cache->newest].newer) = page;
    cache->newest = page;
    cache->kept_count++;
}

static void unkeep(struct kv_cache *cache, uint32_t page)
{
    const struct link link = cache->links[page];
    *(link.older == PREFIX_NONE ? &cache->oldest : &cache->links[link.older].newer) = link.newer;
    *(link.newer == PREFIX_NONE ? &cache->newest : &cache->links[link.newer].older) = link.older;
    cache->kept_count--;
}

/* An empty page, or else the oldest of those that are kept. */
static uint32_t take(struct kv_cache *cache)
{
    uint32_t page;
    if (cache->free_count > 0) {
        page = cache->free_list[--cache->free_count];
    } else {
        page = cache->oldest;
        unkeep(cache, page);
        prefix_index_remove(&cache->index, page);
    }
    cache->holders[page] = 1;
    return page;
}

static void let_go(struct kv_cache *cache, uint32_t page)
{
    assert(cache->holders[page] > 0);
    if (--cache->holders[page] > 0)
        return;
    if (cache->index.known[page])
        keep(cache, page);
    else
        cache->free_list[cache->free_count++] = page;
}

bool kv_pages_grow(struct kv_cache *cache, struct kv_pages *pages, uint32_t tokens)
{
    const uint32_t wanted = kv_pages_for(tokens);
    assert(wanted <= pages->cap);
    if (wanted > pages->count && wanted - pages->count > kv_cache_free_pages(cache))
        return false;
    while (pages->count < wanted)
        pages->list[pages->count++] = take(cache);
    return true;
}

void kv_pages_release(struct kv_cache *cache, struct kv_pages *pages)
{
    while (pages->count > 0) /* the last first: without what is before it, a page is of no use */
        let_go(cache, pages->list[--pages->count]);
}

void kv_pages_publish(struct kv_cache *cache, const struct kv_pages *pages, uint32_t index,
                      const struct digest *key)
{
    const uint32_t page = pages->list[index];
    if (!cache->index.known[page] && prefix_index_find(&cache->index, key) == PREFIX_NONE)
        prefix_index_add(&cache->index, page, key);
}

bool kv_pages_adopt(struct kv_cache *cache, struct kv_pages *pages, uint32_t index,
                    const struct digest *key)
{
    assert(index <= pages->count && index < pages->cap);
    const uint32_t page = prefix_index_find(&cache->index, key);
    if (page == PREFIX_NONE)
        return false;
    if (cache->holders[page]++ == 0)
        unkeep(cache, page);
    if (index < pages->count)
        let_go(cache, pages->list[index]);
    else
        pages->count++;
    pages->list[index] = page;
    return true;
}

void *kv_page_keys(const struct kv_cache *cache, uint32_t page, uint32_t layer)
{
    return cache->memory + page * kv_cache_page_bytes(cache) + 2 * layer * cache->half_bytes;
}

void *kv_page_values(const struct kv_cache *cache, uint32_t page, uint32_t layer)
{
    return (char *)kv_page_keys(cache, page, layer) + cache->half_bytes;
}
