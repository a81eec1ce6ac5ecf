#include "engine/image_cache.h"

#include "base/test.h"

static const struct image_key A = {{{1}}, 0}, B = {{{2}}, 0}, A1 = {{{1}}, 1};

static struct image_cache *create(uint64_t limit)
{
    struct image_cache *cache;
    assert_false(image_cache_create(limit, &cache, NULL));
    return cache;
}

static struct image_features *add(struct image_cache *cache, const struct image_key *key,
                                  size_t bytes)
{
    struct image_features *features;
    assert_false(image_cache_add(cache, key, malloc(bytes), bytes, &features, NULL));
    return features;
}

static void what_was_encoded_is_found(void **state)
{
    (void)state;
    struct image_cache *cache = create(1000);
    assert_null(image_cache_hold(cache, &A));
    struct image_features *first = add(cache, &A, 100);
    assert_ptr_equal(image_cache_hold(cache, &A), first);
    assert_null(image_cache_hold(cache, &B));
    assert_null(image_cache_hold(cache, &A1)); /* another group of the same video */
    image_cache_let_go(cache, first);
    image_cache_let_go(cache, first);
    assert_ptr_equal(image_cache_hold(cache, &A), first); /* nobody held it */
    image_cache_let_go(cache, first);
    const struct image_cache_figures figures = image_cache_figures(cache);
    assert_int_equal(figures.bytes, 100);
    assert_int_equal(figures.hits, 2);
    assert_int_equal(figures.misses, 1);
    image_cache_destroy(cache);
}

static void the_longest_unused_goes_first(void **state)
{
    (void)state;
    struct image_cache *cache = create(250);
    image_cache_let_go(cache, add(cache, &A, 100));
    image_cache_let_go(cache, add(cache, &B, 100));
    image_cache_let_go(cache, image_cache_hold(cache, &A)); /* now B is the oldest */
    image_cache_let_go(cache, add(cache, &A1, 100));
    assert_null(image_cache_hold(cache, &B));
    struct image_features *a = image_cache_hold(cache, &A);
    assert_non_null(a);
    image_cache_let_go(cache, a);
    assert_int_equal(image_cache_figures(cache).bytes, 200);
    image_cache_destroy(cache);
}

static void what_is_held_stays(void **state)
{
    (void)state;
    struct image_cache *cache = create(50); /* nothing fits */
    struct image_features *a = add(cache, &A, 100), *b = add(cache, &B, 100);
    assert_int_equal(image_cache_figures(cache).bytes, 200);
    assert_ptr_equal(image_cache_hold(cache, &A), a);
    image_cache_let_go(cache, a);
    image_cache_let_go(cache, a);
    assert_int_equal(image_cache_figures(cache).bytes, 100);
    image_cache_let_go(cache, b);
    assert_int_equal(image_cache_figures(cache).bytes, 0);
    assert_null(image_cache_hold(cache, &A));
    image_cache_destroy(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_encoded_is_found),
        cmocka_unit_test(the_longest_unused_goes_first),
        cmocka_unit_test(what_is_held_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
