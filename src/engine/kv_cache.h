/* The KV cache: keys (rotated) and values of all layers, in pages of 32 tokens.
 *
 * One block of memory is cut into pages; a page holds 32 tokens in every layer. A sequence holds a
 * list of pages. In a page, K and V of one layer and kv head are [32, head_dim], contiguous, and
 * the heads of a layer follow each other: what attention_paged reads. Memory that no sequence used
 * yet is not touched.
 *
 * Full pages may be published under the digest of everything up to their end (prefix.h); then
 * other sequences that begin alike hold them too. A published page is never written again, and only
 * whole pages are shared, so nothing needs to be copied on write. A published page that nobody
 * holds stays, and is taken for new tokens when no other page is free, the longest unused first.
 * For the scheduler thread only. */
#pragma once

#include "base/status.h"
#include "engine/digest.h"
#include "kernels/matrix.h"
#include "model/config.h"

#include <stdbool.h>

enum { KV_PAGE_TOKENS = 32 };

/* The numbers that keys and values are kept as. */
enum kv_type { KV_F16, KV_F32, KV_Q8_0 };

enum dtype kv_dtype(enum kv_type type);

/* Whether a model's heads can be kept as such a type: Q8_0 takes blocks of 32 numbers. Codes:
 * invalid_value. */
MUST_CHECK enum status kv_type_check(const struct text_config *config, enum kv_type type,
                                     struct reason *why);

struct kv_cache;

/* Bytes of one page of such a model. */
uint64_t kv_page_bytes(const struct text_config *config, enum kv_type type);

/* Codes: memory_full, those of kv_type_check. */
MUST_CHECK enum status kv_cache_create(const struct text_config *config, enum kv_type type,
                                       uint32_t pages, struct kv_cache **out, struct reason *why);
void kv_cache_destroy(struct kv_cache *cache); /* takes NULL */

enum dtype kv_cache_dtype(const struct kv_cache *cache);
size_t kv_cache_page_bytes(const struct kv_cache *cache); /* from one page to the next */
uint32_t kv_cache_pages(const struct kv_cache *cache);
/* Pages that nobody holds: empty ones and published ones. */
uint32_t kv_cache_free_pages(const struct kv_cache *cache);
/* The published ones of these. */
uint32_t kv_cache_kept_pages(const struct kv_cache *cache);

static inline uint32_t kv_pages_for(uint32_t tokens)
{
    return tokens / KV_PAGE_TOKENS + (tokens % KV_PAGE_TOKENS != 0);
}

/* The pages of one sequence: token i is in slot i % 32 of list[i / 32]. */
struct kv_pages {
    uint32_t *list; /* room for `cap` pages, provided by the sequence */
    uint32_t count, cap;
};

/* Makes room for `tokens` tokens (at most 32 · cap). False, and nothing taken, if too few pages
 * are free. */
bool kv_pages_grow(struct kv_cache *cache, struct kv_pages *pages, uint32_t tokens);
/* Lets all go; the published ones stay as long as there is room, the first the longest. */
void kv_pages_release(struct kv_cache *cache, struct kv_pages *pages);

/* Lets page `index` of the list, which is full and may be published already, be found. */
void kv_pages_publish(struct kv_cache *cache, const struct kv_pages *pages, uint32_t index,
                      const struct digest *key);

/* Puts the page published under `key` at `index` of the list: at its end, or in the place of an
 * unpublished page. False if there is none. */
bool kv_pages_adopt(struct kv_cache *cache, struct kv_pages *pages, uint32_t index,
                    const struct digest *key);

/* K or V of a whole page in one layer: [kv_heads, 32, head_dim] of kv_cache_dtype. */
void *kv_page_keys(const struct kv_cache *cache, uint32_t page, uint32_t layer);
void *kv_page_values(const struct kv_cache *cache, uint32_t page, uint32_t layer);
