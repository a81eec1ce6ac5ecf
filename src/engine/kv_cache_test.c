#include "engine/kv_cache.h"

#include "base/test.h"

static const struct text_config CONFIG = {.layers = 3, .kv_heads = 2, .head_dim = 8};

static struct kv_cache *create(uint32_t pages)
{
    struct kv_cache *cache;
    assert_int_equal(kv_cache_create(&CONFIG, KV_F32, pages, &cache, NULL), STATUS_OK);
    return cache;
}

static void pages_hold_all_layers(void **state)
{
    (void)state;
    const struct text_config wide = {.layers = 3, .kv_heads = 2, .head_dim = 64};
    assert_int_equal(kv_page_bytes(&CONFIG, KV_F32), 3 * 2 * 2 * 32 * 8 * 4);
    assert_int_equal(kv_page_bytes(&CONFIG, KV_F16), 3 * 2 * 2 * 32 * 8 * 2);
    assert_int_equal(kv_page_bytes(&wide, KV_Q8_0), 3 * 2 * 2 * 32 * 2 * 34);
    assert_int_equal(kv_pages_for(0), 0);
    assert_int_equal(kv_pages_for(32), 1);
    assert_int_equal(kv_pages_for(33), 2);
}

static void every_block_is_its_own(void **state)
{
    (void)state;
    struct kv_cache *cache = create(4);
    const size_t floats = 2 * 32 * 8;
    for (uint32_t page = 0; page < 4; page++) {
        for (uint32_t layer = 0; layer < 3; layer++) {
            for (size_t i = 0; i < floats; i++) {
                ((float *)kv_page_keys(cache, page, layer))[i] = (float)(page * 10 + layer);
                ((float *)kv_page_values(cache, page, layer))[i] = (float)(page * 10 + layer + 5);
            }
        }
    }
    for (uint32_t page = 0; page < 4; page++) {
        for (uint32_t layer = 0; layer < 3; layer++) {
            const float *keys = kv_page_keys(cache, page, layer);
            const float *values = kv_page_values(cache, page, layer);
            assert_float_equal(keys[0], (float)(page * 10 + layer), 0);
            assert_float_equal(keys[floats - 1], (float)(page * 10 + layer), 0);
            assert_float_equal(values[0], (float)(page * 10 + layer + 5), 0);
        }
    }
    kv_cache_destroy(cache);
}

static void sequences_take_and_give_back(void **state)
{
    (void)state;
    struct kv_cache *cache = create(4);
    uint32_t list_a[4], list_b[4];
    struct kv_pages a = {list_a, 0, 4}, b = {list_b, 0, 4};
    assert_true(kv_pages_grow(cache, &a, 40));
    assert_int_equal(a.count, 2);
    assert_true(kv_pages_grow(cache, &a, 64)); /* no more needed */
    assert_int_equal(kv_cache_free_pages(cache), 2);
    assert_false(kv_pages_grow(cache, &b, 65)); /* three, two are free: nothing taken */
    assert_int_equal(b.count, 0);
    assert_true(kv_pages_grow(cache, &b, 33));
    assert_int_equal(kv_cache_free_pages(cache), 0);
    bool used[4] = {0};
    for (int i = 0; i < 2; i++) {
        used[list_a[i]] = true;
        used[list_b[i]] = true;
    }
    assert_true(used[0] && used[1] && used[2] && used[3]);
    kv_pages_release(cache, &a);
    assert_true(kv_pages_grow(cache, &b, 128));
    assert_false(kv_pages_grow(cache, &a, 1));
    kv_pages_release(cache, &b);
    assert_int_equal(kv_cache_free_pages(cache), 4);
    kv_cache_destroy(cache);
}

static const struct digest FIRST = {{1}}, SECOND = {{2}}, OTHER = {{3}};

