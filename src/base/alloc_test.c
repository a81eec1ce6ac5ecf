/* Every allocation of base fails once. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/failing_alloc_test.h"
#include "base/status.h"
#include "base/test.h"

static bool fill_buffer(const void *unused)
{
    (void)unused;
    struct buf buf;
    size_t expected = 0;
    buf_init(&buf, 1 << 20);
    for (int i = 0; i < 100; i++) {
        const bool before = buf.failed;
        buf_printf(&buf, "%099d\n", i);
        expected += buf.failed ? 0 : 100;
        assert_true(buf.failed || !before); /* failed stays */
        assert_int_equal(buf.len, expected);
        if (buf.data)
            assert_int_equal(buf.data[buf.len], '\0');
    }
    const bool ok = !buf.failed;
    char *text = buf_detach(&buf);
    assert_int_equal(text != NULL, ok);
    free(text);
    buf_release(&buf);
    return ok;
}

static bool fill_arena(const void *unused)
{
    (void)unused;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    bool ok = true;
    for (int i = 0; i < 100; i++) {
        char *text = arena_printf(&arena, "%0999d", i);
        char *copy = arena_strdup(&arena, (struct str){"abc", 3});
        ok = ok && text && copy;
        assert_true(!text || strlen(text) == 999);
        assert_true(!copy || strcmp(copy, "abc") == 0);
    }
    ok = ok && arena_array(&arena, 100, 1000);
    arena_release(&arena);
    return ok;
}

static void gives_up_cleanly(void **state)
{
    (void)state;
    assert_int_equal(failing_alloc_each(fill_buffer, NULL), 8); /* 128, 256, … 16 Ki */
    assert_true(failing_alloc_each(fill_arena, NULL) > 5);
}

/* A failed buffer keeps what it had, and works again once cleared. */
static void keeps_what_it_had(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 1 << 20);
    buf_puts(&buf, "kept");
    failing_alloc_at(1);
    buf_add(&buf, (char[500]){0}, 500);
    assert_true(failing_alloc_end());
    assert_true(buf.failed);
    assert_string_equal(buf.data, "kept");
    assert_null(buf_detach(&buf));
    buf_clear(&buf);
    buf_add(&buf, (char[500]){0}, 500);
    assert_false(buf.failed);
    assert_int_equal(buf.len, 500);
    buf_release(&buf);
}

/* Sizes near the end of size_t neither wrap around nor reach the allocator. */
static void refuses_sizes_that_wrap(void **state)
{
    (void)state;
    static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - 15, SIZE_MAX - 16,
                                   SIZE_MAX - 64};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct arena arena;
        struct buf buf;
        arena_init(&arena, 1 << 20);
        buf_init(&buf, 1 << 20);
        buf_puts(&buf, "x");
        failing_alloc_at(1);
        assert_null(arena_alloc(&arena, sizes[i]));
        assert_null(arena_array(&arena, sizes[i], 2));
        assert_null(arena_array(&arena, 2, sizes[i]));
        assert_null(arena_strdup(&arena, (struct str){"x", sizes[i]}));
        assert_false(buf_reserve(&buf, sizes[i]));
        assert_false(failing_alloc_end());
        assert_string_equal(buf.data, "x");
        arena_release(&arena);
        buf_release(&buf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_up_cleanly),
        cmocka_unit_test(keeps_what_it_had),
        cmocka_unit_test(refuses_sizes_that_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
