#include "base/arena.h"
#include "base/test.h"

static void gives_zeroed_aligned_memory(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    for (size_t size = 0; size < 3000; size += 7) {
        unsigned char *p = arena_alloc(&arena, size);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xAA, size);
        if (size > 1500)
            break;
    }
    arena_release(&arena);
}

static void stops_at_its_maximum(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 100 * 1024);
    size_t total = 0;
    while (arena_alloc(&arena, 1000))
        total += 1000;
    assert_true(total <= 100 * 1024 && total > 60 * 1024);
    assert_null(arena_alloc(&arena, SIZE_MAX));
    assert_null(arena_array(&arena, SIZE_MAX / 2, 3));
    arena_release(&arena);
    assert_non_null(arena_alloc(&arena, 1000)); /* usable again */
    arena_release(&arena);
}

static void copies_and_formats(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    assert_string_equal(arena_strdup(&arena, (struct str){"abcdef", 3}), "abc");
    assert_string_equal(arena_printf(&arena, "%d/%s", 7, "x"), "7/x");
    char *large = arena_alloc(&arena, 100000);
    assert_non_null(large);
    large[99999] = 1;
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_zeroed_aligned_memory),
        cmocka_unit_test(stops_at_its_maximum),
        cmocka_unit_test(copies_and_formats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