static void published_pages_are_shared(void **state)
{
    (void)state;
    struct kv_cache *cache = create(4);
    uint32_t list_a[4], list_b[4];
    struct kv_pages a = {list_a, 0, 4}, b = {list_b, 0, 4};
    assert_true(kv_pages_grow(cache, &a, 64));
    assert_false(kv_pages_adopt(cache, &b, 0, &FIRST));
    kv_pages_publish(cache, &a, 0, &FIRST);
    kv_pages_publish(cache, &a, 0, &FIRST); /* once more does nothing */
    assert_true(kv_pages_adopt(cache, &b, 0, &FIRST));
    assert_int_equal(list_b[0], list_a[0]);
    assert_true(kv_pages_grow(cache, &b, 64));
    assert_int_not_equal(list_b[1], list_a[1]);
    assert_int_equal(kv_cache_free_pages(cache), 1);
    kv_pages_publish(cache, &a, 1, &SECOND);
    assert_true(kv_pages_adopt(cache, &b, 1, &SECOND)); /* in the place of its own */
    assert_int_equal(list_b[1], list_a[1]);
    assert_int_equal(b.count, 2);
    assert_int_equal(kv_cache_free_pages(cache), 2);
    kv_pages_release(cache, &a);
    assert_int_equal(kv_cache_free_pages(cache), 2); /* b still holds both */
    assert_true(kv_pages_grow(cache, &a, 32));
    assert_int_not_equal(list_a[0], list_b[0]);
    assert_int_not_equal(list_a[0], list_b[1]);
    kv_pages_release(cache, &a);
    kv_pages_release(cache, &b);
    assert_int_equal(kv_cache_free_pages(cache), 4);
    assert_int_equal(kv_cache_kept_pages(cache), 2);
    kv_cache_destroy(cache);
}

static void a_second_copy_is_not_published(void **state)
{
    (void)state;
    struct kv_cache *cache = create(4);
    uint32_t list_a[4], list_b[4];
    struct kv_pages a = {list_a, 0, 4}, b = {list_b, 0, 4};
    assert_true(kv_pages_grow(cache, &a, 32));
    assert_true(kv_pages_grow(cache, &b, 32));
    kv_pages_publish(cache, &a, 0, &FIRST);
    kv_pages_publish(cache, &b, 0, &FIRST);
    kv_pages_release(cache, &b);
    assert_int_equal(kv_cache_kept_pages(cache), 0);
    kv_pages_release(cache, &a);
    assert_int_equal(kv_cache_kept_pages(cache), 1);
    kv_cache_destroy(cache);
}

static void the_longest_unused_page_gives_way(void **state)
{
    (void)state;
    struct kv_cache *cache = create(4);
    uint32_t list_a[4], list_b[4];
    struct kv_pages a = {list_a, 0, 4}, b = {list_b, 0, 4};
    assert_true(kv_pages_grow(cache, &a, 64));
    kv_pages_publish(cache, &a, 0, &FIRST);
    kv_pages_publish(cache, &a, 1, &SECOND);
    kv_pages_release(cache, &a);
    assert_true(kv_pages_grow(cache, &a, 32));
    kv_pages_publish(cache, &a, 0, &OTHER);
    kv_pages_release(cache, &a);
    assert_int_equal(kv_cache_kept_pages(cache), 3);
    assert_true(kv_pages_grow(cache, &b, 64)); /* the empty page, and SECOND: the end of a chain */
    assert_int_equal(kv_cache_kept_pages(cache), 2);
    assert_false(kv_pages_adopt(cache, &a, 0, &SECOND));
    assert_true(kv_pages_adopt(cache, &a, 0, &FIRST)); /* used now: OTHER is next */
    kv_pages_release(cache, &a);
    assert_true(kv_pages_grow(cache, &b, 96));
    assert_false(kv_pages_adopt(cache, &a, 0, &OTHER));
    assert_true(kv_pages_adopt(cache, &a, 0, &FIRST));
    assert_false(kv_pages_grow(cache, &b, 128)); /* all are held */
    kv_pages_release(cache, &a);
    assert_true(kv_pages_grow(cache, &b, 128));
    kv_pages_release(cache, &b);
    assert_int_equal(kv_cache_free_pages(cache), 4);
    assert_int_equal(kv_cache_kept_pages(cache), 0);
    kv_cache_destroy(cache);
}

static void too_large_is_an_error(void **state)
{
    (void)state;
    const struct text_config huge = {.layers = 1 << 20, .kv_heads = 1 << 20, .head_dim = 256};
    struct kv_cache *cache;
    struct reason why;
    assert_int_equal(kv_cache_create(&huge, KV_F32, 1 << 20, &cache, &why), STATUS_NO_MEMORY);
    assert_string_equal(why.code, "memory_full");
}

static void blocks_must_divide_the_heads(void **state)
{
    (void)state;
    struct kv_cache *cache;
    struct reason why;
    assert_int_equal(kv_cache_create(&CONFIG, KV_Q8_0, 4, &cache, &why), STATUS_INVALID);
    assert_string_equal(why.code, "invalid_value");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_hold_all_layers),
        cmocka_unit_test(every_block_is_its_own),
        cmocka_unit_test(sequences_take_and_give_back),
        cmocka_unit_test(published_pages_are_shared),
        cmocka_unit_test(a_second_copy_is_not_published),
        cmocka_unit_test(the_longest_unused_page_gives_way),
        cmocka_unit_test(too_large_is_an_error),
        cmocka_unit_test(blocks_must_divide_the_heads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
