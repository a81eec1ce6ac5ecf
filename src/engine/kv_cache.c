#include "engine/kv_cache.h"

#include <assert.h>
#include <stdlib.h>

struct kv_cache {
    enum dtype dtype;
    uint32_t pages, free_count;
    uint32_t *free_list; /* a stack of free pages */
    size_t half_bytes;   /* K, or V, of one page and layer */
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
        .memory = aligned_alloc(64, (size_t)(page_bytes * pages)), /* a page is k · 64 bytes */
    };
    if (!cache->free_list || !cache->memory) {
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
    free(cache->free_list);
    free(cache->memory);
    free(cache);
}

enum dtype kv_cache_dtype(const struct kv_cache *cache)
{
    return cache->dtype;
}

uint32_t kv_cache_pages(const struct kv_cache *cache)
{
    return cache->pages;
}

uint32_t kv_cache_free_pages(const struct kv_cache *cache)
{
    return cache->free_count;
}

bool kv_pages_grow(struct kv_cache *cache, struct kv_pages *pages, uint32_t tokens)
{
    const uint32_t wanted = kv_pages_for(tokens);
    assert(wanted <= pages->cap);
    if (wanted > pages->count && wanted - pages->count > cache->free_count)
        return false;
    while (pages->count < wanted)
        pages->list[pages->count++] = cache->free_list[--cache->free_count];
    return true;
}

void kv_pages_release(struct kv_cache *cache, struct kv_pages *pages)
{
    while (pages->count > 0)
        cache->free_list[cache->free_count++] = pages->list[--pages->count];
}

void *kv_page_keys(const struct kv_cache *cache, uint32_t page, uint32_t layer)
{
    return cache->memory + ((size_t)page * cache->layers + layer) * 2 * cache->half_bytes;
}

void *kv_page_values(const struct kv_cache *cache, uint32_t page, uint32_t layer)
{
    return (char *)kv_page_keys(cache, page, layer) + cache->half_bytes;
}
